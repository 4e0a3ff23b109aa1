"""Which protocols may be opened, and what a URL keeps secret. No I/O.

FFmpeg opens many more: some read local files in pieces (`subfile:`, `concat:`), some wrap another protocol
(`cache:`, `async:`, `crypto:`), some are not about videos at all (`pipe:`, `unix:`, `gopher:`). A name that comes
from elsewhere could so be made to read what it should not. What is not in this list is refused by every door.
"""

from __future__ import annotations

import io
import os
import re
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from vidcls.errors import VideoError

# May have an end.
FETCHED_PROTOCOLS = ("http", "https")
# Has none: there is only now to be read.
LIVE_PROTOCOLS = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt")
# All that may be opened.
PROTOCOLS = ("file", *FETCHED_PROTOCOLS, *LIVE_PROTOCOLS)

# What those may themselves open, and what may be reached through a server's answer: TLS, a proxy, a playlist's
# encrypted segments; never a local file.
_URL_WHITELIST = (*FETCHED_PROTOCOLS, *LIVE_PROTOCOLS, "tls", "httpproxy", "ffrtmphttp", "srtp", "crypto")
# A playlist with its segments beside it may be encrypted.
_PATH_WHITELIST = ("file", "crypto")

# FFmpeg takes these for protocols without // as well. Only for the message: made absolute, such a name is a path.
_WITHOUT_SLASHES = re.compile(
    "async|bluray|cache|concat|concatf|crypto|data|fd|ftp|gopher|gophers|hls|icecast|ipfs|ipns|md5|mmsh|mmst|pipe|"
    "sftp|smb|srtp|subfile|tee|tls|unix"
)
# Two letters at least: one is a drive. `subfile` takes options between its name and the colon.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)(?:,[^:]*)?:")
# What a file:// URL has on Windows between its third / and the path.
_DRIVE = re.compile("/[A-Za-z]:")
# As much of a refused name as a message shows; a data: URL may have megabytes.
_SHOWN_CHARACTERS = 200

# Where people find videos that only a player in a page can show, by their hosts' names.
_SITES = {
    "bilibili.com": "Bilibili",
    "dailymotion.com": "Dailymotion",
    "facebook.com": "Facebook",
    "instagram.com": "Instagram",
    "tiktok.com": "TikTok",
    "tv.naver.com": "Naver TV",
    "twitch.tv": "Twitch",
    "vimeo.com": "Vimeo",
    "youtu.be": "YouTube",
    "youtube.com": "YouTube",
    "youtube-nocookie.com": "YouTube",
}
_PAGE_HOSTS = re.compile(r"(?:(?:www|m|music|player)\.)?(.+)")

# Passwords, keys and signatures in a URL, as IP cameras and signed downloads have them: in its query, or in its path,
# as in rtsp://HOST/user=admin_password=..._channel=1_stream=0.sdp. There a password may hold what stands between two
# parts: so it ends only where a name follows that such cameras have after it.
_PRIVATE = "(?:pas|pw|psw|token|secret|key|sig|auth|cred)"
_SECRETS = re.compile(
    rf"(?is)([?&][^=&#]*{_PRIVATE}[^=&#]*=)[^&]*"
    rf"|([/;_][^=&#?/;_]*{_PRIVATE}[^=&#?/;_]*=).*?(?=[&/;_](?:channel|stream|subtype)=|\Z)"
)
# Up to the last @ of this URL, of which `concat:` may join several.
_UP_TO_AT = r"(?:(?!\|\w+://).)*@"
# user:password@ after the ://, also where the password holds a '/', '?', '#' or '@' that should have been escaped:
# rather too much is left out than too little. Digits before a '/' are a port.
_CREDENTIALS = re.compile(rf"(?<=://)(?:[^/?#:@|\[]*:(?!\d+/){_UP_TO_AT}|[^/?#|]*@(?:[^?#|]*@)?)")
# Of a camera, whose path hardly ever holds an @, it is a password that begins with digits.
_CAMERA_CREDENTIALS = re.compile(rf"(?i)((?:{'|'.join(LIVE_PROTOCOLS)})://)[^/?#:@|\[]*:\d+/{_UP_TO_AT}")


def is_url(name: str) -> bool:
    """Whether `name` is a URL, of whatever protocol: `scheme://`, also where one protocol wraps another."""
    return "://" in name and _SCHEME.match(name) is not None


def is_remote(name: str) -> bool:
    """Whether `name` is a URL of something that is not a file of this machine."""
    return is_url(name) and protocol_of(name) != "file"


def protocol_of(name: str) -> str | None:
    """The protocol, in lower case, that FFmpeg would take `name` to begin with; None for a path."""
    found = _SCHEME.match(name)
    if found is None:
        return None
    protocol = found[1].lower()
    return protocol if "://" in name or _WITHOUT_SLASHES.fullmatch(protocol) else None


def refused_protocol(name: str) -> VideoError:
    """The error for a name whose protocol is none of those that may be opened."""
    shown = without_secrets(name)
    shown = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}..."
    *others, last = PROTOCOLS
    return VideoError(
        shown,
        f"'{protocol_of(name)}:' may not be opened, expected a path or a URL that begins with "
        f"{'://, '.join(others)}:// or {last}://; copy the video to a file first, and name that",
    )


def normalised_url(url: str) -> str:
    """The URL with its protocol in lower case, since FFmpeg knows no other."""
    scheme, colon, rest = url.partition(":")
    return f"{scheme.lower()}{colon}{rest}"


def page_site(url: str) -> str | None:
    """The site whose page, with a player in it, stands at `url`; None of any other address, and of a file."""
    try:
        parts = urlsplit(url)
        host = _PAGE_HOSTS.fullmatch(parts.hostname or "")
    except ValueError:  # brackets that are no IPv6 address
        return None
    is_file = re.search(r"\.(?:mp4|webm|m3u8)$", parts.path) is not None
    return None if host is None or is_file else _SITES.get(host[1])


def is_page(whose: str) -> str:
    """What to say of an address at which a web page stands instead of a video."""
    return f"is a web page {whose}, not a video; download its video first, for example with yt-dlp, and give the file"


def file_url_path(url: str) -> str:
    """The path that a file:// URL of this machine stands for; %20 and the like are what they stand for.

    Raises:
        VideoError: it names another machine, or its path does not begin at the root.
    """
    path = url.partition("://")[2]
    if path.lower().startswith("localhost/"):
        path = path[len("localhost") :]
    if not path.startswith("/"):
        raise VideoError(
            without_secrets(url), "expected file:///, and after it a path of this machine; name the path itself"
        )
    path = unquote(path, errors="surrogateescape")
    return path[1:] if os.name == "nt" and _DRIVE.match(path) else path


def protocol_whitelist(source: str | io.BufferedIOBase | BinaryIO) -> str:
    """FFmpeg's option `protocol_whitelist` for what `vidcls.video.source.openable` gave: what it may open more."""
    if not isinstance(source, str):
        return "none"  # no protocol is called so: what is open already leads nowhere
    return ",".join(_URL_WHITELIST if is_url(source) else _PATH_WHITELIST)


def without_secrets(url: str) -> str:
    """The URL without user and password, and without what its query or path names a password, a key or the like."""
    named = _SECRETS.sub(r"\1\2...", _CREDENTIALS.sub("", url))
    return _CAMERA_CREDENTIALS.sub(r"\1", named)
