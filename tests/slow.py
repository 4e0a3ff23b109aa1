"""Which tests take too long to run each time, and whether this run has them."""

from __future__ import annotations

import os

import pytest

IS_SLOW = os.environ.get("VIDCLS_SLOW_TESTS") == "1"
slow = pytest.mark.skipif(not IS_SLOW, reason="takes long; set VIDCLS_SLOW_TESTS=1")
