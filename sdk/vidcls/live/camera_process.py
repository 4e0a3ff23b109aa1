"""The process that opens a camera or a network stream and reads it, so that a call that hangs hangs here alone.

`vidcls.live.camera` starts it and asks for one source, as a line of JSON. It sends `vidcls.live.messages`: that it is
ready, that the source is open, and frame after frame. It ends with code 0 when the source is lost or cannot be opened,
and when its owner lets go of it or is gone.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable

from vidcls.concurrency import child_process
from vidcls.live.messages import Header
from vidcls.live.outbox import Outbox

# For how long a server may be kept waiting for a busy owner, before frames are dropped.
HOLD_SECONDS = 2.0
# How long letting go of the source may take: a camera on the network is told goodbye.
GRACE_SECONDS = 0.5


def main() -> None:
    """Do what the module says, and end the process, whatever its threads are doing."""
    for kind in (signal.SIGINT, signal.SIGTERM):  # which are the owner's to deal with
        signal.signal(kind, signal.SIG_IGN)
    pipe, is_let_go = child_process.take_over_stdout(), threading.Event()
    request = json.loads(sys.stdin.buffer.readline() or "{}")
    outbox = Outbox(hold_seconds=0 if isinstance(request.get("source"), int) else HOLD_SECONDS)

    def let_go() -> None:
        is_let_go.set()
        outbox.close()

    child_process.end_with_owner(let_go, grace_seconds=GRACE_SECONDS)
    code = 0
    try:
        if request:
            _serve(pipe, outbox, is_let_go.is_set, **request)
    except BrokenPipeError:
        pass  # the owner is gone
    except Exception:  # noqa: BLE001 - not swallowed: printed as ever, and the exit code says so
        sys.excepthook(*sys.exc_info())
        code = 1
    os._exit(code)


def _serve(
    pipe: io.FileIO,
    outbox: Outbox,
    is_over: Callable[[], bool],
    *,
    source: int | str,
    timeout_seconds: float,
    log_level: int,
) -> None:
    # Not before the owner is watched: loading OpenCV may take long.
    from vidcls.live import camera_frames  # noqa: PLC0415

    camera_frames.set_log_level(log_level)
    child_process.write_all(pipe, Header(kind="ready").pack())
    opened = camera_frames.open_source(source, timeout_seconds=timeout_seconds)
    if opened is None:
        return
    child_process.write_all(pipe, Header(kind="opened").pack())
    sender = threading.Thread(target=_send, args=(pipe, outbox), daemon=True, name="vidcls-send")
    sender.start()
    try:
        for header, picture in camera_frames.arrivals(opened, is_over):
            outbox.put(header, picture)
    finally:
        outbox.close()
        opened.release()
    if not is_over():
        sender.join()


def _send(pipe: io.FileIO, outbox: Outbox) -> None:
    try:
        while (message := outbox.take()) is not None:
            header, picture = message
            child_process.write_all(pipe, header.pack())
            if picture is not None:
                child_process.write_all(pipe, picture.data.cast("B"))
    except OSError:
        os._exit(0)  # the owner is gone


if __name__ == "__main__":
    main()
