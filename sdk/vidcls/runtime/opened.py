"""A model that is open: what it says of itself, and where it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vidcls.concurrency.daemons import call_of_the_program
from vidcls.contract import ModelContract
from vidcls.errors import ModelError
from vidcls.runtime.devices import Device
from vidcls.runtime.model import open_model
from vidcls.runtime.session import Engine


class OpenedModel:
    """A model file made by vidcls-export, opened on a device."""

    def __init__(
        self, model: str | os.PathLike[str], *, device: Device = "auto", engine: Engine = "onnxruntime"
    ) -> None:
        """Open a model.

        Args:
            model: path of the ONNX file.
            device: "auto" takes CUDA where it works, else the CPU; "cpu"; "cuda" never falls back, and neither does
                "cuda:1", the second of several cards.
            engine: what computes: "onnxruntime", or "openvino" on the CPU, from the same file.

        Raises:
            ModelError: the file is not a vidcls model, or is damaged.
            DeviceError: the card cannot be used on this machine, or is not there.
            DependencyError: the engine is not installed.
        """
        self._path = Path(model)
        # As asked for, and where the file is whatever the working folder becomes: for copies in other processes.
        self._asked: dict[str, Any] = {"device": device, "engine": engine}
        self._place = self._path.absolute()
        self._open()

    def _open(self) -> None:
        with call_of_the_program():
            self._session, self._contract = open_model(self._path, **self._asked)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process is opened from: the file's place and the options, and which file it has to be.

        Examples:
            >>> import pickle
            >>> classifier = VideoClassifier("model.onnx", device="cpu")
            >>> copy = pickle.loads(pickle.dumps(classifier))
            >>> copy.device, bool((copy.predict("clip.avi").logits == classifier.predict("clip.avi").logits).all())
            ('cpu', True)
        """
        own = {name: value for name, value in vars(self).items() if name not in ("_session", "_contract")}
        return {**own, "_path": self._place, "_file_sha256": self._contract.model.file_sha256}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the file again, as in `__init__`, which raises what that does.

        Raises:
            ModelError: another model is at its place by now.
        """
        expected = state.pop("_file_sha256")
        vars(self).update(state)
        self._open()
        if self._contract.model.file_sha256 != expected:
            raise ModelError(
                f"{self._path}: is another model than when the classifier was pickled; open it by VideoClassifier(path)"
            )

    def __copy__(self) -> OpenedModel:
        """The model itself, which keeps nothing between calls."""
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> OpenedModel:
        """The model itself, which keeps nothing between calls."""
        return self

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({os.fspath(self._path)!r}, device={self.device!r}) of {len(self.labels)} labels"

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in class-id order.

        Examples:
            >>> VideoClassifier("model.onnx", device="cpu").labels
            ('clap', 'jump', 'turn left', 'wave')
        """
        return self._contract.labels

    @property
    def device(self) -> str:
        """Where the model runs: "cpu", "cuda", or of several cards another one than the first: "cuda:1".

        Examples:
            >>> VideoClassifier("model.onnx", device="cpu").device
            'cpu'
        """
        return self._session.device

    @property
    def device_reason(self) -> str:
        """Why it runs there, for people: with "auto", also what keeps it from CUDA.

        Examples:
            >>> VideoClassifier("model.onnx", device="cpu").device_reason
            'the CPU was asked for'
        """
        return self._session.device_reason

    @property
    def provider(self) -> str:
        """The execution provider: onnxruntime's name for it, or OpenVINO and its version.

        Examples:
            >>> VideoClassifier("model.onnx", device="cpu").provider
            'CPUExecutionProvider'
        """
        return self._session.provider

    @property
    def contract(self) -> ModelContract:
        """What the model says of itself.

        Examples:
            >>> VideoClassifier("model.onnx", device="cpu").contract.sampling
            Sampling(rule='uniform', frames=4, clip_seconds=0.8)
        """
        return self._contract
