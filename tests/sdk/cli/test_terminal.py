"""Errors as one sentence and an exit code."""

from __future__ import annotations

import pytest
from click import ClickException

from vidcls.cli.terminal import exit_codes
from vidcls.errors import ArgumentError, ModelError
from vidcls.schema import FieldError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ArgumentError("views is 0"), 2),
        (FieldError("'frames' is 0"), 2),
        (ModelError("m.onnx: damaged"), 1),
        (ValueError("what a library says"), 1),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), 1),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_only_what_we_refuse_as_an_argument_is_wrong_usage(error: Exception, code: int) -> None:
    with pytest.raises(ClickException) as caught, exit_codes():
        raise error
    assert (caught.value.exit_code, caught.value.message) == (code, str(error))


@pytest.mark.parametrize("kind", [ArgumentError, ModelError, ValueError, OSError])
def test_a_message_is_one_bounded_line_whatever_it_quotes(kind: type[Exception]) -> None:
    with pytest.raises(ClickException) as caught, exit_codes():
        raise kind("a\x1b[2J\nError: forged\u202e" + "x" * 10_000_000 + "; the end")
    assert caught.value.message.startswith(r"a\x1b[2J\nError: forged\u202exxx")
    assert caught.value.message.endswith("xxx; the end")
    assert len(caught.value.message) <= 1000
