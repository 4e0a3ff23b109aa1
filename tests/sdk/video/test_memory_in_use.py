"""What a process still holds after it has read many files, by glibc's own account."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from generated import write_clip, write_model

# Tables that grow by doubling make up to 350 of so few videos; what OpenCV keeps of a thread is 886.
BYTES_PER_VIDEO = 600
VIDEOS = 200

READ = """
import ctypes, sys
from vidcls import VideoClassifier

class Mallinfo2(ctypes.Structure):
    _fields_ = [(f"field{number}", ctypes.c_size_t) for number in range(10)]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo2
model, video, decoder, count = *sys.argv[1:4], int(sys.argv[4])
classifier = VideoClassifier(model, device="cpu")
for number in range(20 + count):
    if number == 20:
        before = libc.mallinfo2().field7
    with open(video, "rb") as file:  # which a thread of its own reads, whatever the decoder
        classifier.predict(file, decoder=decoder)
print((libc.mallinfo2().field7 - before) // count)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or tuple(map(int, platform.libc_ver()[1].split("."))) < (2, 33),
    reason="mallinfo2 is glibc's, from 2.33 on",
)
@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_nothing_is_kept_of_the_videos_that_were_answered(decoder: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    video = write_clip(tmp_path / "clip.mp4", frames=12, rate=25)
    command = [sys.executable, "-c", READ, str(model), str(video), decoder, str(VIDEOS)]
    only_one_pool = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # the only one that mallinfo2 tells of
    run = subprocess.run(command, env=only_one_pool, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < BYTES_PER_VIDEO
