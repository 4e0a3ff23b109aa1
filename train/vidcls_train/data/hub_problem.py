"""What went wrong between here and the Hugging Face hub, as it may stand in a message."""

from __future__ import annotations

from vidcls.printable import printable
from vidcls.video.protocols import without_secrets


def hub_problem(error: Exception) -> str:
    """The first line of an error's text, without the signatures in the addresses that the hub leads to.

    Example:
        >>> hub_problem(OSError("403 for url: https://cdn.example/a?X-Amz-Signature=5f1e&part=2"))
        '403 for url: https://cdn.example/a?X-Amz-Signature=...&part=2'
    """
    line = str(error).strip().partition("\n")[0]
    return printable(without_secrets(line)) or type(error).__name__
