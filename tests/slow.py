"""The mark of tests that take too long to run each time."""

from __future__ import annotations

import os

import pytest

slow = pytest.mark.skipif("VIDCLS_SLOW_TESTS" not in os.environ, reason="takes long; set VIDCLS_SLOW_TESTS=1")
