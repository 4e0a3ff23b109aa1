"""What the process that reads a live source sends: a fixed header, and after a frame's header its pixels.

One module for both ends. Both run on one machine, so the bytes are in its own order. Times of arrival are those of
`time.monotonic`, which Python promises to be system-wide.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

# "ready": it asks for the source now. "opened": the source is there. "frame": one came in.
Kind: TypeAlias = Literal["ready", "opened", "frame"]

_KINDS: tuple[Kind, ...] = ("ready", "opened", "frame")
_LAYOUT = struct.Struct("=B3xIIIqd")
HEADER_BYTES = _LAYOUT.size


@dataclass(frozen=True, kw_only=True)
class Header:
    """What stands before a frame's pixels, or alone.

    width, height: of the uint8 RGB [height, width, 3] that follows; 0 where nothing does.
    arrived_ns: monotonic nanoseconds at which the frame came in.
    pts_seconds: its time by the source's own clock; NaN where it has none.
    dropped: frames before it that had to be left out, because they came faster than they were taken.
    """

    kind: Kind
    width: int = 0
    height: int = 0
    arrived_ns: int = 0
    pts_seconds: float = math.nan
    dropped: int = 0

    def pack(self) -> bytes:
        """It, as HEADER_BYTES bytes."""
        return _LAYOUT.pack(
            _KINDS.index(self.kind), self.width, self.height, self.dropped, self.arrived_ns, self.pts_seconds
        )


def unpack(content: bytes | bytearray) -> Header:
    """What `Header.pack` made."""
    kind, width, height, dropped, arrived_ns, pts_seconds = _LAYOUT.unpack(content)
    return Header(
        kind=cast(Kind, _KINDS[kind]),
        width=width,
        height=height,
        dropped=dropped,
        arrived_ns=arrived_ns,
        pts_seconds=pts_seconds,
    )
