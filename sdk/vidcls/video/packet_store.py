"""Packets that were read once and are kept for decoding, so that a file is not read twice. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# As many bytes of packets as are kept: ten seconds of a good camera. A longer stretch is read again.
KEPT_BYTES = 32_000_000


class PacketStore:
    """Stretches of packets in file order, each from where decoding can begin, and whether one is the whole file.

    Packets are PyAV's: they have `pts`, `dts`, `size` and `is_keyframe`.
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._stretches: list[list[Any]] = []
        # The file's first packets, as far as they were read; None once they were too many to be kept.
        self.beginning: list[Any] | None = []
        self.is_whole = False
        # The stretch that reaches the file's end, where it is kept.
        self.end: list[Any] = []

    def add_to_beginning(self, packet: Any) -> None:
        """Keep the packet that follows on the beginning, or give the beginning up."""
        if self.beginning is None:
            return
        self._bytes += packet.size
        self.beginning.append(packet)
        if self._bytes > KEPT_BYTES:
            self._bytes -= sum(packet.size for packet in self.beginning)
            self.beginning = None

    def add(self, stretch: list[Any]) -> None:
        """Keep a stretch, if there is room."""
        if self._has_room_for(stretch):
            self._stretches.append(stretch)

    def add_end(self, stretch: list[Any]) -> None:
        """Keep a stretch that reaches the file's end, if there is room."""
        if self._has_room_for(stretch):
            self._stretches.append(stretch)
            self.end = stretch

    def _has_room_for(self, stretch: list[Any]) -> bool:
        size: int = sum(packet.size for packet in stretch)
        has_room = self._bytes + size <= KEPT_BYTES
        self._bytes += size if has_room else 0
        return has_room

    def last_group(self) -> list[Any]:
        """The packets from the last key frame to the file's end; none where they are not kept."""
        last = (self.beginning or []) if self.is_whole else self.end
        keys = [number for number, packet in enumerate(last) if packet.is_keyframe]
        return last[keys[-1] :] if keys else []

    def find(self, ticks: int) -> Iterator[Any] | None:
        """The kept packets from the last key frame at or before `ticks` on; None if that time is not kept."""
        stretches = [self.beginning, *self._stretches] if self.is_whole else self._stretches
        for stretch in stretches:
            if not stretch or not time_of(stretch[0]) <= ticks <= max(map(time_of, stretch[-_TAIL:])):
                continue
            keys = [number for number, packet in enumerate(stretch) if packet.is_keyframe and time_of(packet) <= ticks]
            if keys:
                return iter(stretch[keys[-1] :])
        return None


def time_of(packet: Any) -> float:
    """When a packet's frame is shown, else when it is decoded, in ticks; -inf where the container says neither."""
    ticks = packet.dts if packet.pts is None else packet.pts
    return -float("inf") if ticks is None else ticks


# The latest of a stretch is among so many at its end: no frame is shown more than 16 after it is decoded.
_TAIL = 32
