"""The sound of a video, written beside the pictures of a film that is made from it, at the times that it had."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from fractions import Fraction
from types import ModuleType
from typing import Any

from vidcls.annotation.film import Sound
from vidcls.annotation.original import NoOriginal, Original
from vidcls.annotation.resampler import Resampler

# Codecs, by FFmpeg's names, that are copied packet by packet, since what plays the container plays them.
_COPIED = {
    "mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"},
    "mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be"},
    "matroska": {"aac", "mp3", "mp2", "ac3", "eac3", "opus", "vorbis", "flac", "pcm_s16le", "pcm_s24le", "dts"},
    "webm": {"opus", "vorbis"},
}
# What all others are encoded in: the encoder, the rates that it takes, and its bit rate.
_ENCODERS = {
    "mp4": ("aac", (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000), 160_000),
    "webm": ("libopus", (48000,), 128_000),
}

_logger = logging.getLogger("vidcls")


class SoundCopy:
    """The best sound of a video -> a stream of a film's container.

    kind: what becomes of it; sound that cannot be written is "left out", which may show only on the way.
    """

    kind: Sound

    def __init__(self, original: Original | NoOriginal, film: Any, *, container: str, av: ModuleType) -> None:
        self._av, self._original, self._film, self._stream = av, original, film, original.sound
        self._waiting: Any = None  # the packet that was read last and comes later than what was asked for
        self._packets = iter(())
        self._has_written, self._has_failed = False, False
        self._adts: tuple[int, int] | None = None
        self._last = -math.inf  # when, in ticks, the packet that was copied last is decoded
        self.kind = "none"
        if self._stream is None:
            return
        self._offset = Fraction(original.first_pts).limit_denominator(1_000_000)
        self._packets = original.container.demux(self._stream)
        codec = self._stream.codec_context
        if codec is None:
            _logger.warning("%s: nothing that is installed reads its sound, which is left out", original.name)
            self.kind, self._packets = "left out", iter(())
        elif codec.name in _COPIED[container] or codec.codec.canonical_name in _COPIED[container]:
            self.kind, self._written = "copied", film.add_stream_from_template(self._stream)
        else:
            self.kind, self._written = "encoded", _encoder(film, codec, container=container)
            self._resampler = Resampler(av, self._written.codec_context)

    def write(self, *, until: float) -> None:
        """What is heard up to so many seconds after the first frame, and was not written yet."""
        while (packet := self._next()) is not None:
            if float(packet.pts * packet.time_base - self._offset) > until:
                self._waiting = packet
                return
            self._mux(self._made(packet))

    def finish(self, *, until: float) -> None:
        """The rest, up to so many seconds after the first frame."""
        self.write(until=until)
        if self.kind == "encoded" and not self._has_failed:
            self._mux(self._rest())
            if not self._has_written:
                _logger.warning("%s: nothing of its sound could be decoded, so it is left out", self._original.name)
                self.kind = "left out"

    def _mux(self, packets: Iterator[Any]) -> None:
        """Write them; where these, and not the disk, are at fault, the film goes on without sound."""
        try:
            for packet in packets:
                self._film.mux(packet)
                self._has_written = True
        except (self._av.error.InvalidDataError, ValueError) as error:  # which PyAV's for EINVAL is too
            what = "and kept up to there" if self._has_written else "and left out"
            reason = getattr(error, "strerror", None) or error  # without the file's name, which is not yet its own
            _logger.warning("%s: its sound cannot be written (%s), %s", self._original.name, reason, what)
            self._packets, self._waiting, self._has_failed = iter(()), None, True
            self.kind = self.kind if self._has_written else "left out"

    def _next(self) -> Any:
        """The next packet that is not over before the first frame; None at the end, and where it is damaged.

        Raises:
            VideoError: the server that it comes from broke off.
        """
        if self._waiting is not None:
            packet, self._waiting = self._waiting, None
            return packet
        try:
            for packet in self._packets:
                packet.pts = packet.dts if packet.pts is None else packet.pts
                if packet.size and packet.pts is not None and self._is_heard(packet):
                    return packet
        except self._av.FFmpegError:
            self._original.check_read()
            _logger.warning("%s: its sound is damaged, and kept up to there", self._original.name)
        self._original.check_read()
        return None

    def _is_heard(self, packet: Any) -> bool:
        """One that ends with the first frame is: what decoders need to begin with lies there."""
        return bool((packet.pts + (packet.duration or 0)) * packet.time_base >= self._offset)

    def _made(self, packet: Any) -> Iterator[Any]:
        if self.kind == "encoded":
            yield from self._decoded(packet)
            return
        ticks = round(self._offset / packet.time_base)
        packet.pts -= ticks
        packet.dts = packet.pts if packet.dts is None else packet.dts - ticks
        if packet.dts <= self._last:  # it overlaps what is written, as where recordings were joined
            return
        self._last = packet.dts
        if (form := _adts_form(packet)) != (self._adts or form):
            raise ValueError("its rate or channels change midway")  # which a container says once, at its beginning
        self._adts = form
        packet.stream = self._written
        yield packet

    def _decoded(self, packet: Any) -> Iterator[Any]:
        try:
            frames = packet.decode()
        except self._av.FFmpegError:  # a gap, which the resampler fills with silence
            return
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(self._offset / frame.time_base)
            for resampled in self._resampler.add(frame):
                yield from self._written.encode(resampled)

    def _rest(self) -> Iterator[Any]:
        for resampled in self._resampler.finish():
            yield from self._written.encode(resampled)
        yield from self._written.encode(None)


def _adts_form(packet: Any) -> tuple[int, int] | None:
    """What AAC of a broadcast says before each packet: profile, rate and channels; None of all other sound."""
    head = bytes(packet)[:4] if packet.stream.codec_context.name == "aac" else b""
    is_adts = len(head) == 4 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
    return (head[2] & 0b1111_1101, head[3] >> 6) if is_adts else None


def _encoder(film: Any, codec: Any, *, container: str) -> Any:
    name, rates, bit_rate = _ENCODERS.get(container, _ENCODERS["mp4"])
    rate = codec.sample_rate if codec.sample_rate in rates else rates[0]
    stream = film.add_stream(name, rate=rate)
    stream.codec_context.layout = "mono" if codec.layout.nb_channels == 1 else "stereo"
    stream.codec_context.bit_rate = bit_rate
    return stream
