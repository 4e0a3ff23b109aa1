"""Cameras that this machine does not have, most of them bad: OpenCV's own, replaced in every Python started with them.

It is put in place by a sitecustomize module, so that the processes that vidcls starts have it. Calls that hang do so
in C without the interpreter's lock, as OpenCV's do.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "good",  # 25 frames a second, painted with their numbers
    "open hangs",
    "open hangs with the lock",  # in C with the interpreter's lock, so that no other thread runs either
    "open crashes",
    "not there",
    "read hangs",  # after the first second
    "ends",  # after the first second
    "release hangs",
    "no picture",  # it grabs frames and decodes none
    "no retrieve",  # it grabs frames, and says that it cannot decode them
    "sizes change",  # every quarter of a second
    "opens slowly",  # in a second
    "black",  # nothing but 0
]

WIDTH, HEIGHT, RATE = 160, 120, 25

_SITECUSTOMIZE = """
import ctypes, os, signal, sys, time
from pathlib import Path

FOLDER, KINDS = Path({folder!r}), {kinds!r}
sys.path.append({tests!r})
import cv2
from generated import painted_frame
sys.path.pop()


def hang(library):
    while True:
        library.pause()


def note_opener(number):
    "Whether it is this process that opens it as that number: of several at the same time only one is."
    own = FOLDER / f"{{os.getpid()}}.opening"
    own.write_text(str(os.getpid()))
    try:
        os.link(own, FOLDER / f"{{number}}.opened")
    except FileExistsError:
        return False
    return True


class Camera:
    def __init__(self, source, *_):
        number = 0
        while not note_opener(number):
            number += 1
        self.kind = KINDS[min(number, len(KINDS) - 1)]
        if self.kind == "open hangs":
            hang(ctypes.CDLL(None))
        if self.kind == "open hangs with the lock":
            hang(ctypes.PyDLL(None))
        if self.kind == "open crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.kind == "opens slowly":
            time.sleep(1)
        self.number, self.started = -1, time.monotonic()

    def isOpened(self):
        return self.kind != "not there"

    def grab(self):
        self.number += 1
        if self.number == {rate} and self.kind == "read hangs":
            hang(ctypes.CDLL(None))
        if self.number == {rate} and self.kind == "ends":
            return False
        time.sleep(max(0, self.started + self.number / {rate} - time.monotonic()))
        return True

    def get(self, _):
        return self.number * 1000 / {rate}

    def set(self, *_):
        return True

    def retrieve(self):
        if self.kind == "no picture":
            return True, None
        if self.kind == "no retrieve":
            return False, None
        if self.kind == "black":
            return True, painted_frame(0, width={width}, height={height}) * 0
        if self.kind == "sizes change" and self.number * 4 // {rate} % 2:
            return True, painted_frame(self.number % 256, width={height}, height={width})
        return True, painted_frame(self.number % 256, width={width}, height={height})

    def release(self):
        if self.kind == "release hangs":
            hang(ctypes.CDLL(None))


cv2.VideoCapture = Camera
"""


def environment(folder: Path, *kinds: Kind) -> dict[str, str]:
    """The environment in which cameras are of the first kind when one is first opened, then of the second, and so on.

    folder: where the fake is put, and where it notes which processes opened it.
    """
    text = _SITECUSTOMIZE.format(
        folder=str(folder), kinds=kinds, tests=str(Path(__file__).parent), rate=RATE, width=WIDTH, height=HEIGHT
    )
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}


def openers(folder: Path) -> list[int]:
    """The processes that opened it, in their order."""
    return [int((folder / f"{number}.opened").read_text()) for number in range(len(list(folder.glob("*.opened"))))]
