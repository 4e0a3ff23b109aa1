from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from vidcls.errors import VideoError
from vidcls.progress import T
from vidcls_train.data.clip_list import Clip
from vidcls_train.data.opening import open_clips, open_each

PATHS = [Path(f"{number}.mp4") for number in range(5)]


def number_of(path: Path) -> int:
    if path.stem == "3":
        raise VideoError(str(path), "holds no frames")
    return int(path.stem)


def test_each_video_is_opened_in_order_and_what_cannot_be_read_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    *opened, broken, last = open_each(PATHS, number_of, label="opening")
    assert [*opened, last] == [0, 1, 2, 4]
    assert isinstance(broken, VideoError)
    assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
        ("vidcls.train", "WARNING", "unreadable: 3.mp4: holds no frames")
    ]


def test_progress_is_reported_clip_by_clip_and_other_errors_are_raised() -> None:
    followed: list[object] = []

    def track(items: Iterable[T], *, label: str, length: int | None = None) -> Iterator[T]:
        followed.append((label, length))
        for item in items:
            followed.append(item)
            yield item

    clips = [Clip(path=path, labels=("jump",), group=path.stem) for path in PATHS]
    opened = open_clips(clips, lambda video: number_of(video.path), label="opening", track=track)
    assert followed[:4] == [("opening", 5), 0, 1, 2]
    assert opened.clips == [*clips[:3], clips[4]]
    assert opened.values == [0, 1, 2, 4]
    with pytest.raises(ZeroDivisionError):
        open_clips(clips, lambda _: 1 // 0, label="opening", track=track)
