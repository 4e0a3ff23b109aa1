"""Whether what stands at a URL has an end, asked of its server before it is opened, or where the video does not say."""

from __future__ import annotations

import re
import time
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import Literal, TypeAlias
from urllib.error import HTTPError
from urllib.parse import urljoin

from vidcls.video.http import Patience, opener, request
from vidcls.video.playlist import MAX_PLAYLIST_BYTES
from vidcls.video.protocols import FETCHED_PROTOCOLS, is_url, protocol_of
from vidcls.video.source import OPEN_SECONDS

# How far an answer without a stated length is read, to see whether it ends. A camera is watched only after that, so
# few seconds; as many bytes as a fast line brings in them, so that a fast camera costs no more than a short film.
END_SECONDS = 5.0
END_BYTES = 64 << 20
# No film has as many; some cameras state such a length, since they have none.
_NO_LENGTH_BYTES = 1 << 40

_BLOCK_BYTES = 1 << 16
_PLAYLIST = b"#EXTM3U"
# Enough to know a film or a list by.
_BEGINNING_BYTES = 1024
# A master playlist, and one that it names.
_PLAYLIST_DEPTH = 2
# What stands at a URL: a broadcast, one that has ended, or what has an end of its own.
_Kind: TypeAlias = Literal["broadcast", "over", "film"]

# What files of films begin with, which may state how long they are where the server does not: MP4, Matroska and AVI.
_FILM_BEGINNINGS = re.compile(rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF", re.DOTALL)


def is_endless(url: str) -> bool:
    """Whether what stands at `url` may go on for ever: a live stream rather than a file.

    A file is what states its length (and is neither a playlist nor pictures that replace each other), or what ends
    within END_SECONDS and END_BYTES. Whatever cannot be found out counts as endless.

    Takes at most OPEN_SECONDS and END_SECONDS. Never raises an error.
    """
    if not is_url(url) or protocol_of(url) not in FETCHED_PROTOCOLS:
        return True
    patience = Patience(OPEN_SECONDS)
    try:
        with opener(patience).open(request(url)) as answer:
            patience.renew(END_SECONDS)
            return _has_no_end(answer)
    except HTTPError as error:
        error.close()
    except (OSError, HTTPException, ValueError):  # whose text may hold a password
        pass
    return True


def is_broadcast(url: str, *, seconds: float) -> bool:
    """Whether what stands at `url` goes on, as its server says before anything is opened.

    A broadcast is an HLS playlist that has not ended, a DASH manifest that changes, pictures that replace each other,
    and what states no length, and does not begin like a film nor end within END_SECONDS and END_BYTES.

    Takes at most `seconds`, and END_SECONDS; False where nothing can be found out.

    Raises:
        TimeoutError: the server did not answer in time.
    """
    patience, began = Patience(seconds), time.monotonic()
    kind = _kind(url, patience, depth=1)
    if kind is None and time.monotonic() - began >= seconds:
        raise TimeoutError("the server does not answer in time")
    return kind == "broadcast"


def is_over(url: str, *, seconds: float) -> bool:
    """Whether what stands at `url` is the HLS playlist of a broadcast that has ended, and may begin again.

    A recording has its beginning; of a broadcast the first segments are gone. Takes at most `seconds`, and END_SECONDS;
    False where nothing can be found out. Never raises an error.
    """
    return _kind(url, Patience(seconds), depth=1) == "over"


def _kind(url: str, patience: Patience, *, depth: int) -> _Kind | None:
    """As `is_broadcast`; None where nothing can be found out."""
    if not is_url(url) or protocol_of(url) not in FETCHED_PROTOCOLS:
        return "film"
    try:
        asked = request(url)
        with opener(patience).open(asked) as answer:
            kind = answer.headers.get_content_type()
            if kind == "multipart/x-mixed-replace":
                return "broadcast"
            beginning = answer.read1(_BLOCK_BYTES)
            while beginning and len(beginning) < _BEGINNING_BYTES and (more := answer.read1(_BLOCK_BYTES)):
                beginning += more
            if not beginning.startswith(_PLAYLIST) and not _manifest_tag(beginning):
                if _has_length(answer.headers) or _FILM_BEGINNINGS.match(beginning):
                    return "film"
                return "broadcast" if _goes_on_for_long(answer, patience, count=len(beginning)) else "film"
            text = beginning + answer.read(MAX_PLAYLIST_BYTES)
            # Its names count from where it was found, with user and password where that is the same place.
            base = url if answer.geturl() == asked.full_url else answer.geturl()
        return _kind_of_list(text, base, patience, depth=depth)
    except HTTPError as error:
        error.close()
    except (OSError, HTTPException, ValueError):  # whose text may hold a password
        pass
    return None


def _goes_on_for_long(answer: HTTPResponse, patience: Patience, *, count: int) -> bool:
    patience.renew(END_SECONDS)
    try:
        return _goes_on(answer, count=count)
    except TimeoutError:  # it has begun, and pauses
        return True


def _kind_of_list(text: bytes, base: str, patience: Patience, *, depth: int) -> _Kind | None:
    manifest = _manifest_tag(text)
    if manifest:
        return "broadcast" if re.search(rb"""\btype\s*=\s*["']dynamic["']""", manifest) else "film"
    lines = [line.strip() for line in text.splitlines()]
    variant = _first_variant(lines)
    if variant is None:
        return _kind_of_playlist(lines)
    named = urljoin(base, variant.decode("utf-8", "replace"))
    return _kind(named, patience, depth=depth + 1) if depth < _PLAYLIST_DEPTH else None


def _kind_of_playlist(lines: list[bytes]) -> _Kind:
    if not any(line.startswith(b"#EXT-X-ENDLIST") for line in lines):
        return "broadcast"
    numbers = [line.partition(b":")[2].strip() for line in lines if line.startswith(b"#EXT-X-MEDIA-SEQUENCE:")]
    has_beginning = not numbers or not numbers[0].isdigit() or int(numbers[0]) <= 1  # some count from 1
    is_recorded = any(line.startswith(b"#EXT-X-PLAYLIST-TYPE:") for line in lines)  # of VOD and EVENT none may go
    return "film" if has_beginning or is_recorded else "over"


def _manifest_tag(text: bytes) -> bytes:
    """The tag that a DASH manifest begins with; empty where the text is none."""
    rest = text.lstrip()
    while rest.startswith((b"<?xml", b"<!--")):
        rest = rest.partition(b"?>" if rest.startswith(b"<?xml") else b"-->")[2].lstrip()
    return rest.partition(b">")[0] if re.match(rb"<MPD\b", rest) else b""


def _first_variant(lines: list[bytes]) -> bytes | None:
    """The address of the first of a master playlist's variants; None where it names none."""
    announced = next((number for number, line in enumerate(lines) if line.startswith(b"#EXT-X-STREAM-INF:")), None)
    if announced is None:
        return None
    return next((line for line in lines[announced:] if line and not line.startswith(b"#")), None)


def states_no_length(url: str) -> bool:
    """Whether what stands at `url` is, by the first that its server says, no file that states its length, nor a list.

    For whoever watches for good that is a camera, also where it breaks off. Takes at most OPEN_SECONDS; False where
    nothing can be found out. Never raises an error.
    """
    if not is_url(url) or protocol_of(url) not in FETCHED_PROTOCOLS:
        return False
    try:
        with opener(Patience(OPEN_SECONDS)).open(request(url)) as answer:
            is_list = answer.headers.get_content_type().endswith("mpegurl") or answer.read(len(_PLAYLIST)) == _PLAYLIST
            return not is_list and not _has_length(answer.headers)
    except HTTPError as error:
        error.close()
    except (OSError, HTTPException, ValueError):  # whose text may hold a password
        pass
    return False


def _has_no_end(answer: HTTPResponse) -> bool:
    kind = answer.headers.get_content_type()
    if kind == "multipart/x-mixed-replace" or kind.endswith("mpegurl"):
        return True
    count = len(beginning := answer.read(len(_PLAYLIST)))
    if beginning == _PLAYLIST:
        return True
    if _has_length(answer.headers):
        return False
    return _goes_on(answer, count=count)


def _goes_on(answer: HTTPResponse, *, count: int) -> bool:
    """Whether an answer, of which so many bytes were read, ends neither within END_SECONDS nor END_BYTES."""
    begun = time.monotonic()
    while count < END_BYTES and time.monotonic() - begun < END_SECONDS:
        block = answer.read1(_BLOCK_BYTES)
        if not block:
            return False
        count += len(block)
    return True


def _has_length(headers: HTTPMessage) -> bool:
    whole = re.search(r"/(\d+)\s*$", headers.get("Content-Range", ""))
    stated = whole[1] if whole else headers.get("Content-Length", "")
    return stated.strip().isdecimal() and 0 < int(stated) < _NO_LENGTH_BYTES
