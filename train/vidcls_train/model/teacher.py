"""A teacher that answers: a checkpoint in PyTorch, or an exported file in onnxruntime, for the student's labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForVideoClassification

from vidcls.contract import Contract, Image, ModelContract, configured_tokens
from vidcls.errors import ModelError
from vidcls.runtime.model import open_model
from vidcls.runtime.session import run_checked
from vidcls_train.model.base_checkpoint import load_pretrained
from vidcls_train.model.tokens import use_tokens
from vidcls_train.teacher_file import TeacherFile

# float32 [B, T, 3, H, W] -> logits for the teacher's own labels, float32 [B, labels].
_Answer = Callable[[torch.Tensor], torch.Tensor]


class Teacher:
    """A trained classifier that is not trained on.

    file: what it says of itself. parameters: how many it has; None of an exported file.
    """

    def __init__(self, file: TeacherFile, labels: tuple[str, ...], *, device: Literal["auto", "cpu", "cuda"]) -> None:
        """Load it.

        Args:
            file: as `read_teacher` gives it, checked for these labels.
            labels: the student's, in class-id order.
            device: as the run's; an exported int8 file runs on the CPU, whatever this says.

        Raises:
            ModelError: its weights cannot be loaded, or some are missing.
            DeviceError: "cuda" was asked for, and an exported file cannot run there.
        """
        self.file = file
        self.parameters: int | None = None
        own = file.contract.labels
        self._columns = torch.tensor([own.index(label) for label in labels])
        self._answer = self._exported(device) if file.is_exported else self._loaded(device)

    @property
    def contract(self) -> Contract:
        """Its own, for its own labels."""
        return self.file.contract

    @property
    def engine(self) -> str:
        """What computes its answers."""
        return "onnxruntime" if self.file.is_exported else "PyTorch"

    @torch.no_grad()
    def logits(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Its logits for the student's labels, float32 [B, labels], where the pixels are.

        Args:
            pixel_values: float32 [B, T, 3, H, W], as its contract says: of its own frames and size, normalised by it.
        """
        logits = self._answer(pixel_values)
        return logits.float()[:, self._columns.to(logits.device)].to(pixel_values.device)

    def _loaded(self, device: str) -> _Answer:
        model, loading = load_pretrained(
            str(self.file.path), AutoModelForVideoClassification, use_safetensors=True, output_loading_info=True
        )
        lost = sorted(map(str, (*loading["missing_keys"], *loading["mismatched_keys"])))
        if lost:
            raise ModelError(
                f"--teacher {self.file.path}: {len(lost)} of its weights are missing or of another size ('{lost[0]}' "
                "and so on); copy the whole checkpoint again"
            )
        model = model.float().eval().requires_grad_(False)
        use_tokens(model, configured_tokens(model.config), image=self.contract.image)
        self.parameters = sum(weight.numel() for weight in model.parameters())
        place = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        model = model.to(place)
        # By place: V-JEPA 2 has another name for it.
        return lambda pixel_values: model(pixel_values.to(place)).logits

    def _exported(self, device: Literal["auto", "cpu", "cuda"]) -> _Answer:
        session, contract = open_model(
            self.file.path, device="auto" if device == "cuda" else device, engine="onnxruntime"
        )

        def answer(pixel_values: torch.Tensor) -> torch.Tensor:
            batch = graph_input(pixel_values.cpu().numpy(), contract)
            parts = [
                run_checked(session, batch[first : first + session.batch], labels=len(contract.labels))
                for first in range(0, len(batch), session.batch)
            ]
            return torch.from_numpy(np.concatenate(parts))

        return answer


def graph_input(pixel_values: npt.NDArray[np.float32], contract: ModelContract) -> npt.NDArray[np.float32 | np.uint8]:
    """Normalised pixels, float32 [B, T, 3, H, W], as the graph of an exported file takes them.

    One that normalises for itself takes uint8 [B, T, H, W, 3]: exactly the frames that these pixels were made of, or,
    where clips are mixed, the nearest grey levels.
    """
    if contract.model.input.dtype == "float32":
        return np.ascontiguousarray(pixel_values)
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (contract.image.mean, contract.image.std))
    levels = np.rint((pixel_values * std + mean) * 255).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 1, 3, 4, 2))


def load_teacher(
    file: TeacherFile | None, labels: tuple[str, ...], *, device: Literal["auto", "cpu", "cuda"]
) -> Teacher | None:
    """`Teacher`; None where the run has none."""
    return None if file is None else Teacher(file, labels, device=device)


def view_of(teacher: Teacher | None, student: Contract) -> Contract | None:
    """The contract by which a teacher's pixels are made; None where it has none of its own.

    That is where there is no teacher, or where the student's are of the same size, number of frames and normalisation.
    """
    if teacher is None:
        return None
    ours, own = ((side.sampling.frames, *_pixels(side.image)) for side in (student, teacher.contract))
    return None if ours == own else teacher.contract


def _pixels(image: Image) -> tuple[object, ...]:
    return image.crop_size, image.mean, image.std
