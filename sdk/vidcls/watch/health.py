"""Whether all is well, for whoever starts programs anew that are not."""

from __future__ import annotations

from vidcls.watch.board import Board

# A loop that has not turned for so long hangs: it turns many times a second, and while nothing is connected too.
ALIVE_SECONDS = 30.0
# A model that owes an answer for so long, and gives none of any camera, hangs. In its first run a card sets itself up,
# which may take a minute or more.
ANSWER_SECONDS, FIRST_ANSWER_SECONDS = 120.0, 300.0


def problems(board: Board) -> list[str]:
    """What is not well, a sentence each: the loop or the model hangs, or no camera at all is connected."""
    found = []
    seconds = board.seconds_since_alive()
    if seconds is None:
        found.append("the loop has not begun")
    elif seconds > ALIVE_SECONDS:
        found.append(f"the loop has not turned for {seconds:.0f} s, expected at most {ALIVE_SECONDS:.0f} s")
    else:  # else nobody knows whether the model has answered
        found += model_problems(board)
    if not any(board.is_connected(name) for name in board.camera_names):
        found.append("no camera is connected")
    return found


def model_problems(board: Board) -> list[str]:
    """What is not well with the model: one sentence where it hangs, none where it answers or has nothing to answer."""
    seconds = board.seconds_unanswered()
    expected = ANSWER_SECONDS if board.is_answered() else FIRST_ANSWER_SECONDS
    if seconds <= expected:
        return []
    return [f"the model has not answered for {seconds:.0f} s, expected at most {expected:.0f} s; start vidcls anew"]
