"""What a video file's own structure says: whether its end is missing, its video tracks, what edits leave of the film.

For an installation without PyAV: OpenCV opens one stream, and says neither what it left out nor whether the file is
whole. Only the headers of parts are read, never what is in them; what is damaged says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from vidcls.video.transport_stream import count_video_streams

# Parts that are looked at, in all: a day of an .mp4 in fragments of one second has 172,800.
_MAX_PARTS = 200_000

# What stands at the top of MP4 and QuickTime files; anything else there is not one, or garbage after its end.
_BOXES = frozenset(
    b"ftyp moov mdat free skip wide pnot PICT moof mfra styp sidx ssix prft emsg uuid meta meco pdin udta imda".split()
)
# Sample entries of single pictures: chapter thumbnails, covers. Also of a film made of such, where it is alone.
_PICTURES = frozenset([b"jpeg", b"png ", b"tiff", b"gif ", b"bmp "])

# Matroska's IDs.
_EBML, _SEGMENT, _TRACKS, _TRACK_ENTRY, _TRACK_TYPE = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0xAE, 0x83
_SEEK_HEAD, _INFO, _CLUSTER, _CUES = 0x114D9B74, 0x1549A966, 0x1F43B675, 0x1C53BB6B
_CHAPTERS, _TAGS, _ATTACHMENTS, _VOID, _CHECKSUM = 0x1043A770, 0x1254C367, 0x1941A469, 0xEC, 0xBF
# Timestamp, SimpleBlock, BlockGroup, PrevSize, Position, SilentTracks, EncryptedBlock.
_IN_CLUSTER = frozenset([0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0x5854, 0xAF])
_AT_TOP = frozenset([_EBML, _SEGMENT, _VOID, _CHECKSUM])
_IN_SEGMENT = frozenset([_SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES, _CHAPTERS, _TAGS, _ATTACHMENTS])

# Sizes that a recording begins with and its end would have replaced.
_UNFINISHED = (0, 0xFFFFFFFF)
# Some programs count the first eight bytes of a RIFF twice.
_RIFF_HEADER_BYTES = 8


class _Part(NamedTuple):
    """A box, an element or a chunk: the place of what is in it."""

    kind: bytes
    start: int
    end: int


class _File:
    """An open file whose parts are looked at, a limited number of times."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _MAX_PARTS
        self.size = file.seek(0, 2)

    def read(self, position: int, count: int) -> bytes:
        """At most `count` bytes; none once too many parts have been looked at."""
        self._left -= 1
        if self._left < 0:
            return b""
        self._file.seek(position)
        return self._file.read(count)


def is_cut_off(file: BinaryIO) -> bool:
    """Whether a part of the file, by its own header, has more bytes than the file holds.

    True for MP4, QuickTime, Matroska, WebM and AVI files that lost their end, unless they were cut just between two
    parts. False is no proof that nothing is missing; so it is of every other container.

    Args:
        file: open, can seek; where it stands afterwards is not said.
    """
    opened = _File(file)
    head = opened.read(0, 12)
    if head[4:8] in _BOXES:
        return _is_cut_off_mp4(opened)
    if head[:4] == _EBML.to_bytes(4, "big"):
        return _is_cut_off_matroska(opened)
    return head[:4] == b"RIFF" and head[8:] == b"AVI " and _is_cut_off_avi(opened)


def video_tracks(file: BinaryIO) -> int | None:
    """How many video tracks the file lists; None where it lists none at all, or is of a container not known here.

    MP4 and QuickTime tracks of single pictures (JPEG, PNG: chapter thumbnails) count only where there are no others.
    Cover pictures are no tracks in MP4, Matroska and AVI. Of an MPEG transport stream, all programs count.

    Args:
        file: open, can seek; where it stands afterwards is not said.
    """
    opened = _File(file)
    head = opened.read(0, 12)
    if head[4:8] in _BOXES:
        return _mp4_tracks(opened)
    if head[:4] == _EBML.to_bytes(4, "big"):
        return _matroska_tracks(opened)
    if head[:4] == b"RIFF":
        return _avi_tracks(opened)
    return count_video_streams(file)


def edited_seconds(file: BinaryIO) -> float | None:
    """How long the first video track of an MP4 or QuickTime file is after its edit list; None where that is not said.

    Args:
        file: open, can seek; where it stands afterwards is not said.
    """
    opened = _File(file)
    if opened.read(0, 8)[4:] not in _BOXES:
        return None
    movie = next(_children(opened, _Part(b"", 0, opened.size), b"moov"), None)
    track = movie and next((track for track, _ in _video_media(opened, movie)), None)
    header = movie and next(_children(opened, movie, b"mvhd"), None)
    edits = track and _inner(opened, track, b"edts", b"elst")
    if header is None or edits is None:
        return None
    is_long = opened.read(header.start, 1) == b"\1"
    clock = int.from_bytes(opened.read(header.start + (20 if is_long else 12), 4), "big")
    durations = list(_shown_edits(opened, edits))
    # 0 stands for whatever there is, as in files of fragments.
    return sum(durations) / clock if clock and durations and all(durations) else None


def _shown_edits(file: _File, edits: _Part) -> Iterator[int]:
    """How long those entries of an edit list are that show something, in ticks of the movie's clock."""
    head = file.read(edits.start, 8)
    size, words = (20, 8) if head[:1] == b"\1" else (12, 4)
    entries = file.read(
        edits.start + 8, min(int.from_bytes(head[4:], "big") * size, max(0, edits.end - edits.start - 8))
    )
    for place in range(0, len(entries) - size + 1, size):
        begin = int.from_bytes(entries[place + words : place + 2 * words], "big", signed=True)
        if begin >= 0:
            yield int.from_bytes(entries[place : place + words], "big")


def _boxes(file: _File, start: int, end: int) -> Iterator[_Part]:
    while start + 8 <= end:
        head = file.read(start, 16)
        if len(head) < 8:
            return
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:  # 64 bits follow; where they are cut off too, the box is longer than the file all the same
            size, header = int.from_bytes(head[8:], "big") if len(head) == 16 else 16, 16
        elif size == 0:
            size = end - start
        if size < header:
            return
        yield _Part(head[4:8], start + header, start + size)
        start += size


def _is_cut_off_mp4(file: _File) -> bool:
    for box in _boxes(file, 0, file.size):
        if box.kind not in _BOXES:
            return False
        if box.end > file.size:
            return True
    return False


def _children(file: _File, parent: _Part, kind: bytes) -> Iterator[_Part]:
    end = min(parent.end, file.size)
    return (box._replace(end=min(box.end, end)) for box in _boxes(file, parent.start, end) if box.kind == kind)


def _mp4_tracks(file: _File) -> int | None:
    movie = next((box for box in _boxes(file, 0, file.size) if box.kind == b"moov"), None)
    if movie is None:
        return None
    formats = [_sample_format(file, media) for _, media in _video_media(file, movie)]
    films = [found for found in formats if found not in _PICTURES]
    return len(films) or len(formats)


def _video_media(file: _File, movie: _Part) -> Iterator[tuple[_Part, _Part]]:
    """(track, its medium) of all video tracks."""
    for track in _children(file, movie, b"trak"):
        for media in _children(file, track, b"mdia"):
            handler = next(_children(file, media, b"hdlr"), None)
            if handler is not None and file.read(handler.start + 8, 4) == b"vide":
                yield track, media


def _inner(file: _File, box: _Part, *kinds: bytes) -> _Part | None:
    """The first box of the first kind in `box`, the first of the second kind in that, and so on."""
    found: _Part | None = box
    for kind in kinds:
        found = found and next(_children(file, found, kind), None)
    return found


def _sample_format(file: _File, media: _Part) -> bytes:
    descriptions = _inner(file, media, b"minf", b"stbl", b"stsd")
    return file.read(descriptions.start + 12, 4) if descriptions else b""  # of its first entry


def _elements(file: _File, start: int, end: int, *, entered: int | None = None) -> Iterator[_Part]:
    """EBML elements one after the other; into those of unknown length, and into the one `entered`, it goes on."""
    while start < end:
        head = file.read(start, 12)
        id_bytes = 9 - head[0].bit_length() if head else 9
        if id_bytes > 4 or len(head) <= id_bytes:
            return
        size_bytes = 9 - head[id_bytes].bit_length()
        content = start + id_bytes + size_bytes
        field = head[id_bytes : id_bytes + size_bytes]
        if size_bytes > 8 or len(field) < size_bytes:
            return
        largest = (1 << 7 * size_bytes) - 1
        size = int.from_bytes(field, "big") & largest
        yield _Part(head[:id_bytes], content, end if size == largest else content + size)
        goes_on_inside = size == largest or head[:id_bytes] == (entered or 0).to_bytes(4, "big")
        start = content if goes_on_inside else content + size


def _is_cut_off_matroska(file: _File) -> bool:
    known = _AT_TOP
    for element in _elements(file, 0, file.size):
        kind = int.from_bytes(element.kind, "big")
        if kind not in known:
            return False
        if element.end > file.size:
            return True
        if kind == _SEGMENT and element.end == file.size:  # of unknown length, or the last one
            known = _AT_TOP | _IN_SEGMENT | _IN_CLUSTER  # a cluster's length may be unknown too
    return False


def _matroska_tracks(file: _File) -> int | None:
    everything = _elements(file, 0, file.size, entered=_SEGMENT)
    tracks = next((element for element in everything if int.from_bytes(element.kind, "big") == _TRACKS), None)
    if tracks is None:
        return None
    found = 0
    for entry in _elements(file, tracks.start, min(tracks.end, file.size)):
        if int.from_bytes(entry.kind, "big") == _TRACK_ENTRY:
            fields = _elements(file, entry.start, min(entry.end, file.size))
            kinds = (field for field in fields if int.from_bytes(field.kind, "big") == _TRACK_TYPE)
            found += any(file.read(kind.end - 1, 1) == b"\x01" for kind in kinds)
    return found


def _chunks(file: _File, start: int, end: int) -> Iterator[tuple[_Part, int]]:
    """(a chunk, the size it states); a list's or a RIFF's kind is eight letters."""
    while start + 8 <= end:
        head = file.read(start, 12)
        if len(head) < 8:
            return
        size = int.from_bytes(head[4:8], "little")
        is_list = head[:4] in (b"RIFF", b"LIST")
        kind = head[:4] + head[8:] if is_list else head[:4]
        yield _Part(kind, start + (12 if is_list else 8), start + 8 + size), size
        start += 8 + size + (size & 1)


def _is_cut_off_avi(file: _File) -> bool:
    for riff, size in _chunks(file, 0, file.size):
        if riff.kind not in (b"RIFFAVI ", b"RIFFAVIX") or size in _UNFINISHED:
            return False
        for chunk, chunk_size in _chunks(file, riff.start, min(riff.end, file.size)):
            if chunk_size in _UNFINISHED and chunk.kind.startswith(b"LIST"):
                return False
            if not (chunk.kind.startswith(b"LIST") or chunk.kind in (b"JUNK", b"idx1", b"indx")):
                break
            if chunk.end > file.size:
                return True
        if riff.end > file.size + _RIFF_HEADER_BYTES:
            return True
    return False


def _avi_tracks(file: _File) -> int | None:
    riff = next(_chunks(file, 0, file.size), None)
    if riff is None or riff[0].kind != b"RIFFAVI ":
        return None
    headers = next((part for part, _ in _chunks(file, 12, file.size) if part.kind == b"LISThdrl"), None)
    if headers is None:
        return None
    found = 0
    for stream, _ in _chunks(file, headers.start, min(headers.end, file.size)):
        if stream.kind == b"LISTstrl":
            parts = _chunks(file, stream.start, min(stream.end, file.size))
            found += any(part.kind == b"strh" and file.read(part.start, 4) == b"vids" for part, _ in parts)
    return found
