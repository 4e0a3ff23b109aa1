"""Whether what stands at a URL has an end, asked of its server where the opened video does not say."""

from __future__ import annotations

import re
import time
from http.client import HTTPException, HTTPMessage, HTTPResponse
from urllib.error import HTTPError

from vidcls.video.http import Patience, opener, request
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
