"""What changes on the board, as server-sent events: put into JSON once, and sent to each page as far as it is new."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from vidcls.watch.board import Board

FEED_SECONDS = 0.5
# So often a page hears something, so that it notices when the server has gone, and the server when the page has.
KEEP_SECONDS = 5.0


@dataclass(frozen=True)
class Snapshot:
    """The board at one moment. head: JSON members that every message has; cameras: JSON of each, by name."""

    head: str
    cameras: dict[str, str]


def snapshot(board: Board) -> Snapshot:
    """The board now."""
    live = board.live()
    cameras = {camera["name"]: json.dumps(camera, allow_nan=False) for camera in live.pop("cameras")}
    return Snapshot(json.dumps(live, allow_nan=False)[1:-1], cameras)


@dataclass
class Follower:
    """What one page has been sent."""

    _sent: dict[str, str] = field(default_factory=dict)
    _events: str = ""
    _at: float = -KEEP_SECONDS

    def message(self, new: Snapshot, *, now: float) -> bytes:
        """What is new to the page, as one server-sent event; empty where nothing is."""
        changed = [text for name, text in new.cameras.items() if self._sent.get(name) != text]
        if not changed and now - self._at < KEEP_SECONDS:
            return b""
        self._sent, self._at = new.cameras, now
        return f'data: {{{new.head}, "cameras": [{", ".join(changed)}]}}\n\n'.encode()
