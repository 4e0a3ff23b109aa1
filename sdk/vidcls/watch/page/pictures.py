"""A camera's newest picture as JPEG, with what the model says of it."""

from __future__ import annotations

import cv2
import numpy as np

from vidcls.figures.answer import draw
from vidcls.temporal.record import Record
from vidcls.watch.board import Board, Picture

LARGE_WIDTH, SMALL_WIDTH = 960, 480  # px at most
PICTURES_PER_SECOND = 8
_QUALITY = 80
_NOTHING = np.full((360, 640, 3), 40, np.uint8)


class CameraPicture:
    """Makes a camera's pictures of one width, anew only where there is something new. For one thread at a time."""

    def __init__(self, board: Board, camera: str, *, width: int) -> None:
        self._board, self._camera, self._width = board, camera, width
        self._drawn: tuple[Picture, Record | None, str] | None = None
        self._jpeg = b""

    def jpeg(self) -> bytes:
        """The newest; while there is none, a grey one that says so."""
        frame, record = self._board.picture(self._camera), self._board.record(self._camera)
        status = _status(self._board, self._camera, has_picture=frame is not None)
        new = (_NOTHING if frame is None else frame, record, status)
        if self._drawn is None or not _is_same(self._drawn, new):
            self._drawn, self._jpeg = new, self._draw(*new)
        return self._jpeg

    def _draw(self, frame: Picture, record: Record | None, status: str) -> bytes:
        drawn = _fitted(frame, self._width)
        if self._width > SMALL_WIDTH:  # in a smaller one nobody could read it
            boxes = self._board.boxes(self._camera, width=drawn.shape[1], height=drawn.shape[0])
            drawn = draw(drawn, record, status=status, boxes=boxes)
        bgr = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
        return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


def _is_same(drawn: tuple[Picture, Record | None, str], new: tuple[Picture, Record | None, str]) -> bool:
    return drawn[0] is new[0] and drawn[1] is new[1] and drawn[2] == new[2]


def _status(board: Board, camera: str, *, has_picture: bool) -> str:
    if not board.is_connected(camera):
        return "no connection to the camera"
    return "" if has_picture else "waiting for the first picture"


def _fitted(frame: Picture, width: int) -> Picture:
    height = max(round(frame.shape[0] * width / frame.shape[1]), 1)
    if frame.shape[1] <= width:
        return frame
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
