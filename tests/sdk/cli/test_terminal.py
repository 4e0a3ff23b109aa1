"""Errors as one sentence and an exit code."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from click import ClickException

from vidcls.cli.terminal import exit_codes
from vidcls.errors import MAX_SENTENCE, ArgumentError, ModelError
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
    assert len(caught.value.message) <= MAX_SENTENCE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without signals")
def test_a_block_that_hangs_when_it_is_told_to_end_is_ended_by_the_next_signal() -> None:
    program = """
import os, signal, time
from vidcls.cli import terminal
terminal.UNWINDING_SECONDS = 0.2
with terminal.ended_by_signals():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    except SystemExit as end:
        os.kill(os.getpid(), signal.SIGTERM)  # one request often comes as several signals
        print("unwinding after", end.code, flush=True)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        print("not ended")
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout, run.returncode) == ("unwinding after 143\n", -signal.SIGTERM), run.stderr
