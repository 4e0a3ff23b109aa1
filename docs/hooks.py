"""What mkdocs does to each page beyond its plugins; named in mkdocs.yml."""

from __future__ import annotations

import re
from typing import Any

_INLINE_CODE = re.compile(r"<code>[^<]*</code>")
_OPTION = re.compile(r"--?[A-Za-z][\w-]*")


def on_page_content(html: str, **_: Any) -> str:
    """Keep options of command lines whole: a browser would break `--top-k` after any of its hyphens."""
    return _INLINE_CODE.sub(lambda code: _OPTION.sub(r'<span class="option">\g<0></span>', code[0]), html)
