"""Which videos are being decoded, so that the one that kills its process is told from its neighbours. No Ray here."""

from __future__ import annotations

from collections import Counter

# A video that was being decoded each time as so many processes died is what killed them.
MAX_DEATHS = 3


class Supervisor:
    """Hands out the model, which other machines may not have, and records which videos are under way.

    Videos are known by their `source_sha256`: names that are not UTF-8 do not get through Ray's calls.
    """

    def __init__(self, model: bytes) -> None:
        self._model = model
        self._under_way: dict[str, set[str]] = {}
        self._deaths: Counter[str] = Counter()

    def model(self) -> bytes:
        """The model file."""
        return self._model

    def begin_part(self, part: str) -> dict[str, int]:
        """{video: how often it was under way as an actor died}, of a part that an actor takes up, perhaps again."""
        self._deaths.update(self._under_way.pop(part, ()))
        self._under_way[part] = set()
        return dict(self._deaths)

    def begin(self, part: str, video: str) -> None:
        """A video is about to be decoded."""
        self._under_way[part].add(video)

    def end(self, part: str, video: str) -> None:
        """A video is done; it is no longer a suspect."""
        self._under_way[part].discard(video)
        self._deaths.pop(video, None)

    def end_part(self, part: str) -> None:
        """A part is written."""
        self._under_way.pop(part, None)
