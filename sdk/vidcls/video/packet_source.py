"""The packets of one stream of an open container: read once, kept as far as there is room, entered where asked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from vidcls.concurrency.cancellation import raise_if_cancelled
from vidcls.video.frame_index import PTS_TOLERANCE_SECONDS, REORDERED_PACKETS, Packet
from vidcls.video.packet_contents import are_whole, shown_packets
from vidcls.video.packet_store import PacketStore, time_of

Clock: TypeAlias = Literal["pts", "dts"]

NOTHING: Iterator[Any] = iter(())


class PacketSource:
    """The film's packets in an open `av` container, which it moves through."""

    def __init__(self, container: Any, stream: Any, *, clock: Clock, damage: tuple[type[Exception], ...]) -> None:
        """Stand at the beginning.

        Args:
            container: an `av` container that was opened just now.
            stream: which of its streams.
            clock: "pts", or "dts" where packets are shown when they are decoded, whatever FFmpeg makes up.
            damage: what reading it raises where its data are damaged: the packets end there.
        """
        self._container, self._stream, self._clock, self._damage = container, stream, clock, damage
        self._ticks_per_second: Fraction = 1 / stream.time_base
        self._store = PacketStore()
        self._unread: Iterator[Any] | None = self._demuxed()
        self._codec: str = stream.codec_context.name
        self._extradata = bytes(stream.codec_context.extradata or b"")
        # Whether it is known of every packet that a frame comes out of it.
        self.counts_frames = False

    def close(self) -> None:
        """Let go of the packets."""
        self._unread = None
        self._store = PacketStore()

    @property
    def reaches_beginning(self) -> bool:
        """Whether `from_beginning` can give the first packet; else the container has to be opened again."""
        return self._store.beginning is not None and (self._unread is not None or self._store.is_whole)

    def from_beginning(self) -> Iterator[Any]:
        """All packets: those that are kept, then those that were not read yet."""
        for number in itertools.count():
            kept = self._store.beginning
            if kept is not None and number < len(kept):
                yield kept[number]
                continue
            packet = next(self._unread or NOTHING, None)
            if packet is None:
                self._unread = None
                self._store.is_whole = kept is not None
                return
            self._store.add_to_beginning(packet)
            yield packet

    def enter(self, pts: float) -> Iterator[Any] | None:
        """Packets from the key frame before `pts` on; None where the container does not allow it."""
        kept = self._store.find(math.floor(self._in_ticks(pts)))
        if kept is not None or self._store.is_whole:
            return kept
        self._unread = None  # what follows is read from elsewhere
        try:
            # Rounding down may miss a key frame by a tick; one tick later never finds a later one.
            self._container.seek(math.floor(pts * self._ticks_per_second + Fraction(1, 2)), stream=self._stream)
        except self._damage:
            return None
        return self._demuxed()

    def describe(self, *, end: float | None) -> list[Packet]:
        """What the packets are that frames come out of, in file order, up to `end`."""
        described = self._described(self._until(end, self.from_beginning()))
        kept = self._store.beginning if self._store.is_whole else None
        shown = None if kept is None else shown_packets(kept, self._codec)
        self.counts_frames = shown is not None
        return described if shown is None or len(shown) == len(kept or ()) else self._described(shown)

    def proven_first_pts(self) -> float | None:
        """The time of the first frame, as far as the first packets prove it; None where it has to be decoded."""
        first = list(itertools.islice(self.from_beginning(), REORDERED_PACKETS))
        if not first or any(packet.is_discard or packet.pts is None for packet in first):
            return None
        is_first = first[0].is_keyframe and first[0].pts == min(packet.pts for packet in first)
        is_proven = is_first and are_whole(first[:1], self._codec, self._extradata)
        return self.seconds(first[0].pts) if is_proven else None

    def is_end_whole(self) -> bool:
        """Whether the packets from the last key frame to the end are kept, and put together as they should be."""
        last = self._store.last_group()
        return bool(last) and are_whole(last, self._codec, self._extradata)

    def describe_from(self, start: float, *, end: float | None) -> list[Packet]:
        """What packets are from the key frame before `start` on, up to `end`; none where there is no such key frame."""
        stretch = list(self._until(end, self.enter(start) or NOTHING))
        found = self._described(stretch)
        if not (found and found[0].is_key_frame and found[0].pts_seconds <= start + PTS_TOLERANCE_SECONDS):
            return []
        if not self._store.is_whole:
            keep = self._store.add_end if end is None else self._store.add
            keep(stretch)
        return found

    def seconds(self, ticks: int | None) -> float:
        """Of the container's clock; not a number where it gives none."""
        if ticks is None:
            return math.nan
        # Rounded once, as a Fraction would be, and ten times as fast.
        return float(ticks * self._ticks_per_second.denominator / self._ticks_per_second.numerator)

    def _demuxed(self) -> Iterator[Any]:
        """The film's packets from here on, up to the end or to damage."""
        try:
            for packet in self._container.demux(self._stream):
                raise_if_cancelled()
                if packet.size:
                    packet.pts = packet.dts if self._clock == "dts" else packet.pts
                    yield packet
        except self._damage:
            return

    def _until(self, end: float | None, packets: Iterable[Any]) -> Iterator[Any]:
        """Those of `packets` that may be shown up to `end`, and some more."""
        last = math.inf if end is None else self._in_ticks(end)
        beyond = 0
        for packet in packets:
            yield packet
            beyond = beyond + 1 if time_of(packet) > last else 0
            if beyond >= REORDERED_PACKETS:
                return

    def _described(self, packets: Iterable[Any]) -> list[Packet]:
        """Those that are shown: the container's edit list cuts others off."""
        return [
            Packet(self.seconds(packet.dts if packet.pts is None else packet.pts), packet.is_keyframe)
            for packet in packets
            if not packet.is_discard
        ]

    def _in_ticks(self, seconds: float) -> float:
        return (seconds + PTS_TOLERANCE_SECONDS) * float(self._ticks_per_second)
