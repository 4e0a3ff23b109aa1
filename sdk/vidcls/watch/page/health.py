"""Whether all is well, for whoever starts programs anew that are not."""

from __future__ import annotations

from vidcls.watch.board import Board

# A loop that has not turned for so long hangs: it turns many times a second, and while nothing is connected too.
ALIVE_SECONDS = 30.0


def problems(board: Board) -> list[str]:
    """What is not well, a sentence each: the loop hangs, or no camera at all is connected."""
    found = []
    seconds = board.seconds_since_alive()
    if seconds is None:
        found.append("the loop has not begun")
    elif seconds > ALIVE_SECONDS:
        found.append(f"the loop has not turned for {seconds:.0f} s, expected at most {ALIVE_SECONDS:.0f} s")
    if not any(board.is_connected(name) for name in board.camera_names):
        found.append("no camera is connected")
    return found
