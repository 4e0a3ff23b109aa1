"""Errors as one sentence and an exit code."""

from __future__ import annotations

import pytest
from click import ClickException

from vidcls.cli.terminal import exit_codes


@pytest.mark.parametrize(
    ("error", "code"),
    [(UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), 1), (ValueError("x"), 2)],
)
def test_a_text_that_cannot_be_encoded_is_not_wrong_usage(error: ValueError, code: int) -> None:
    with pytest.raises(ClickException) as caught, exit_codes():
        raise error
    assert (caught.value.exit_code, caught.value.message) == (code, str(error))
