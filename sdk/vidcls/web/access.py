"""Who may be answered: those who call this machine by its own name, from a page of its own.

A browser lets any page of the network ask a server of this machine, by its address or by a name that was made to
lead here (DNS rebinding). The latter shows in the name that it asks for, the former in where it says that it comes
from.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from email.message import Message
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

# What a browser says where the request comes from no other site; nothing before 2019 to 2023, or without a browser.
_OWN_SITE = ("same-origin", "none")


def check_access(headers: Message, *, path: str, names: Collection[str]) -> HTTPStatus | None:
    """The status of a refusal; None where the request may be answered.

    Args:
        headers: of the request.
        path: what is asked for; to "/" another site may lead, as a link.
        names: by which names, beside addresses and this machine's own, the server may be called.

    Example:
        >>> from email import message_from_string
        >>> check_access(message_from_string("Host: 127.0.0.1:8000"), path="/", names=[]) is None
        True
        >>> check_access(message_from_string("Host: evil.example:8000"), path="/", names=[])
        <HTTPStatus.MISDIRECTED_REQUEST: 421>
    """
    hosts = headers.get_all("Host", [])
    if len(hosts) != 1:
        return HTTPStatus.BAD_REQUEST
    if not _is_own_name(_host_name(hosts[0]), names):
        return HTTPStatus.MISDIRECTED_REQUEST
    origin = headers.get("Origin")
    own = (f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower())  # the latter by a proxy that encrypts
    if origin is not None and origin.lower() not in own:
        return HTTPStatus.FORBIDDEN
    site = headers.get("Sec-Fetch-Site", "none")
    if site not in _OWN_SITE and not (path == "/" and _is_navigation(headers)):
        return HTTPStatus.FORBIDDEN
    return None


def _is_navigation(headers: Message) -> bool:
    """Whether someone followed a link in the whole of a window, and not in a frame of another page."""
    return headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"


def _host_name(host: str) -> str:
    """The name or address in "name:port"; empty where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 - which is read only now
    except ValueError:
        return ""
    return "" if parts.netloc != host or "@" in host else (parts.hostname or "").rstrip(".")


def _is_own_name(name: str, names: Collection[str]) -> bool:
    try:
        ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return name in ("localhost", own, f"{own.partition('.')[0]}.local", *(other.lower() for other in names))
    return True  # no name that could lead elsewhere
