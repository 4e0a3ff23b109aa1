"""A key packet -> the size of the pictures that follow."""

from __future__ import annotations


def size_of_pictures(packet: bytes) -> tuple[int, int] | None:
    """Pixels, or None where it does not say."""
    del packet
    return None
