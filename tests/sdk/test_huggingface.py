"""preprocessor_config.json -> the contract's image section, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vidcls import ModelError
from vidcls.huggingface import DEFAULT_CLIP_SECONDS, is_non_commercial, read_image_section


def write(folder: Path, **fields: Any) -> Path:
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("shortest_edge", 224, 224)),
        ({"size": 256}, ("shortest_edge", 256, 224)),
        ({"size": 36, "crop_size": 32}, ("shortest_edge", 36, 32)),
        ({"size": None, "crop_size": None}, ("shortest_edge", 224, 224)),
        ({"size": {"height": 224, "width": 224}}, ("stretch", 224, 224)),
        ({"size": {"height": 32, "width": 32}, "do_center_crop": False}, ("stretch", 32, 32)),
    ],
)
def test_sizes(tmp_path: Path, fields: dict[str, Any], expected: tuple[str, int, int]) -> None:
    image = read_image_section(write(tmp_path, **fields))
    assert (image.resize, image.resize_size, image.crop_size) == expected


def test_statistics(tmp_path: Path) -> None:
    image = read_image_section(write(tmp_path, image_mean=[0, 0.25, 0.5], image_std=[1, 0.5, 0.25]))
    assert (image.mean, image.std) == ((0.0, 0.25, 0.5), (1.0, 0.5, 0.25))
    image = read_image_section(write(tmp_path, image_mean=None))
    assert (image.mean, image.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_files_are_read_as_transformers_reads_them(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    for fields in ({}, {"size": 256}, {"image_mean": None, "image_std": None}, {"size": {"height": 224, "width": 224}}):
        image = read_image_section(write(tmp_path, **fields))
        processor = transformers.VideoMAEImageProcessor.from_pretrained(tmp_path)
        if processor.image_mean is not None:  # as transformers 5 has it, where a file holds null
            assert (list(image.mean), list(image.std)) == (list(processor.image_mean), list(processor.image_std))
        assert image.resize_size == next(iter(dict(processor.size).values()))
        assert image.crop_size == dict(processor.crop_size)["height"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"resample": 3}, "has resample 3, but vidcls can only do resample 2"),
        ({"resample": None}, "has resample null"),
        ({"do_resize": False}, "has do_resize false"),
        ({"do_center_crop": None}, "has do_center_crop null, expected true or false"),
        ({"rescale_factor": 1 / 127.5}, "but vidcls can only do 1/255"),
        ({"rescale_factor": "1/255"}, 'has rescale_factor "1/255"'),
        ({"image_mean": 0.5}, "has image_mean 0.5, expected three numbers"),
        ({"image_mean": [0.5, 0.5, float("nan")]}, "expected three numbers"),
        ({"image_mean": [0.5, 0.5, 10**400]}, "expected three numbers"),
        ({"image_std": [0.5, 0.5, "0.5"]}, "has image_std .* expected three numbers"),
        ({"image_std": [0.5, 0, 0.5]}, "expected numbers above 0"),
        ({"size": [224, 224]}, r"has size \[224, 224\], expected whole numbers of pixels"),
        ({"size": True}, "has size true"),
        ({"size": {"shortest_edge": 0}}, "expected whole numbers of pixels"),
        ({"size": {"shortest_edge": 200}}, "to 200 pixels, expected at least the crop's 224"),
        ({"size": {"height": 224, "width": 256}}, "vidcls can only resize the shortest edge and crop"),
        ({"size": {"shortest_edge": 224, "longest_edge": 300}}, "vidcls can only resize the shortest edge"),
        ({"crop_size": {"height": 224, "width": 200}}, "vidcls can only resize the shortest edge and crop"),
        ({"do_center_crop": False}, "vidcls can only resize the shortest edge and crop"),
        ({"feature_extractor_type": "ViTFeatureExtractor"}, "is for ViTFeatureExtractor"),
    ],
)
def test_what_vidcls_does_not_do_is_refused(tmp_path: Path, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelError, match=f"preprocessor_config.json: .*{problem}"):
        read_image_section(write(tmp_path, **fields))


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"{", "expected JSON"), (b"\xff", "expected JSON"), (b"[]", r"holds \[\], expected a JSON object")],
)
def test_broken_files_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "preprocessor_config.json"
    with pytest.raises(ModelError, match="there is no such file"):
        read_image_section(path)
    path.write_bytes(content)
    with pytest.raises(ModelError, match=problem):
        read_image_section(path)


def test_licences() -> None:
    assert all(is_non_commercial(name) for name in ("cc-by-nc-4.0", "CC-BY-NC-SA-4.0", "cc-nc"))
    assert not any(is_non_commercial(name) for name in (None, "", "apache-2.0", "cc-by-4.0", "ncsa"))


def test_one_length_of_clips_for_every_command() -> None:
    pytest.importorskip("torch")
    from vidcls_train.config import groups

    assert groups.DEFAULT_CLIP_SECONDS == DEFAULT_CLIP_SECONDS == 64 / 30
