"""A model that knows four directions, and videos of a disc that moves in them, at any frame rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from generated import MEAN, STD, contract_fields, write_graph
from vidcls.contract import ClipFingerprints

DIRECTIONS = {"down": (0, 1), "left": (-1, 0), "right": (1, 0), "up": (0, -1)}
SIDE = 64  # px, of the videos
SPEED = 20  # px per second of the disc, which goes round where it leaves the picture

# A disc that goes round jumps; a step counts as this many px of the model's 32 at most.
LONGEST_STEP = 3.0


def disc(label_seconds: Sequence[tuple[str, float]], at: float) -> np.ndarray:
    """BGR [SIDE, SIDE, 3] at `at` seconds of a video in which a bright disc moves as the script says."""
    x = y = SIDE / 2
    for label, seconds in label_seconds:
        moving = min(at, seconds)
        x += DIRECTIONS[label][0] * SPEED * moving
        y += DIRECTIONS[label][1] * SPEED * moving
        at -= moving
    frame = np.full((SIDE, SIDE, 3), 20, np.uint8)
    room = SIDE - 24
    centre = 12 + (x - 12) % room, 12 + (y - 12) % room
    cv2.circle(frame, (round(centre[0] * 16), round(centre[1] * 16)), 8 * 16, (230, 240, 250), -1, cv2.LINE_AA, 4)
    return frame


def film(path: Path, label_seconds: Sequence[tuple[str, float]], *, rate: float) -> Path:
    """Write the video at `rate` frames per second."""
    seconds = sum(seconds for _, seconds in label_seconds)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (SIDE, SIDE))
    assert writer.isOpened()
    for number in range(round(seconds * rate)):
        writer.write(disc(label_seconds, number / rate))
    writer.release()
    return path


def write_motion_model(
    path: Path,
    *,
    frames: int = 8,
    clip_seconds: float = 1.0,
    sharpness: float = 4.0,
    clips: ClipFingerprints | None = None,
) -> Path:
    """An ONNX model with a contract that follows the centre of what is bright; no weights but these numbers.

    The logit of a direction is `sharpness` times how far the centre went that way, in px of the model's 32.
    """

    from onnx import TensorProto, helper, numpy_helper

    size, labels = 32, tuple(sorted(DIRECTIONS))
    fields: dict[str, Any] = contract_fields(labels=labels, frames=frames, size=size, clip_seconds=clip_seconds)
    fields["self_test"]["logits"] = [0.0] * len(labels)
    fields["source"]["clips"] = None if clips is None else dataclasses.asdict(clips)
    column = np.arange(size, dtype=np.float32)
    constants = {
        "std": np.array(STD, np.float32).reshape(3, 1, 1),
        "mean": np.array(MEAN, np.float32).reshape(3, 1, 1),
        "grey": np.float32(0.5),  # only what is brighter counts
        "some": np.float32(1e-3),
        "x": np.tile(column, (size, 1)),
        "y": np.tile(column[:, None], (1, size)),
        "pixels": np.array([2, 3, 4]),
        "low": np.float32(-LONGEST_STEP),
        "high": np.float32(LONGEST_STEP),
        "first": np.array([0]),
        "second": np.array([1]),
        "last": np.array([frames - 1]),
        "end": np.array([frames]),
        "time": np.array([1]),
        "ways": np.array([DIRECTIONS[label] for label in labels], np.float32).T * np.float32(sharpness),
    }
    node = helper.make_node
    nodes = [
        node("Mul", ["pixel_values", "std"], ["scaled"]),
        node("Add", ["scaled", "mean"], ["light"]),
        node("Sub", ["light", "grey"], ["above"]),
        node("Relu", ["above"], ["bright"]),
        node("ReduceSum", ["bright", "pixels"], ["sum"], keepdims=0),
        node("Add", ["sum", "some"], ["total"]),
    ]
    for axis in ("x", "y"):
        nodes += [
            node("Mul", ["bright", axis], [f"{axis}_weighted"]),
            node("ReduceSum", [f"{axis}_weighted", "pixels"], [f"{axis}_sum"], keepdims=0),
            node("Div", [f"{axis}_sum", "total"], [f"{axis}_centre"]),
            node("Slice", [f"{axis}_centre", "second", "end", "time"], [f"{axis}_later"]),
            node("Slice", [f"{axis}_centre", "first", "last", "time"], [f"{axis}_earlier"]),
            node("Sub", [f"{axis}_later", f"{axis}_earlier"], [f"{axis}_step"]),
            node("Clip", [f"{axis}_step", "low", "high"], [f"{axis}_clipped"]),
            node("ReduceSum", [f"{axis}_clipped", "time"], [f"{axis}_way"], keepdims=1),
        ]
    nodes += [node("Concat", ["x_way", "y_way"], ["way"], axis=1), node("MatMul", ["way", "ways"], ["logits"])]
    graph = helper.make_graph(
        nodes,
        "motion",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", frames, 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(labels)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return write_graph(path, graph, fields)
