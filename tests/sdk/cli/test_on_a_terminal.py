"""What people see: the same commands on a real terminal, whose screen is worked out from every byte that came there."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vidcls.cli import terminal
from vidcls.cli.columns import columns_of, padded
from vidcls.cli.main import main

pty = pytest.importorskip("pty", reason="this system has no pseudo terminals")
COLUMNS = 60


class Screen:
    """The lines of a terminal that wraps none: carriage returns, one line up, and the end of a line cleared."""

    def __init__(self, text: str) -> None:
        self.lines, self.row, self.longest = [""], 0, 0
        column = 0
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.", text, re.DOTALL):
            line = self.lines[self.row]
            if part == "\r":
                column = 0
            elif part == "\n":
                self.row += 1
                self.lines += [""] * (self.row == len(self.lines))
            elif part == "\x1b[A":
                self.row -= 1
            elif part == "\x1b[K":
                self.lines[self.row] = line[:column]
            elif not part.startswith("\x1b"):
                self.lines[self.row] = line[:column].ljust(column) + part + line[column + 1 :]
                column += 1
            self.longest = max(self.longest, *map(columns_of, self.lines))


@contextmanager
def on_a_terminal(monkeypatch: pytest.MonkeyPatch, *, columns: int = COLUMNS) -> Iterator[Callable[[], str]]:
    """stdout and stderr are a terminal; what this gives says all that came there."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    arrived: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                arrived.append(data)
        except OSError:  # the other end was closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    stream = os.fdopen(theirs, "w", encoding="utf-8", buffering=1)

    def text() -> str:
        stream.close()
        reader.join()
        return b"".join(arrived).decode()

    try:
        with monkeypatch.context() as patched:
            for name in ("COLUMNS", "NO_COLOR"):
                patched.delenv(name, raising=False)
            patched.setenv("TERM", "xterm")
            patched.setattr(sys, "stdout", stream)
            patched.setattr(sys, "stderr", stream)
            yield text
    finally:
        stream.close()
        reader.join()
        os.close(ours)


@pytest.mark.parametrize("columns", [40, 60])
def test_answers_errors_and_warnings_never_share_a_line_with_a_bar(
    columns: int, model: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.mp4").write_bytes(clip.read_bytes())
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # else the command keeps those of the tests
    with on_a_terminal(monkeypatch, columns=columns) as text:
        arguments = ["predict", "--top-k", "2", str(model), "a.mp4", "gone.mp4", "a.mp4"]
        with pytest.raises(SystemExit) as ended:
            main.main(arguments, standalone_mode=True)
        came = text()
    assert ended.value.code == 1
    assert came.count("classifying") > 2  # the bar was there
    screen = Screen(came)
    assert screen.longest <= columns
    lines = [line.rstrip() for line in screen.lines if line.strip()]
    assert [line for line in lines if not line.startswith("  ")] == [
        "a.mp4",
        "Error: gone.mp4: there is no such file",
        "a.mp4",
    ]
    assert lines[1:3] == lines[5:7]
    assert len(lines) == 7


def test_a_warning_of_the_library_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.Logger("of the test alone")
    with on_a_terminal(monkeypatch) as text:
        logger.addHandler(terminal._LogHandler())
        for number in terminal.track(range(2), label="working"):
            logger.warning("number %d", number)
        came = text()
    assert "working" in came
    assert [line.rstrip() for line in Screen(came).lines if line.strip()] == ["number 0", "number 1"]


def test_bars_stand_in_the_same_columns_whatever_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_terminal(monkeypatch, columns=80):
        lines = [terminal.score_line(label, score) for label, score in [("뛰기", 0.75), ("jump", 0.25), ("x", 0.0)]]
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in lines] == [
        "  0.7500  ███████████████       뛰기",
        "  0.2500  █████                 jump",
        "  0.0000                        x",
    ]
    assert all("\x1b[36m" in line for line in lines)


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour_where_it_is_not_wanted(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_terminal(monkeypatch, columns=80):
        monkeypatch.setenv(variable, value)
        assert terminal.score_line("jump", 1.0) == f"  1.0000  {20 * '█'}  jump"
        assert terminal.is_interactive() == (variable == "NO_COLOR")
    assert terminal.score_line("jump", 1.0) == "  1.0000  jump"  # where it is piped, as here


def test_columns_are_those_of_the_characters() -> None:
    decomposed = "\u1112\u1161\u11ab"  # three letters that make one syllable
    assert [columns_of(text) for text in ("abc", "뛰기", decomposed, "e\u0301", "a\u200bb", "👍", "ｱ")] == [
        *(3, 4, 2, 1, 2, 2, 1)
    ]
    assert padded("뛰기", 6) == "뛰기  "


def test_a_message_of_something_that_goes_on_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_terminal(monkeypatch) as text:
        with terminal.busy("exporting a checkpoint with a long name ..."):
            terminal.note("a note")
            for _ in terminal.track(range(2), label="checking"):
                pass
            for _ in terminal.track([], label="nothing to do", length=0):
                pass
        came = text()
    assert "exporting" in came
    assert "nothing to do" not in came
    assert [line.rstrip() for line in Screen(came).lines if line.strip()] == ["a note"]
