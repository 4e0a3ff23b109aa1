"""Decoded sound -> sound as an encoder takes it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from types import ModuleType
from typing import Any


class Resampler:
    """A gap becomes silence, and what would be heard before 0 is cut off.

    What a sound is made of is known only from its frames: decoders of MP2 and others decide it when they have begun,
    and a broadcast goes from stereo to mono. So each graph of filters is built from a frame, and anew where the next
    one is another.
    """

    def __init__(self, av: ModuleType, to: Any) -> None:
        """Take the codec context of the encoder."""
        self._av, self._to = av, to
        self._graph: Any = None
        self._form: tuple[Any, ...] = ()
        self._end = Fraction(0)

    def add(self, frame: Any) -> Iterator[Any]:
        """Take a decoded frame; give what is resampled by now."""
        form = frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base
        if form != self._form:
            yield from self.finish()
            self._graph, self._form = self._built(frame), form
        self._graph.push(frame)
        yield from self._pulled()

    def finish(self) -> Iterator[Any]:
        """What the filters still hold."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pulled()
            self._graph, self._form = None, ()

    def _built(self, frame: Any) -> Any:
        """A graph that begins where the one before has ended."""
        first = round(self._end * frame.sample_rate)
        formats = f"sample_fmts={self._to.format.name}:channel_layouts={self._to.layout.name}"
        graph = self._av.filter.Graph()
        nodes = [
            graph.add_abuffer(
                sample_rate=frame.sample_rate,
                format=frame.format.name,
                layout=frame.layout.name,
                time_base=frame.time_base,
            ),
            graph.add("aresample", f"{self._to.sample_rate}:async=1:first_pts={first}"),
            graph.add("aformat", formats),
            graph.add("abuffersink"),
        ]
        for node, following in pairwise(nodes):
            node.link_to(following)
        graph.configure()
        return graph

    def _pulled(self) -> Iterator[Any]:
        while True:
            try:
                resampled = self._graph.pull()
            except (self._av.BlockingIOError, self._av.EOFError):
                return
            if resampled.pts is not None:
                self._end = (resampled.pts + resampled.samples) * resampled.time_base
            yield resampled
