from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

ROOT = Path(__file__).parents[2]
LABELS = ["down", "grow", "left", "right", "shrink", "up"]
OPPOSITES = [("left", "right"), ("up", "down"), ("grow", "shrink")]


@pytest.fixture
def motion(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """examples/motion_dataset.py as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return importlib.import_module("motion_dataset")


def make(motion: ModuleType, folder: Path, *options: object) -> Result:
    return CliRunner().invoke(motion.main, [str(folder), *map(str, options)])


def small(train: int = 2, val: int = 1, test: int = 1) -> tuple[object, ...]:
    return ("--clips-per-class", train, "--val-per-class", val, "--test-per-class", test)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.avi"))}


def decode(path: Path) -> tuple[np.ndarray, float]:
    """RGB [T, H, W, 3] and frames per second, by PyAV."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        return np.stack(frames), float(container.streams.video[0].average_rate or 0)


def measure(frame: np.ndarray) -> tuple[float, float, float]:
    """(x, y, area) in pixels of the shape on a frame [H, W, 3], found without the code that drew it.

    The background is linear in x and y and the shape keeps off the border, so a plane fitted to the
    outermost pixels predicts the background everywhere; the shape is what differs from it.
    """
    luma = frame @ np.array([0.299, 0.587, 0.114])
    y, x = np.mgrid[: luma.shape[0], : luma.shape[1]]
    terms = np.stack([x, y, np.ones_like(x)], axis=-1)
    border = np.ones(luma.shape, bool)
    border[1:-1, 1:-1] = False
    plane = terms @ np.linalg.lstsq(terms[border], luma[border], rcond=None)[0]
    shape = np.abs(luma - plane) > 30
    assert shape.any()
    assert not shape[border].any(), "the shape touches the border"
    return float(x[shape].mean()), float(y[shape].mean()), float(shape.sum())


def moves(frames: np.ndarray) -> str:
    """The label of a clip, from where its shape is and how large it is in every frame."""
    places = np.array([measure(frame) for frame in frames])
    dx, dy, _ = places[-1] - places[0]
    growth = places[-1, 2] / places[0, 2]
    if growth > 1.5 or growth < 1 / 1.5:
        assert max(abs(dx), abs(dy)) < 1.5
        assert np.corrcoef(places[:, 2], np.arange(len(frames)))[0, 1] * (growth - 1) > 0
        return "grow" if growth > 1 else "shrink"
    along, across = sorted([dx, dy], key=abs, reverse=True)
    assert abs(along) > 7
    assert abs(across) < 1.5
    steps = np.diff(places[:, 0 if along == dx else 1])
    assert (steps * np.sign(along) > -0.5).all(), "the shape turns back"
    if along == dx:
        return "left" if dx < 0 else "right"
    return "up" if dy < 0 else "down"


def test_layout_and_balance(motion: ModuleType, tmp_path: Path) -> None:
    result = make(motion, tmp_path / "data", *small(train=3, val=1, test=2))

    assert result.exit_code == 0, result.output
    assert "18 train, 6 val, 12 test" in result.output
    for split, count in [("train", 3), ("val", 1), ("test", 2)]:
        folders = sorted((tmp_path / "data" / split).iterdir())
        assert [folder.name for folder in folders] == LABELS
        assert all(len(list(folder.iterdir())) == count for folder in folders)
    contents = list(files(tmp_path / "data").values())
    assert len(set(contents)) == len(contents) == 36  # no clip twice, neither in a split nor across splits


def test_clips_are_what_was_asked_for(motion: ModuleType, tmp_path: Path) -> None:
    make(motion, tmp_path / "data", *small(1, 0, 0), "--size", 48, "--frames", 12, "--rate", 10)

    frames, rate = decode(tmp_path / "data" / "train" / "left" / "left_0000.avi")

    assert frames.shape == (12, 48, 48, 3)
    assert rate == 10
    assert not (tmp_path / "data" / "val").exists()


def test_same_seed_same_bytes(motion: ModuleType, tmp_path: Path) -> None:
    make(motion, tmp_path / "a", *small())
    make(motion, tmp_path / "b", *small())
    make(motion, tmp_path / "more", *small(train=3))
    make(motion, tmp_path / "other", *small(), "--seed", 1)

    first = files(tmp_path / "a")
    assert files(tmp_path / "b") == first
    assert first.items() <= files(tmp_path / "more").items()
    other = files(tmp_path / "other")
    assert other.keys() == first.keys()
    assert all(other[name] != first[name] for name in first)


def test_noise_is_every_frame_s_own_and_of_the_size_that_was_asked_for(motion: ModuleType, tmp_path: Path) -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    one, other = motion.with_noise(iter([grey, grey]), np.random.default_rng(0), noise=30)
    assert (one.astype(int) - grey).std() == pytest.approx(30, rel=0.03)
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(0, abs=0.03)
    make(motion, tmp_path / "plain", *small(train=1, val=0, test=0))
    make(motion, tmp_path / "noisy", *small(train=1, val=0, test=0), "--noise", 60)
    for name, plain in files(tmp_path / "plain").items():
        assert len(files(tmp_path / "noisy")[name]) > 1.5 * len(plain)


def test_motion_is_what_the_label_says(motion: ModuleType, tmp_path: Path) -> None:
    make(motion, tmp_path / "data", *small(train=12, val=0, test=0))

    for path in sorted((tmp_path / "data").rglob("*.avi")):
        assert moves(decode(path)[0]) == path.parent.name, path


@pytest.mark.parametrize(("one", "other"), OPPOSITES)
def test_opposites_are_each_other_backwards(motion: ModuleType, one: str, other: str) -> None:
    for seed in range(5):
        scene = motion.draw_scene(np.random.default_rng(seed), frames=16)
        forwards = list(motion.render(scene, one, frames=16, size=64))
        backwards = list(motion.render(scene, other, frames=16, size=64))
        assert np.array_equal(forwards, backwards[::-1])
        assert not np.array_equal(forwards[0], forwards[-1])


def clips(motion: ModuleType, *, per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 RGB [N, T, H, W, 3] and class ids [N] of small clips, each of a scene of its own."""
    frames, class_ids = [], []
    for class_id, label in enumerate(LABELS):
        for number in range(per_class):
            scene = motion.draw_scene(np.random.default_rng([7, class_id, number]), frames=8)
            bgr = np.array(list(motion.render(scene, label, frames=8, size=32)))
            frames.append(bgr[..., ::-1])
            class_ids.append(class_id)
    return np.array(frames), np.array(class_ids)


def readable(features: np.ndarray, class_ids: np.ndarray) -> float:
    """How often a forest trained on every other clip names the class of the rest; chance is 0.17."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=50, random_state=0).fit(features[::2], class_ids[::2])
    return float(forest.score(features[1::2], class_ids[1::2]))


def test_label_cannot_be_read_off_appearance(motion: ModuleType) -> None:
    frames, class_ids = clips(motion, per_class=80)
    chance = 1 / len(LABELS)
    noise = 3 * (chance * (1 - chance) / (len(class_ids) / 2)) ** 0.5

    colours = np.concatenate([frames.mean(axis=(1, 2, 3)), frames.std(axis=(1, 2, 3))], axis=-1)
    assert readable(colours, class_ids) < chance + noise

    moments = np.random.default_rng(0).integers(frames.shape[1], size=len(frames))
    places = np.array([measure(clip[moment]) for clip, moment in zip(frames, moments, strict=True)])
    assert readable(places, class_ids) < chance + noise

    # The same features do tell the class as soon as they come with their order in time.
    ends = np.array([[*measure(clip[0]), *measure(clip[-1])] for clip in frames])
    assert readable(np.diff(ends.reshape(-1, 2, 3), axis=1)[:, 0], class_ids) > 0.9


def test_folder_in_use_is_left_alone(motion: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")

    result = make(motion, tmp_path, *small())

    assert result.exit_code == 1
    assert result.output == f"Error: {tmp_path}: exists and is not an empty folder; remove it or name another one\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
