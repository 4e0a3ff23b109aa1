"""Open models in a process that was forked from the one that opened them.

The threads of a session stay behind in the parent. onnxruntime's model is opened again, from the same file, which
gives the same answers; other engines' are refused, since their libraries hang in a child or crash it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.concurrency.forks import keep_in_children
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
from vidcls.runtime.session import Session

FORKED = "start the process by multiprocessing's 'spawn', and open the model in it"


class ProcessSession:
    """A `vidcls.runtime.session.Session` that a process forked from this one can use too, or is told why not."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._place = session.path.absolute()  # wherever the working folder is by then
        self._process, self._file = os.getpid(), _identity(self._place)
        self.path, self.device, self.device_reason = session.path, session.device, session.device_reason
        self.provider, self.batch = session.provider, session.batch
        self.input_name, self.input_type, self.input_shape = session.input_name, session.input_type, session.input_shape
        self.output_name, self.output_type = session.output_name, session.output_type
        self.output_shape = session.output_shape
        keep_in_children(session)

    def run(self, pixel_values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Logits float32 [batch, labels] of a batch in the contract's input layout.

        Raises:
            ModelError: the graph cannot be run, on the CPU.
            DeviceError: the graph cannot be run on another device.
            RuntimeError: this is a process forked from the one that opened it, in which it cannot be used.
        """
        if os.getpid() != self._process:
            self._open_again()
        return self._session.run(pixel_values)

    def _open_again(self) -> None:
        if not _can_be_opened_again(self._session):
            raise RuntimeError(
                f"{self.path}: was opened with {self.provider} before this process was forked, and cannot be used in "
                f"it; {FORKED}"
            )
        if _identity(self._place) != self._file:
            raise RuntimeError(f"{self.path}: has changed since it was opened; open it again in this process")
        self._session, self._process = OnnxRuntimeSession(self._place, device="cpu"), os.getpid()
        keep_in_children(self._session)


def _can_be_opened_again(session: Session) -> bool:
    return isinstance(session, OnnxRuntimeSession) and session.device == "cpu"


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What changes where another file takes a file's place, or it is written to; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
