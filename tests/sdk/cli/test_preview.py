"""`vidcls preview`: the pixels that the model is given."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from commands import run


@pytest.mark.parametrize("ending", [".png", ".webp"])
def test_preview_writes_exactly_what_the_model_sees(ending: str, model: Path, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / f"out{ending}"
    message = run("preview", model, clip, "-o", output).stdout
    assert message == f"{output}: 4 frames, 32 x 32, from 0.60 s to 1.40 s\n"
    with av.open(str(clip)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with Image.open(output) as picture:
        found = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(picture)]
    # 50 frames at 25 fps: the window of 0.8 s holds frames 15 to 34. 160 x 120 becomes 42 x 32.
    for frame, index in zip(found, [15, 21, 27, 34], strict=True):
        resized = Image.fromarray(decoded[index]).resize((42, 32), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(frame, np.asarray(resized.crop((5, 0, 37, 32))))


def test_preview_writes_a_gif(model: Path, clip: Path, tmp_path: Path) -> None:
    run("preview", model, clip, "-o", tmp_path / "out.gif")
    with Image.open(tmp_path / "out.gif") as picture:
        assert (len(list(ImageSequence.Iterator(picture))), picture.size) == (4, (32, 32))


def test_preview_that_cannot_be_written_is_one_sentence(model: Path, clip: Path, tmp_path: Path) -> None:
    assert "written as" in run("preview", model, clip, "-o", tmp_path / "out.mp4", code=2).stderr
    result = run("preview", model, clip, "-o", tmp_path / "gone" / "out.gif", code=1)
    assert str(tmp_path / "gone" / "out.gif") in result.stderr
    assert result.stderr.count("\n") == 1
    run("preview", model, tmp_path / "gone.mp4", "-o", tmp_path / "out.gif", code=1)


def test_a_video_is_not_overwritten_by_its_preview(model: Path, clip: Path, tmp_path: Path) -> None:
    run("preview", model, clip, "-o", tmp_path / "video.gif")
    content = (tmp_path / "video.gif").read_bytes()
    (tmp_path / "link.gif").symlink_to(tmp_path / "video.gif")
    for command in (
        ["preview", model, tmp_path / "video.gif", "-o"],
        ["timeline", model, tmp_path / "link.gif", "--plot"],
    ):
        result = run(*command, tmp_path / "video.gif", code=2)
        assert "video.gif is the video itself, and would be overwritten; name another file to write" in result.stderr
    assert (tmp_path / "video.gif").read_bytes() == content
