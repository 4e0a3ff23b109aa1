"""Files of the cache that are not what was written, and that none is read by parsing a header."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

from generated import write_clip
from slow import slow
from vidcls.clips import read_clips
from vidcls.contract import read_checkpoint
from vidcls.video.reader import iter_frames
from vidcls_train.data.datasets import ClipDataset, ViewDataset
from vidcls_train.data.epoch_sampler import EpochSampler
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.data.stored_frames import StoredVideo, file_bytes

FRAMES, WIDTH, HEIGHT = 12, 64, 48
HEADER = 28
PIXELS = FRAMES * WIDTH * HEIGHT * 3

# Python that numpy's .npy headers cannot be read with, nor anything else be parsed beside the main thread.
REFUSE_PARSING = """
import ast, sys, threading

def refusing(parse):
    def refuse(*arguments, **options):
        owner = sys._getframe(1).f_globals.get("__name__", "")
        if owner.partition(".")[0] == "numpy" or threading.current_thread() is not threading.main_thread():
            raise SyntaxError("AST constructor recursion depth mismatch")
        return parse(*arguments, **options)
    return refuse

ast.parse, ast.literal_eval = refusing(ast.parse), refusing(ast.literal_eval)
"""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("video") / "clip.mp4", frames=FRAMES, width=WIDTH, height=HEIGHT)


def flip(at: int) -> Callable[[bytes], bytes]:
    def flipped(content: bytes) -> bytes:
        at_byte = at % len(content)
        return content[:at_byte] + bytes([content[at_byte] ^ 1]) + content[at_byte + 1 :]

    return flipped


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut in its header": lambda content: content[:20],
    "cut in its frames": lambda content: content[: PIXELS // 2],
    "one byte short": lambda content: content[:-1],
    "one byte long": lambda content: content + b"\0",
    "only zeros": lambda content: bytes(len(content)),
    "a block of zeros in its frames": lambda content: content[:4096] + bytes(4096) + content[8192:],
    "something else": lambda content: os.urandom(len(content)),
    "a .npy": lambda content: b"\x93NUMPY" + content[6:],
    "huge numbers": lambda content: content[:12] + b"\xff" * 16 + content[HEADER:],
    **{f"bit {at} flipped": flip(at) for at in (0, 9, 13, 22, HEADER, HEADER + PIXELS - 1)},
    **{f"bit {at} flipped": flip(at) for at in (HEADER + PIXELS, -4 - 4 * FRAMES, -5, -1)},
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("when", ["before the run", "after it was added", "after other frames were read"])
def test_a_damaged_file_is_made_anew_and_said_once(
    damage: Callable[[bytes], bytes], when: str, video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = FrameCache(tmp_path, short_side=1000, limit_bytes=10**9).add(video)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    frames = FrameCache(tmp_path, short_side=1000, limit_bytes=10**9)
    if when != "before the run":
        assert frames.add(video) == known
    if when == "after other frames were read":
        frames.read(video, known.key, range(1))
    damaged = file.with_suffix(".damaged")
    damaged.write_bytes(damage(whole))
    damaged.replace(file)
    assert frames.add(video) == known
    read = [frames.read(video, known.key, range(start, FRAMES)) for start in (3, 0, 3)]
    expected = np.array(list(iter_frames(video, range(FRAMES))))
    for start, found in zip((3, 0, 3), read, strict=True):
        np.testing.assert_array_equal(found, expected[start:])
    assert file.read_bytes() == whole
    assert [record.levelname for record in caplog.records if "made anew" in record.getMessage()] == ["WARNING"]


def test_a_file_that_cannot_be_made_anew_is_decoded(video: Path, tmp_path: Path) -> None:
    known = FrameCache(tmp_path, short_side=1000, limit_bytes=10**9).add(video)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    full = FrameCache(tmp_path, short_side=1000, limit_bytes=0)
    assert len(full.read(video, known.key, range(2, 5))) == 3
    assert not file.exists()


def test_a_file_has_the_length_that_room_was_made_for(video: Path, tmp_path: Path) -> None:
    FrameCache(tmp_path, short_side=1000, limit_bytes=10**9).add(video)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size == file_bytes(FRAMES, (WIDTH, HEIGHT))
    assert StoredVideo.open(file).shape == (FRAMES, HEIGHT, WIDTH, 3)


@pytest.fixture
def no_parsing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Reading a .npy header fails, in this process and in workers that are forked."""
    np.save(tmp_path / "some.npy", np.zeros(3))
    monkeypatch.setattr(ast, "parse", ast.parse)
    monkeypatch.setattr(ast, "literal_eval", ast.literal_eval)
    exec(REFUSE_PARSING, {})  # noqa: S102
    with pytest.raises(ValueError, match="Cannot parse header"):
        np.load(tmp_path / "some.npy")


@pytest.mark.usefixtures("no_parsing")
@pytest.mark.parametrize("workers", [0, 2])
def test_clips_and_views_are_read_without_parsing_a_header(
    workers: int, dataset: ClipDataset, video: Path, checkpoint: Path, tmp_path: Path
) -> None:
    threads = [threading.Thread(target=dataset.frames, args=(epoch, index)) for epoch in range(4) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sampler = EpochSampler(dataset, batch_size=1, seed=1)
    batches = list(DataLoader(dataset, batch_sampler=sampler, num_workers=workers, pin_memory=False))
    assert len(batches) == 3
    contract = read_checkpoint(checkpoint)
    (tmp_path / "view.rgb").write_bytes(read_clips(video, contract).frames[0].tobytes())
    views = ViewDataset([tmp_path / "view.rgb"] * 2, np.eye(2, dtype=np.float32), contract)
    assert len(list(DataLoader(views, batch_size=1, num_workers=workers))) == 2


STARTS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from vidcls_train.data.frame_cache import FrameCache

cache, videos = FrameCache(Path(sys.argv[1]), short_side=1000, limit_bytes=10**9), [Path(name) for name in sys.argv[2:]]
cache._decode = None  # everything is there
with ThreadPoolExecutor(8) as pool:
    known = list(pool.map(cache.add, videos))
    for _ in range(3):
        for video, frames in zip(videos, pool.map(lambda v, k: cache.read(v, k.key, range(5)), videos, known)):
            assert len(frames) == 5
print(len(known))
"""


def with_refusal(folder: Path) -> dict[str, str]:
    """The environment of Python processes that parse no header."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(textwrap.dedent(REFUSE_PARSING), encoding="utf-8")
    paths = [str(folder), *filter(None, sys.path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.mark.parametrize("starts", [1, pytest.param(100, marks=slow)])
def test_processes_start_on_a_filled_cache(starts: int, tmp_path: Path) -> None:
    videos = [write_clip(tmp_path / f"{number}.mp4", frames=5 + number) for number in range(12)]
    filled = FrameCache(tmp_path / "cache", short_side=1000, limit_bytes=10**9)
    for video in videos:
        filled.add(video)
    environment = with_refusal(tmp_path / "python")
    command = [sys.executable, "-c", STARTS, str(tmp_path / "cache"), *map(str, videos)]
    for _ in range(starts):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stdout, result.stderr) == (0, "12\n", "")


@slow
def test_trainings_start_on_a_filled_cache(clips: Path, tmp_path: Path) -> None:
    environment = with_refusal(tmp_path / "python")
    options = ["--preset", "tiny", "--max-steps", "1", "--image-size", "32", "--frames", "4", "--clip-seconds", "0.5"]
    options += ["--device", "cpu", "--allow-duplicates", "--workers", "2", "--batch-size", "4"]
    for number in range(3):
        output = tmp_path / f"checkpoint-{number}"
        command = [sys.executable, "-m", "vidcls_train.cli", str(clips), "-o", str(output), *options]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 1, result  # two clips are broken
        assert (output / "vidcls.json").exists(), result
