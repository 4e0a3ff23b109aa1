"""Local text files that FFmpeg opens as videos, and which lead to other places: playlists, scripts, descriptions.

A recorded HLS playlist with its segments beside it is a video of several files, and is opened once everything that
it names is known to lie there. All else is refused: it could name any file, or any machine of the network.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vidcls.errors import VideoError
from vidcls.video.protocols import without_secrets

# As much of a file as FFmpeg reads to find out what it is; it stops at the first NUL, which videos have early.
_PROBE_BYTES = 1 << 20
_FIRST_BYTES = 4096
# A recording of a day in segments of one second takes half of that.
MAX_PLAYLIST_BYTES = 8 << 20
# FFmpeg cuts longer lines off, and would so open what was not checked.
_MAX_LINE_BYTES = 4000
# A master playlist, and the playlists it names.
_MAX_DEPTH = 2

_HLS = "an HLS playlist"
_HLS_ENDINGS = (".m3u8", ".m3u")
# What makes FFmpeg take a text for what.
_KINDS = (
    (re.compile(rb"#EXTM3U.*^#EXT-X-", re.DOTALL | re.MULTILINE), _HLS),
    (re.compile(rb"#EXTM3U"), "a playlist"),
    (re.compile(rb"ffconcat version"), "an ffconcat script"),
    (re.compile(rb"v=0\r?\n|(?:.*[\r\n])?c=IN IP", re.DOTALL), "an SDP description"),
    (re.compile(rb".*<MPD", re.DOTALL | re.IGNORECASE), "a DASH manifest"),
    (re.compile(rb".*<CompositionPlaylist", re.DOTALL), "an IMF composition"),
)
# These FFmpeg knows by their ending, and runs as programs.
_SCRIPTS = {".avs": "an AviSynth script", ".vpy": "a VapourSynth script"}

# Pictures whose name holds such a number are taken for one of a row of files, and others opened in its place.
_NUMBER = re.compile(r"%\d*d|%[*?\[\]{}]")
_PICTURES = re.compile(
    "bmp|cri|dds|dpx|exr|fits|gem|hdr|im1|im24|im8|img|ico|j2c|j2k|jls|jp2|jpc|jpeg|"
    "jpg|jps|jxl|ljpg|mng|mpo|pam|pbm|pcd|pct|pcx|pfm|pgm|pgmyuv|phm|pic|pict|pix|png|"
    "pns|ppm|ptx|qoi|ras|raw|rs|sgi|sun|sunras|svg|tga|tif|tiff|vbn|webp|xbm|xface|"
    "ximg|xpm|xwd|y|yuv10"
)


def check_leads_nowhere(path: Path, *, name: str) -> None:
    """Raise VideoError if FFmpeg would follow this file elsewhere: all but a recorded HLS playlist and its segments.

    Args:
        path: absolute.
        name: for messages.
    """
    if _PICTURES.fullmatch(path.suffix[1:].lower()) and _NUMBER.search(str(path)):
        raise VideoError(name, "FFmpeg takes the % in a picture's name for the number of one of many; rename it")
    with path.open("rb") as file:
        kind = _kind(file)
        if kind is None and path.suffix.lower() in _SCRIPTS and b"\0" not in _beginning(file):
            kind = _SCRIPTS[path.suffix.lower()]
    if kind == _HLS:
        if path.suffix.lower() not in _HLS_ENDINGS:  # since version 7.1
            raise VideoError(name, "an HLS playlist, which FFmpeg knows by its ending; rename it to end in .m3u8")
        _check_hls(path, folder=path.parent.resolve(), name=name, depth=1)
    elif kind is not None:
        raise VideoError(name, f"{kind}, not a video; name the video that it leads to")


def check_is_no_playlist(file: BinaryIO, *, name: str) -> None:
    """Raise VideoError if an open file, or memory, is text that leads to other places."""
    kind = _kind(file)
    if kind is not None:
        hint = "give its path, with its segments beside it" if kind == _HLS else "give the video that it leads to"
        raise VideoError(name, f"{kind}, not a video, and leads to files that are not in it; {hint}")


def _kind(file: BinaryIO) -> str | None:
    text = _beginning(file)
    if b"\0" not in text:
        text += file.read(_PROBE_BYTES - len(text))
    text = text.partition(b"\0")[0]
    return next((kind for pattern, kind in _KINDS if pattern.match(text)), None)


def _beginning(file: BinaryIO) -> bytes:
    """The first bytes after ID3v2 tags, which FFmpeg passes over in any file."""
    file.seek(0)
    beginning = file.read(_FIRST_BYTES)
    if beginning.startswith(b"ID3") and len(beginning) >= 10:
        size = 0
        for byte in beginning[6:10]:
            size = size << 7 | byte & 0x7F
        file.seek(10 + size + 10 * (beginning[5] >> 4 & 1))  # with a footer, where a flag says so
        beginning = file.read(_FIRST_BYTES)
    return beginning


def _check_hls(path: Path, *, folder: Path, name: str, depth: int) -> None:
    if "?" in str(path) or "#" in str(path):
        raise VideoError(name, "FFmpeg looks for this playlist's segments elsewhere, for its path holds ? or #; rename")
    if path.stat().st_size > MAX_PLAYLIST_BYTES:
        raise VideoError(name, f"a playlist of more than {MAX_PLAYLIST_BYTES >> 20} MiB; expected a smaller one")
    content = path.read_bytes()
    lines = [line.rstrip() for line in content.splitlines()]
    if b"\0" in content or any(len(line) > _MAX_LINE_BYTES for line in lines):
        raise VideoError(name, "the playlist is damaged: it has lines that are too long, or bytes that are no text")
    for uri, is_playlist in _references(lines):
        found = _checked(uri, playlist=path, folder=folder, name=name)
        if is_playlist:
            if depth == _MAX_DEPTH:
                raise VideoError(name, f"leads to the playlist '{_shown(uri)}' by way of others; name that one")
            with found.open("rb") as file:
                if _kind(file) != _HLS:
                    raise VideoError(name, f"leads to '{_shown(uri)}', which is no HLS playlist; name the video itself")
            _check_hls(found, folder=folder, name=name, depth=depth + 1)
    _check_has_ended(lines, name=name)


def _check_has_ended(lines: list[bytes], *, name: str) -> None:
    first = next((number for number, line in enumerate(lines) if line.startswith(b"#EXTINF:")), None)
    if first is None:
        if any(line.startswith(b"#EXT-X-STREAM-INF:") for line in lines):
            return  # a master playlist
        raise VideoError(name, "the playlist names no segments; check that it is complete")
    if not any(line.startswith(b"#EXT-X-ENDLIST") for line in lines[first:]):
        raise VideoError(
            name,
            "the recording has not ended: its playlist has no line #EXT-X-ENDLIST, and FFmpeg would wait for more; "
            "wait until it is written, or, if nothing more will come, append that line",
        )


def _references(lines: list[bytes]) -> Iterator[tuple[bytes, bool]]:
    """(URI, whether of another playlist) of everything that a playlist names."""
    is_variant = False
    for line in lines:
        if line.startswith(b"#EXT-X-"):
            is_variant = is_variant or line.startswith(b"#EXT-X-STREAM-INF:")
            for uri in _uris(line.partition(b":")[2]):
                yield uri, line.startswith(b"#EXT-X-MEDIA:")
        elif line and not line.startswith(b"#"):
            yield line, is_variant
            is_variant = False


def _uris(attributes: bytes) -> Iterator[bytes]:
    """The values of the attributes URI of one tag."""
    if b"URI" in attributes and b"\\" in attributes:
        yield attributes  # FFmpeg undoes escapes, which no playlist needs: no file is called so
        return
    while attributes:
        key, _, attributes = attributes.lstrip(b" \t\v\f,").partition(b"=")
        if attributes.startswith(b'"'):
            value, _, attributes = attributes[1:].partition(b'"')
        else:
            value = re.match(rb"[^\s,]*", attributes)[0]  # type: ignore[index]  # matches nothing, if need be
            attributes = attributes[len(value) :]
        if key.endswith(b"URI"):
            yield value


def _checked(uri: bytes, *, playlist: Path, folder: Path, name: str) -> Path:
    """The file that a playlist names, which lies in its folder or below."""
    relative = uri.decode("utf-8", "surrogateescape")
    outside = f"this playlist leads out of its own folder, to '{_shown(uri)}'"
    mend = "put its segments beside it, and name them in it by relative paths"
    if re.match(r"[^/]*:", relative) or relative.startswith("/") or "\\" in relative or ".." in relative.split("/"):
        raise VideoError(name, f"{outside}; {mend}")
    found = playlist.parent / relative
    try:
        # No link, right beside a playlist that lies in the folder: as most segments do, of which there are thousands.
        is_there = "/" not in relative and stat.S_ISREG(os.lstat(found).st_mode)
        if not is_there:
            resolved = found.resolve()
            if not resolved.is_relative_to(folder):
                raise VideoError(name, f"{outside}; {mend}")
            is_there = resolved.is_file()
    except (OSError, RuntimeError):  # a missing file, a name that is too long, links in a circle
        is_there = False
    if not is_there:
        raise VideoError(name, f"this playlist names '{_shown(uri)}', and there is no such file; {mend}")
    return found


def _shown(uri: bytes) -> str:
    text = without_secrets(uri.decode("utf-8", "replace"))
    return text if len(text) <= 200 else f"{text[:200]}..."
