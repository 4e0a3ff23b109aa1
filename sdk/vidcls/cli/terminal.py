"""What the three command lines print: errors as one sentence and an exit code, progress bars, notes and JSON."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from vidcls.cli import columns
from vidcls.errors import MAX_SENTENCE, ArgumentError, DependencyError, VidclsError
from vidcls.printable import printable

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

T = TypeVar("T")

# Signals that ask a process to end; Windows has no SIGHUP. The exit code is 128 and the signal's number.
_ENDING = ("SIGTERM", "SIGHUP")
INTERRUPTED = 130
# What a run that was told to end may take to close what it opened; a signal after that ends it at once.
UNWINDING_SECONDS = 5.0
# Columns of a score's bar on a terminal of 80 or more, and columns below which there is none; a progress bar's.
_BAR, _NARROW, _WIDEST = 20, 40, 36
# Where a terminal does not say how many columns it has.
_USUAL = 80
# Of each progress bar and message that may stand on the terminal's last line, whether it is drawn.
_bars: list[bool] = []


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn what the user can mend into one sentence: wrong usage exits with 2, all else with 1.

    Signals end it as in `ended_by_signals`.
    """
    with ended_by_signals(), _named_errors():
        yield


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let what asks the process to end, a Ctrl-C or a SIGTERM, unwind the block like an error.

    So what it opened is closed, and its temporary files are removed; the exit code is 130, or 143. Where it comes while
    native code runs, that ends first.
    """
    try:
        with _raising_signals():
            yield
    except KeyboardInterrupt:
        click.echo("\nAborted!", err=True)
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def _raising_signals() -> Iterator[None]:
    """Let the first signal that asks the process to end raise SystemExit, in the main thread.

    Others do nothing, since one request often comes as several signals, until `UNWINDING_SECONDS` are over: then the
    block hangs, and the next one ends the process as if nobody had asked for more.
    """
    process = os.getpid()
    kinds = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]

    def end(kind: int, _: FrameType | None) -> None:
        if os.getpid() != process:  # a child that was forked ends as it would without us
            signal.signal(kind, signal.SIG_DFL)
            os.kill(os.getpid(), kind)
            return
        first = time.monotonic()

        def end_at_once(later: int, _: FrameType | None) -> None:
            if time.monotonic() - first > UNWINDING_SECONDS:
                signal.signal(later, signal.SIG_DFL)
                os.kill(os.getpid(), later)

        for other in ours:
            signal.signal(other, end_at_once)
        raise SystemExit(128 + kind)

    # One that is ignored, as by nohup, or that another library handles, stays so.
    is_main = threading.current_thread() is threading.main_thread()
    ours = [kind for kind in kinds if is_main and signal.getsignal(kind) is signal.SIG_DFL]
    for kind in ours:
        signal.signal(kind, end)
    try:
        yield
    finally:
        for kind in ours:
            if signal.getsignal(kind) is end:
                signal.signal(kind, signal.SIG_DFL)


@contextmanager
def _named_errors() -> Iterator[None]:
    """Make one sentence of an error.

    Wrong usage is what our own code refuses as an argument; a ValueError of a library's making says nothing
    of what the user typed.
    """
    _show_log()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name that stdout's encoding lacks is no reason to stop
    try:
        from vidcls.video.quiet import quiet_decoders

        quiet_decoders()
        yield
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of a pipe has gone: click knows what to do
            raise
        raise click.ClickException(_sentence(error)) from error
    except (VidclsError, ValueError) as error:
        raise click.ClickException(_sentence(error)) from error
    except ImportError:
        _check_opencv()
        raise


def _check_opencv() -> None:
    """Name OpenCV where it cannot be imported: several modules need it, and only one says how to get it."""
    try:
        import vidcls.video.opencv  # noqa: F401
    except DependencyError as error:
        raise click.ClickException(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    return printable(str(error), limit=MAX_SENTENCE)


class _LogHandler(logging.StreamHandler):  # type: ignore[type-arg]  # before Python 3.11 it has none at run time
    """Messages on stderr, each on a line of its own, also while a progress bar is there."""

    def emit(self, record: logging.LogRecord) -> None:
        clear_progress()
        super().emit(record)


class _LogFormat(logging.Formatter):
    """Warnings and errors by name; what is merely said, as it is. A message stays one line, whatever it quotes."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return printable(super().formatMessage(record), limit=MAX_SENTENCE)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno == logging.INFO else f"{record.levelname}: {text}"


def _show_log() -> None:
    """Put the library's warnings on stderr, and what training and exporting say on the way."""
    handler = _LogHandler()
    handler.setFormatter(_LogFormat())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # FFmpeg's own messages, which torchvision 0.21 asks PyAV for: our errors say it, and name the file.
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    for name in ("vidcls.train", "vidcls.export"):
        logging.getLogger(name).setLevel(logging.INFO)


def is_interactive() -> bool:
    """Whether somebody is watching: progress belongs on stderr, and only on a terminal that can draw it."""
    return _is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


def _is_terminal(stream: TextIO | None) -> bool:
    """None is a stream that was closed before the program began, as by 2>&-."""
    return stream is not None and stream.isatty()


def width() -> int | None:
    """Columns of the terminal that the result goes to; None where it goes to a file or a pipe."""
    return _columns(sys.stdout) if _is_terminal(sys.stdout) else None


def _columns(stream: TextIO) -> int:
    """Of the terminal that a stream goes to; not of another one, as shutil's would be where results are piped."""
    given = os.environ.get("COLUMNS", "")
    try:
        return int(given) if given.isdecimal() else os.get_terminal_size(stream.fileno()).columns or _USUAL
    except (OSError, ValueError):
        return _USUAL


def is_coloured() -> bool:
    """Whether results may have colours: on a terminal that has them, and where NO_COLOR does not forbid it."""
    return _is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def coloured(text: str, colour: str) -> str:
    """`text` of a result in a colour of click's, where there are any."""
    return click.style(text, fg=colour) if is_coloured() else text


def score_line(label: str, score: float) -> str:
    """A label and its probability: with a bar on a terminal, and without one where it is piped.

    Bars of all lines begin and end in the same columns, whatever the labels are; there is none below 40 columns.
    """
    room = width()
    length = 0 if room is None or room < _NARROW else _BAR if room >= 2 * _NARROW else _BAR // 2
    drawn = f"{coloured(columns.bar(score, length, encoding=sys.stdout.encoding), 'cyan')}  " if length else ""
    return f"  {score:.4f}  {drawn}{printable(label)}"


@contextmanager
def progress(items: Iterable[T], *, label: str, length: int | None = None) -> Iterator[Iterable[T]]:
    """`items` behind a progress bar with the time left, on stderr and only where that is a terminal."""
    with _drawn(items, label=label, length=length) as shown:
        yield shown


def track(items: Iterable[T], *, label: str, length: int | None = None) -> Iterator[T]:
    """The `vidcls.progress.Track` of the command lines: a progress bar, as `progress` draws it."""
    with progress(items, label=label, length=length) as shown:
        yield from shown


@contextmanager
def counter(length: int, *, label: str) -> Iterator[Callable[[int], None]]:
    """A progress bar with rate and time left that is moved by hand: call what this gives with how many are done."""
    started = time.monotonic()

    def rate(done: int | None) -> str | None:
        return None if done is None else f"{done / (time.monotonic() - started):.1f} a second"

    with _drawn(range(length), label=label, length=length, item_show_func=rate) as shown:
        yield lambda done: shown.update(done - shown.pos, done)


@contextmanager
def _drawn(items: Iterable[T], *, label: str, length: int | None, **how: Any) -> Iterator[ProgressBar[T]]:
    """click's bar, as wide as there is room for; once all is done it is taken away again."""
    is_drawn = is_interactive() and length != 0
    # What stands beside it: the label, brackets, such as 12/345, the time left, and the rate.
    beside = len(label) + 4 + 2 * len(str(length or "")) + 3 + 10 + (16 if how else 0)
    room = max(4, min(_WIDEST, _columns(sys.stderr) - 1 - beside)) if is_drawn else 4
    bar = click.progressbar(
        items, length=length, label=label, file=sys.stderr, show_pos=True, hidden=not is_drawn, width=room, **how
    )
    _bars.append(is_drawn)
    try:
        with bar as shown:
            yield shown
    finally:
        _bars.pop()
    if is_drawn:
        click.echo("\033[A\r\033[K", nl=False, err=True)  # click ended the line


@contextmanager
def busy(message: str) -> Iterator[None]:
    """Show `message` while something without steps runs, on stderr and only where that is a terminal."""
    if not is_interactive():
        yield
        return
    click.echo(message, err=True, nl=False)
    _bars.append(True)
    try:
        yield
    finally:
        clear_progress()
        _bars.pop()


def clear_progress() -> None:
    """Take the progress bar, where there is one, off its line before something is printed there.

    It is drawn again below that.
    """
    if any(_bars) and is_interactive():
        click.echo("\r\033[K", nl=False, err=True)


def note(message: str) -> None:
    """Print what is not the result, as one line: on stderr, so that results pipe cleanly."""
    clear_progress()
    click.echo(printable(message, limit=MAX_SENTENCE), err=True)


def print_json(fields: dict[str, Any]) -> None:
    """One JSON object on one line of stdout, in ASCII, which every encoding of stdout has."""
    click.echo(json.dumps(fields))
