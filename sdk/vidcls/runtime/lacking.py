"""A model that needs another onnxruntime than the one that shall run it, by what that says."""

from __future__ import annotations

import re
from types import ModuleType

from vidcls.runtime import cuda

# Of a file's format, of its operators' set, of an operator, of an operator for these types.
_LACKING = re.compile(
    r"Unsupported model IR version: \d+, max supported IR version: \d+"
    r"|Opset \d+ is under development"
    r"|No Op registered for \w+ with domain_version of \d+"
    r"|[\w.]+:\w+\(-?\d+\) is not a registered function/op"
    r"|Could not find an implementation for \w+\(\d+\)"
)


def sentence(runtime: ModuleType, error: str) -> str | None:
    """What this onnxruntime lacks for a model, and the line that brings a newer one; None for every other error.

    Args:
        runtime: the module onnxruntime.
        error: what it said when it should have opened the model.
    """
    found = _LACKING.search(error)
    if found is None:
        return None
    package = next(iter(cuda.wheels(runtime)), "onnxruntime")
    return (
        f"onnxruntime {runtime.__version__} lacks what the model needs ({found[0]}); run "
        f"'pip install --upgrade {package}', or export the model with --graph portable"
    )
