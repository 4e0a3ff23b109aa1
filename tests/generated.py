"""What the tests make for themselves: clips with numbered frames, and a tiny VideoMAE checkpoint."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import cv2
import numpy as np

Write = TypeVar("Write", bound=Callable[..., Path])

LABELS = ("clap", "jump", "turn left", "wave")

# What a checkpoint's contract holds of an exported file's.
CHECKPOINT_SECTIONS = ("format", "labels", "sampling", "image", "source", "accuracy", "decision", "tokens")


def made_once(write: Write) -> Write:
    """`write`, which copies the file where it was asked for one like it before: encoding takes much longer.

    Matroska is written anew, as each of its files has a number of its own.
    """
    made: dict[str, bytes] = {}

    @functools.wraps(write)
    def written(path: Path, *arguments: Any, **settings: Any) -> Path:
        kind = repr((path.suffix, arguments, settings))
        if kind in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made[kind])
            return path
        write(path, *arguments, **settings)
        if path.is_file() and path.suffix.lower() not in (".mkv", ".webm"):
            made[kind] = path.read_bytes()
        return path

    return cast(Write, written)


def painted_frame(number: int, *, width: int, height: int) -> np.ndarray:
    """BGR [H, W, 3]: `number` as 8 black or white bars (most significant bit first) over a moving gradient."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    frame = np.stack([(x * 2 + number * 9) % 256, (y * 3 + number * 5) % 256, (x + y + number * 13) % 256], axis=-1)
    frame = frame.astype(np.uint8)
    for bit in range(8):
        left, right = bit * width // 8, (bit + 1) * width // 8
        frame[: height // 3, left:right] = 255 if number >> (7 - bit) & 1 else 0
    return frame


def painted_number(frame: np.ndarray) -> int:
    """The number that `painted_frame` painted on a frame [H, W, 3], after any codec."""
    height, width = frame.shape[:2]
    bars = [frame[: height // 3, bit * width // 8 : (bit + 1) * width // 8].mean() > 127 for bit in range(8)]
    return sum(1 << (7 - bit) for bit in range(8) if bars[bit])


@made_once
def write_clip(
    path: Path, *, frames: int, rate: float = 30, width: int = 160, height: int = 120, codec: str = "mp4v"
) -> Path:
    """Write a clip whose frame i is `painted_frame(i % 256)`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (width, height))
    assert writer.isOpened(), f"OpenCV cannot write {path} as {codec}"
    for number in range(frames):
        writer.write(painted_frame(number % 256, width=width, height=height))
    writer.release()
    return path


def write_checkpoint(
    folder: Path,
    *,
    labels: tuple[str, ...] = LABELS,
    frames: int = 4,
    size: int = 32,
    resize: Literal["shortest_edge", "stretch"] = "shortest_edge",
    width: int = 48,
) -> Path:
    """A tiny random VideoMAE as vidcls-train leaves it: weights, preprocessor_config.json, vidcls.json.

    Weights are drawn wide enough that logits spread over several units: parity of near-zero logits
    would prove nothing.
    """
    import hashlib

    import torch
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessor

    from vidcls.contract import (
        CHECKPOINT_FILE,
        FORMAT,
        NEUTRAL,
        Contract,
        Image,
        Sampling,
        Source,
        Tokens,
        to_json,
    )

    config = VideoMAEConfig(
        image_size=size,
        patch_size=8,
        num_frames=frames,
        tubelet_size=2,
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=2 * width,
        initializer_range=0.2,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    torch.manual_seed(0)
    VideoMAEForVideoClassification(config).save_pretrained(folder)
    shortest = resize == "shortest_edge"
    VideoMAEImageProcessor(
        size={"shortest_edge": size} if shortest else {"height": size, "width": size},
        do_center_crop=shortest,
        crop_size={"height": size, "width": size},
    ).save_pretrained(folder)
    contract = Contract(
        format=FORMAT,
        labels=labels,
        sampling=Sampling(rule="uniform", frames=frames, clip_seconds=0.8),
        image=Image(
            resize=resize,
            resize_size=size,
            crop_size=size,
            interpolation="bilinear",
            antialias=True,
            channels="rgb",
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
        ),
        source=Source(
            architecture="VideoMAEForVideoClassification",
            base=None,
            base_license=None,
            checkpoint_sha256=hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
            data=None,
            clips=None,
            versions={"vidcls": "0.1.0", "torch": torch.__version__},
            created="2026-01-01T00:00:00Z",
        ),
        accuracy=None,
        decision=NEUTRAL,
        tokens=Tokens(rule="all"),
    )
    (folder / CHECKPOINT_FILE).write_text(to_json(contract), encoding="utf-8")
    return folder


# The image settings of every model that `write_model` makes, in the words of the contract.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def contract_fields(
    *,
    labels: tuple[str, ...] = LABELS,
    frames: int = 4,
    size: int = 32,
    clip_seconds: float = 0.8,
    resize: Literal["shortest_edge", "stretch"] = "shortest_edge",
    resize_size: int | None = None,
    dtype: str = "float32",
) -> dict[str, Any]:
    """A complete contract as plain JSON values, for a model of that kind; `file_sha256` is all zeros."""
    return {
        "format": 2,
        "labels": list(labels),
        "sampling": {"rule": "uniform", "frames": frames, "clip_seconds": clip_seconds},
        "image": {
            "resize": resize,
            "resize_size": resize_size or size,
            "crop_size": size,
            "interpolation": "bilinear",
            "antialias": True,
            "channels": "rgb",
            "mean": list(MEAN),
            "std": list(STD),
        },
        "source": {
            "architecture": "VideoMAEForVideoClassification",
            "base": "someone/some-base",
            "base_license": "cc-by-nc-4.0",
            "checkpoint_sha256": "ab" * 32,
            "data": {"train": 4, "val": 2, "test": 2},
            "clips": None,
            "versions": {"vidcls": "0.1.0", "torch": "2.14.1", "transformers": "4.57.6"},
            "created": "2026-01-01T00:00:00Z",
        },
        "accuracy": {"split": "test", "videos": 2, "views": 1, "crops": 1, "top1": 0.5, "top5": 1.0},
        "decision": {
            "activation": "softmax",
            "temperature": 1.0,
            "none_label": None,
            "reject": None,
            "operating_points": None,
            "events": None,
            "fitted_on": None,
        },
        "tokens": {"rule": "all"},
        "model": {
            "precision": "fp32",
            "graph": "portable",
            "opset": 18,
            "input": {
                "name": "pixel_values",
                "dtype": dtype,
                "layout": "BTCHW" if dtype == "float32" else "BTHWC",
                "normalised": dtype == "float32",
            },
            "output": {"name": "logits", "dtype": "float32"},
            "file_sha256": "0" * 64,
        },
        "parity": {
            "videos": 2,
            "top1_agreement": 1.0,
            "max_abs_logit_diff": 0.0009,
            "mean_abs_logit_diff": 0.0002,
            "accuracy_pytorch": 0.5,
            "accuracy_onnx": 0.5,
        },
        "self_test": {"input": "pattern-1", "height": 48, "width": 64, "logits": [], "tolerance": 0.001},
    }


def model_weights(fields: dict[str, Any]) -> np.ndarray:
    """float32 [T * 3 * h * w, labels]: the one matrix that `write_model`'s model multiplies its input with.

    Every input value has a weight of its own, so a frame, pixel or channel out of place shows in the
    logits, which spread over several units.
    """
    size, frames = fields["image"]["crop_size"], fields["sampling"]["frames"]
    values = frames * 3 * size * size
    random = np.random.default_rng(values)
    return (random.standard_normal((values, len(fields["labels"]))) * 3 / values**0.5).astype(np.float32)


def model_logits(crops: np.ndarray, fields: dict[str, Any]) -> np.ndarray:
    """float64 [labels]: what the model of `write_model` answers to uint8 RGB crops [T, h, w, 3], in plain numpy."""
    image = fields["image"]
    pixels = (crops.astype(np.float64) / 255 - image["mean"]) / image["std"]
    return pixels.transpose(0, 3, 1, 2).ravel() @ model_weights(fields).astype(np.float64)


def self_test_logits(fields: dict[str, Any]) -> list[float]:
    """The logits of pattern-1 for the model of `write_model`, written out from the design: no code of vidcls."""
    from PIL import Image

    image, test = fields["image"], fields["self_test"]
    crop = image["crop_size"]
    clip = []
    for t in range(fields["sampling"]["frames"]):
        y, x = np.mgrid[: test["height"], : test["width"]]
        planes = [(37 * t + 5 * y + 3 * x + 71 * c + ((x * y) >> 4)) % 256 for c in range(3)]
        frame = Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))
        if image["resize"] == "stretch":
            resized = (crop, crop)
        else:
            short = min(frame.size)
            resized = (image["resize_size"] * frame.width // short, image["resize_size"] * frame.height // short)
        left, top = (resized[0] - crop) // 2, (resized[1] - crop) // 2
        frame = frame.resize(resized, Image.Resampling.BILINEAR).crop((left, top, left + crop, top + crop))
        clip.append(np.asarray(frame))
    return [float(logit) for logit in model_logits(np.stack(clip), fields)]


@made_once
def write_model(path: Path, fields: dict[str, Any] | None = None, *, key: str | None = "vidcls", **kind: Any) -> Path:
    """Write a tiny ONNX video classifier, one matrix product, with a full contract; no torch, no vidcls.

    Args:
        fields: the contract to embed, by default `contract_fields(**kind)`. Where its self-test has no
            logits and its file_sha256 is zeros, the right ones are filled in.
        key: metadata key of the contract; None leaves it out.
        kind: as for `contract_fields`. The graph always follows `kind`, so that `fields` can contradict it.
    """
    import copy

    from onnx import TensorProto, helper, numpy_helper

    right = contract_fields(**kind)
    fields = copy.deepcopy(right if fields is None else fields)
    size, frames, labels = right["image"]["crop_size"], right["sampling"]["frames"], len(right["labels"])
    constants: dict[str, Any] = {"weights": model_weights(right)}
    nodes = [
        helper.make_node("Flatten", ["normal"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    if right["model"]["input"]["dtype"] == "float32":
        element, shape = TensorProto.FLOAT, ["batch", frames, 3, size, size]
        nodes.insert(0, helper.make_node("Identity", ["pixel_values"], ["normal"]))
    else:
        element, shape = TensorProto.UINT8, ["batch", frames, size, size, 3]
        constants |= {
            "full": np.float32(255),
            "mean": np.array(MEAN, np.float32),
            "std": np.array(STD, np.float32),
        }
        nodes = [
            helper.make_node("Cast", ["pixel_values"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["float", "full"], ["share"]),
            helper.make_node("Sub", ["share", "mean"], ["centred"]),
            helper.make_node("Div", ["centred", "std"], ["scaled"]),
            helper.make_node("Transpose", ["scaled"], ["normal"], perm=[0, 1, 4, 2, 3]),
            *nodes,
        ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixel_values", element, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    if fields.get("self_test", {}).get("logits") == []:
        fields["self_test"]["logits"] = self_test_logits(right)
    return write_graph(path, graph, fields, key=key)


def write_graph(path: Path, graph: Any, fields: dict[str, Any], *, key: str | None = "vidcls") -> Path:
    """Write an ONNX graph as a model file whose contract is `fields`; a file_sha256 of zeros becomes the right one."""
    import hashlib
    import json

    import onnx
    from onnx import helper

    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    if key is not None:
        helper.set_model_props(model, {key: json.dumps(fields)})
    content = model.SerializeToString()
    zeros = b"0" * 64
    if content.count(zeros) == 1:
        content = content.replace(zeros, hashlib.sha256(content).hexdigest().encode())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    onnx.checker.check_model(str(path))
    return path


@made_once
def write_av_clip(
    path: Path,
    *,
    frames: int,
    rate: int = 25,
    width: int = 160,
    height: int = 120,
    codec: str = "mpeg4",
    b_frames: int = 0,
    milliseconds: list[int] | None = None,
    pixels: str = "yuv420p",
) -> Path:
    """Write a clip whose frame i is `painted_frame(i % 256)`, with PyAV.

    Args:
        b_frames: frames predicted from both sides between two others; in an .avi they permute the stamps.
        milliseconds: the time of each frame, for a variable frame rate.
    """
    from fractions import Fraction

    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.bit_rate = 2_000_000
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.time_base = Fraction(1, 1000) if milliseconds else Fraction(1, rate)
        for number in range(frames):
            bgr = painted_frame(number % 256, width=width, height=height)
            frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            frame.pts = milliseconds[number] if milliseconds else number
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_audio(path: Path) -> Path:
    """Write a quarter of a second of silence and no picture."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        for start in range(0, 4096, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn_mp4(path: Path, *, degrees: int) -> Path:
    """Write into an .mp4 that players shall turn its picture clockwise, as telephones do."""
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = [cosine << 16, sine << 16, 0, -sine << 16, cosine << 16, 0, 0, 0, 1 << 30]
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44  # the matrix in a track header of version 0
    content[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(content)
    return path


def scene_frames(*, place: int, take: int, frames: int, rate: float = 25, start: float = 0.0) -> list[np.ndarray]:
    """BGR [120, 160, 3] of a place seen by a fixed camera, where in every take other things move about.

    Args:
        place, take: seeds. start: seconds into the take.
    """
    place_random, take_random = np.random.default_rng([place]), np.random.default_rng([place, take])
    coarse = place_random.integers(0, 256, (5, 7, 3)).astype(np.float32)
    background = cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    things = [
        (take_random.uniform(0.2, 0.8, 2), take_random.uniform(0.1, 0.4, 2), take_random.uniform(0.3, 1, 2))
        for _ in range(2)
    ]
    colours = [tuple(int(value) for value in take_random.integers(0, 256, 3)) for _ in things]
    shown = []
    for number in range(frames):
        seconds = start + number / rate
        frame = background.astype(np.uint8)
        for (middle, reach, speed), colour in zip(things, colours, strict=True):
            x, y = middle + reach * np.sin(2 * np.pi * speed * seconds / 2 + middle * 9)
            cv2.circle(frame, (round(x * 160), round(y * 120)), 7, colour, -1, cv2.LINE_AA)
        shown.append(frame)
    return shown


@made_once
def write_scene(
    path: Path,
    *,
    place: int,
    take: int = 0,
    frames: int = 40,
    rate: int = 25,
    start: float = 0.0,
    size: tuple[int, int] = (160, 120),
    codec: str = "mpeg4",
    bit_rate: int = 400_000,
) -> Path:
    """Write `scene_frames` with PyAV, in that size (width, height), codec and bit rate."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.bit_rate = bit_rate
        for bgr in scene_frames(place=place, take=take, frames=frames, rate=rate, start=start):
            shown = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="bgr24")))
        container.mux(stream.encode())
    return path
