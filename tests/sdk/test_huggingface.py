"""preprocessor_config.json -> the contract's image section, and what is refused."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidcls import ModelError
from vidcls.huggingface import DEFAULT_CLIP_SECONDS, find_preprocessor, is_non_commercial, read_image_section
from vidcls.preprocessing import crop_frame, normalise

# float32, computed in another order, at values up to 255.
ROUNDING = 2e-6
# torchvision resizes uint8 to within one grey level of Pillow; video processors use it, and all of transformers 5.
GREY_LEVEL = 1 / 255

SIZES: dict[str, Any] = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
STATISTICS: dict[str, Any] = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.25]}


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
    ("name", "settings"),
    [
        ("VideoMAEImageProcessor", SIZES | STATISTICS),
        ("VideoMAEImageProcessor", SIZES | STATISTICS | {"do_normalize": False}),
        ("VideoMAEImageProcessor", SIZES | STATISTICS | {"do_normalize": False, "do_rescale": False}),
        ("VideoMAEImageProcessor", SIZES | STATISTICS | {"rescale_factor": 1 / 127.5}),
        ("VideoMAEImageProcessor", {"size": {"height": 32, "width": 32}, "do_center_crop": False}),
        ("VideoMAEFeatureExtractor", SIZES),
        ("VideoMAEVideoProcessor", SIZES | STATISTICS),
        ("TimesformerVideoProcessor", SIZES),
        ("VivitImageProcessor", SIZES | STATISTICS),
        ("VivitImageProcessor", SIZES | {"offset": False, "rescale_factor": 1 / 255}),
        ("VivitVideoProcessor", SIZES),
        ("VJEPA2VideoProcessor", {"crop_size": 32}),
    ],
)
def test_pixels_are_those_of_transformers_own_processor(tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    transformers = pytest.importorskip("transformers")
    if not hasattr(transformers, name):
        pytest.skip(f"transformers {transformers.__version__} has no {name}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the feature extractor, which has another name now
        processor = getattr(transformers, name)(**settings)
    processor.save_pretrained(tmp_path)
    found = find_preprocessor(tmp_path)
    assert found is not None
    image = found.image
    # 4.54 crops these frames as torchvision does, which rounds half a pixel to even: there is none to round in 62.
    width = 62 if name == "VJEPA2VideoProcessor" and transformers.__version__.startswith("4.54.") else 61
    video = np.random.default_rng(0).integers(0, 256, (2, 50, width, 3), np.uint8)
    expected = np.asarray(next(iter(processor(list(video), return_tensors="pt").values())))[0]
    pixels = normalise(np.concatenate([crop_frame(frame, image, crops=1) for frame in video]), image)
    by_pillow = transformers.__version__.startswith("4.") and not name.endswith("VideoProcessor")
    limit = max(1, np.abs(expected).max()) * ROUNDING + (0 if by_pillow else GREY_LEVEL / min(image.std))
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=limit)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # As transformers 4.22 wrote them, when the crop was as large as the shortest edge.
        ({"feature_extractor_type": "VideoMAEFeatureExtractor", "size": 224}, ("shortest_edge", 224, 224)),
        ({"feature_extractor_type": "VideoMAEFeatureExtractor", "size": 112}, ("shortest_edge", 112, 112)),
        ({"size": [48, 48], "do_center_crop": False}, ("stretch", 48, 48)),
        (
            {
                "image_processor_type": "VideoMAEImageProcessorFast",
                "size": {"height": 64, "width": 64},
                "crop_size": 64,
            },
            ("stretch", 64, 64),
        ),
        # A video processor's file has all its keys, null for those that it leaves to its class.
        (
            {"video_processor_type": "VideoMAEVideoProcessor", "resample": None, "do_rescale": None, "fps": None},
            ("shortest_edge", 224, 224),
        ),
        ({"size": {"shortest_edge": 40, "longest_edge": None}, "crop_size": 32}, ("shortest_edge", 40, 32)),
    ],
)
def test_layouts_of_other_versions(tmp_path: Path, fields: dict[str, Any], expected: tuple[str, int, int]) -> None:
    image = read_image_section(write(tmp_path, **fields))
    assert (image.resize, image.resize_size, image.crop_size) == expected


def test_a_file_without_a_kind_is_of_the_models_own(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vivit"}', encoding="utf-8")
    image = read_image_section(write(tmp_path, do_resize=True))
    assert (image.resize_size, image.crop_size) == (256, 224)
    assert image.mean == (0.75, 0.75, 0.75)  # of values 0..1: transformers scales to -1..1, and takes 0.5 away
    assert image.std == (0.25, 0.25, 0.25)


def test_one_lookup_for_all_the_files_of_a_checkpoint(tmp_path: Path) -> None:
    assert find_preprocessor(tmp_path) is None
    ours = {"image_processor_type": "VideoMAEImageProcessor", "size": 36, "crop_size": 32}
    path = write(tmp_path, **ours)
    found = find_preprocessor(tmp_path)
    assert found is not None
    assert (found.path, found.image.crop_size, found.notices) == (path, 32, ())

    video = tmp_path / "video_preprocessor_config.json"
    theirs = {**ours, "video_processor_type": "VideoMAEVideoProcessor", "do_sample_frames": True, "fps": 4}
    video.write_text(json.dumps(theirs), encoding="utf-8")
    found = find_preprocessor(tmp_path)
    assert found is not None
    assert found.path == video
    assert [notice.partition(": ")[2][:34] for notice in found.notices] == ["has do_sample_frames true, fps 4, "]

    nested = tmp_path / "processor_config.json"
    nested.write_text(json.dumps({"processor_class": "Any", "video_processor": theirs}), encoding="utf-8")
    found = find_preprocessor(tmp_path)
    assert found is not None
    assert found.path == nested


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    write(tmp_path, image_mean=[0.485, 0.456, 0.406])
    video = tmp_path / "video_preprocessor_config.json"
    video.write_text('{"video_processor_type": "VideoMAEVideoProcessor"}', encoding="utf-8")
    with pytest.raises(
        ModelError, match=r"video_preprocessor_config\.json: stands for image_mean \(0\.5, 0\.5, 0\.5\), but"
    ):
        find_preprocessor(tmp_path)


def test_a_step_of_a_trainer_has_what_the_run_has(tmp_path: Path) -> None:
    step, other = tmp_path / "run" / "checkpoint-500", tmp_path / "run" / "best"
    step.mkdir(parents=True)
    other.mkdir()
    path = write(tmp_path / "run", size=36, crop_size=32)
    found = find_preprocessor(step)
    assert found is not None
    assert found.path == path.resolve()
    assert "has no preprocessor_config.json; what" in found.notices[0]
    assert find_preprocessor(other) is None
    write(step, size=64, crop_size=48)
    found = find_preprocessor(step)
    assert found is not None
    assert (found.image.crop_size, found.notices) == (48, ())


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"resample": 0}, r"has resample 0 \(nearest\), but vidcls can only do resample 2 \(bilinear\)"),
        ({"resample": 3}, r"has resample 3 \(bicubic\)"),
        ({"resample": None}, "has resample null"),
        ({"do_resize": False}, "has do_resize false"),
        ({"do_center_crop": None}, "has do_center_crop null, expected true or false"),
        ({"offset": True}, r"for pixels from 0 to 1, 'image_mean\[0\]' is 1.5, expected from 0 to 1"),
        ({"offset": True, "do_rescale": False}, "has offset true but do_rescale false"),
        ({"do_rescale": False, "image_std": 0.2}, r"'image_std\[0\]' is 0.00078.*, expected from 0.001"),
        ({"do_flip_channel_order": True}, "has do_flip_channel_order true, which vidcls does not do"),
        ({"do_pad": True}, "has do_pad true"),
        ({"rescale_factor": 0}, "has rescale_factor 0, expected a number above 0"),
        ({"rescale_factor": "1/255"}, 'has rescale_factor "1/255"'),
        ({"image_mean": [0.5]}, r"has image_mean \[0.5\], expected three numbers"),
        ({"image_mean": 7}, r"'image_mean\[0\]' is 7.0, expected from 0 to 1"),
        ({"image_mean": [0.5, 0.5, float("nan")]}, "NaN is not a JSON number"),
        ({"image_mean": [0.5, 0.5, 10**400]}, "expected three numbers"),
        ({"image_std": [0.5, 0.5, "0.5"]}, "has image_std .* expected three numbers"),
        ({"image_std": [0.5, 0, 0.5]}, "expected numbers above 0"),
        ({"size": [224, 224, 3]}, r"has size \[224, 224, 3\], expected whole numbers of pixels"),
        ({"size": 8, "crop_size": 8}, "'size' is 8, expected from 16 to 4096"),
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
