"""Clips of every kind that has its own pitfall, and exports of a tiny checkpoint."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generated import CHECKPOINT_SECTIONS, contract_fields, turn_mp4, write_av_clip, write_clip

CLIPS: dict[str, Callable[[Path], Path]] = {
    "mp4 at 25 fps": lambda folder: write_clip(folder / "clip.mp4", frames=60, rate=25),
    "mp4 at 30 fps with B-frames": lambda folder: write_av_clip(
        folder / "clip.mp4", frames=70, rate=30, codec="libx264", b_frames=2
    ),
    "avi with late stamps": lambda folder: write_av_clip(folder / "clip.avi", frames=60, b_frames=2),
    "avi with permuted stamps": lambda folder: write_av_clip(
        folder / "clip.avi", frames=60, codec="libx264", b_frames=2
    ),
    "mkv of variable rate": lambda folder: write_av_clip(
        folder / "clip.mkv", frames=60, milliseconds=[1700 + 40 * i + (i * i * 7) % 31 for i in range(60)]
    ),
    "mkv with gaps": lambda folder: write_av_clip(
        folder / "clip.mkv", frames=12, milliseconds=[40 * i + 3000 * (i // 4) for i in range(12)]
    ),
    "mkv at 30 fps in whole milliseconds": lambda folder: write_clip(folder / "clip.mkv", frames=90, rate=30),
    "webm": lambda folder: write_av_clip(folder / "clip.webm", frames=30, codec="libvpx-vp9"),
    "portrait": lambda folder: write_clip(folder / "clip.mp4", frames=40, rate=25, width=90, height=160),
    "turned by metadata": lambda folder: turn_mp4(write_av_clip(folder / "clip.mp4", frames=40), degrees=90),
    "square": lambda folder: write_clip(folder / "clip.mp4", frames=40, rate=25, width=96, height=96),
    "tiny": lambda folder: write_clip(folder / "clip.mp4", frames=3, rate=25, width=32, height=16),
    "one frame": lambda folder: write_clip(folder / "clip.avi", frames=1, codec="MJPG"),
    "4:4:4": lambda folder: write_av_clip(folder / "clip.mp4", frames=30, codec="libx264", pixels="yuv444p"),
}


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: write(tmp_path_factory.mktemp("clip")) for name, write in CLIPS.items()}


@pytest.fixture(params=CLIPS)
def clip(request: pytest.FixtureRequest, clips: dict[str, Path]) -> Path:
    return clips[request.param]


# As published VideoMAEs have it: 16 frames of 224 x 224 spread over 64 frames at 30 fps.
PUBLISHED = {"frames": 16, "clip_seconds": 64 / 30, "size": 224}
CONTRACTS: dict[str, dict[str, Any]] = {
    "small": {"frames": 8, "clip_seconds": 0.8, "size": 32, "resize_size": 37},
    "stretch": {"frames": 8, "clip_seconds": 0.8, "size": 32, "resize": "stretch"},
    "published": PUBLISHED,
}


def checkpoint_fields(**kind: Any) -> dict[str, Any]:
    """A checkpoint's contract as plain JSON values."""
    fields = contract_fields(**kind)
    return {name: fields[name] for name in CHECKPOINT_SECTIONS}


@pytest.fixture(params=CONTRACTS)
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return checkpoint_fields(**CONTRACTS[request.param])


@pytest.fixture
def published_settings() -> dict[str, Any]:
    return checkpoint_fields(**PUBLISHED)


@pytest.fixture(scope="session")
def trained(checkpoint: Path) -> dict[str, Any]:
    """The tiny checkpoint's contract as plain JSON values."""
    fields: dict[str, Any] = json.loads((checkpoint / "vidcls.json").read_text(encoding="utf-8"))
    return fields


@pytest.fixture(scope="session")
def exports(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """{precision: the tiny checkpoint as vidcls-export writes it}."""
    pytest.importorskip("optimum.exporters.onnx", reason="exporting needs Optimum: pip install 'vidcls[export]'")
    from vidcls_export.exporter import export

    folder = tmp_path_factory.mktemp("exported")
    paths = {precision: folder / f"{precision}.onnx" for precision in ("fp32", "fp16")}
    for precision, path in paths.items():
        export(checkpoint, path, precision=precision)  # type: ignore[arg-type]
    return paths


@pytest.fixture(scope="session")
def exported_with(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """exported_with(tokens) is the tiny checkpoint in fp32 with these tokens; each is made once."""
    pytest.importorskip("optimum.exporters.onnx", reason="exporting needs Optimum: pip install 'vidcls[export]'")
    from vidcls_export.exporter import export

    folder = tmp_path_factory.mktemp("tokens")

    @functools.cache
    def make(tokens: str) -> Path:
        return export(checkpoint, folder / f"{tokens.replace(':', '-')}.onnx", tokens=tokens).path

    return make
