from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from generated import write_clip


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded clips of tests do not land in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder train/ val/ test/ of two labels, with a broken clip in train and in test."""
    root = tmp_path_factory.mktemp("clips")
    for split, count in (("train", 5), ("val", 2), ("test", 2)):
        for label, rate in (("jump", 30), ("wave", 20)):
            for number in range(count):
                write_clip(
                    root / split / label / f"{number}.mp4", frames=24 + 3 * number, rate=rate, width=64, height=48
                )
    (root / "train" / "wave" / "broken.mp4").write_bytes(b"not a video")
    (root / "test" / "jump" / "broken.avi").write_bytes(b"not a video")
    return root
