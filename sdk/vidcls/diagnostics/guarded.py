"""A model file verified in a process of its own, which may take only so long and so much memory.

`python -m vidcls.diagnostics.guarded` is that process. An engine that opens a file may fold constants of any size, and
what a graph computes is known only once it has been computed: so the process around it is limited, not the graph.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vidcls.concurrency import child_process
from vidcls.errors import ArgumentError, ModelError, VidclsError
from vidcls.selftest import Verification
from vidcls.video.decoder_check import DecoderCheck

_MODULE = "vidcls.diagnostics.guarded"
# A day, and 1,000 TB: more than any file takes, and less than what the system's calls can be given.
MOST_SECONDS, MOST_MEMORY_MB = 86_400.0, 1_000_000_000


def verify_guarded(
    model: str | Path,
    *,
    max_seconds: float,
    max_memory_mb: int | None = None,
    device: str = "cpu",
    engine: str = "onnxruntime",
) -> Verification:
    """What `VideoClassifier(model).verify()` finds, in a process that is ended where it takes too much.

    Args:
        model: path of the file.
        max_seconds: how long the process may take, from its start on; at most a day.
        max_memory_mb: how much memory it may hold, in 10^6 bytes, beside its programs' own files; None does not limit
            it. Only Linux does. CUDA reserves far more than it uses, so leave it None there.
        device, engine: as for `VideoClassifier`.

    Raises:
        ModelError: the file is not a vidcls model, is damaged, or takes more than that.
        VidclsError: whatever else `VideoClassifier` raises.
        ArgumentError: a limit is out of its range, or this system cannot limit a process's memory.

    >>> from vidcls.diagnostics.guarded import verify_guarded
    >>> verify_guarded("model.onnx", max_seconds=60).ok
    True
    """
    if not 0 < max_seconds <= MOST_SECONDS:  # nor NaN
        raise ArgumentError(f"max_seconds is {max_seconds}, expected more than 0 and at most {MOST_SECONDS:.0f}")
    if max_memory_mb is not None and not 1 <= max_memory_mb <= MOST_MEMORY_MB:
        raise ArgumentError(f"max_memory_mb is {max_memory_mb}, expected from 1 to {MOST_MEMORY_MB}")
    if max_memory_mb is not None and not sys.platform.startswith("linux"):
        raise ArgumentError("the memory of a process can only be limited on Linux; leave that limit out here")
    limit = "none" if max_memory_mb is None else str(max_memory_mb)
    arguments = [str(model), limit, device, engine]
    try:
        with child_process.owned(_MODULE, arguments, stderr=subprocess.DEVNULL) as process:
            output, _ = process.communicate(timeout=max_seconds)
    except subprocess.TimeoutExpired:
        raise ModelError(f"{model}: opening and running it takes more than {max_seconds:g} s; given up") from None
    if not output:
        raise ModelError(f"{model}: {_ending(process.returncode, max_memory_mb)}")
    return _result(json.loads(output.splitlines()[-1]))


def _ending(code: int, max_memory_mb: int | None) -> str:
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    limit = "" if max_memory_mb is None else f", or needs more than {max_memory_mb} MB"
    return f"the process that opened it ended with {how}; the file is damaged{limit}"


def _result(fields: dict[str, object]) -> Verification:
    if "error" in fields:
        errors = importlib.import_module("vidcls.errors")
        raise getattr(errors, str(fields["type"]), VidclsError)(fields["error"])
    decoders = tuple(DecoderCheck(**found) for found in fields.pop("decoders"))  # type: ignore[attr-defined]
    return Verification(**fields, decoders=decoders)  # type: ignore[arg-type]


def main(arguments: Sequence[str]) -> None:
    """Verify: send the Verification's fields, or an error's class and text."""
    child_process.end_with_owner()
    model, limit, device, engine = arguments
    send = child_process.answers()
    if limit != "none":
        _limit_memory(int(limit) * 1_000_000)
    try:
        from vidcls.classifier import VideoClassifier  # noqa: PLC0415 - its memory counts too
        from vidcls.video.quiet import quiet_decoders  # noqa: PLC0415

        quiet_decoders()
        result = VideoClassifier(model, device=device, engine=engine).verify()  # type: ignore[arg-type]
        send(dataclasses.asdict(result))
    except VidclsError as error:
        send({"type": type(error).__name__, "error": str(error)})
    except MemoryError:
        send({"type": "ModelError", "error": f"{model}: needs more memory than it was allowed"})


def _limit_memory(size: int) -> None:
    import resource  # noqa: PLC0415 - Windows has none

    # What it can write to, not the addresses it reserves, which are many times as many.
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))


if __name__ == "__main__":
    main(sys.argv[1:])
