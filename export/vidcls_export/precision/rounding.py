"""A graph's answer with every number rounded to its precision, compared with PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from vidcls.cpus import usable_cpus
from vidcls.errors import ModelError
from vidcls_export.options import Precision
from vidcls_export.precision.tolerances import largest_difference


def check_rounding(
    path: Path, clip: npt.NDArray[np.uint8], expected: Sequence[float], *, precision: Precision, reach: float
) -> None:
    """Compare a graph with PyTorch, every number rounded to the precision that the graph states.

    onnxruntime computes most of an fp16 graph in fp32 on a CPU, so that what overflows on a GPU does not show there.
    Without its optimisations each operator rounds its output, as a GPU's does.

    Args:
        path: the ONNX file.
        clip: cropped frames uint8 RGB [1, T, H, W, 3].
        expected: PyTorch's logits for it.
        precision: what the graph computes in.
        reach: the largest |logit| of several clips.

    Raises:
        ModelError: the logits are NaN or infinite, or further from `expected` than the precision explains.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = usable_cpus()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: clip})
    difference = float(np.abs(logits[0].astype(np.float64) - expected).max())
    allowed = largest_difference(expected, precision=precision, reach=reach)
    if not difference <= allowed:  # written so that NaN fails
        found = f"differ from PyTorch's by {difference:.2g}, more than {allowed:.2g}"
        found = found if np.isfinite(logits).all() else "overflow"
        mend = "; export it with --precision fp32" if precision != "fp32" else ""
        raise ModelError(f"computed in {precision}, the model's logits {found}; no file was written{mend}")


def check_real_clips(difference: float, *, reach: float, precision: Precision) -> None:
    """Hold an fp32 graph to PyTorch's logits on real clips too, however the top-1 answers agree.

    What other precisions are off by depends on the clips, and is reported.

    Args:
        difference: the largest |logit difference|.
        reach: PyTorch's largest |logit|.
        precision: what the graph computes in.

    Raises:
        ModelError: they differ by more than sums in another order explain.
    """
    allowed = largest_difference([reach], precision="fp32", reach=reach)
    if precision == "fp32" and difference > allowed:
        raise ModelError(
            f"on the videos to check on, the logits of the exported graph differ from PyTorch's by {difference:.2g}, "
            f"more than the {allowed:.2g} that sums in another order explain; this version of torch, transformers or "
            "onnxruntime computes the model in a way that vidcls-export does not know; no file was written"
        )
