"""What is recognised when in a whole video: its timeline, and what the model says of the window around each moment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from vidcls.classifier import VideoClassifier
from vidcls.prediction import Prediction
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls.temporal.record import Record
from vidcls.temporal.timeline import Segment, segments
from vidcls.video.reader import Decoder
from vidcls.video.source import VideoSource


@dataclass(frozen=True, kw_only=True, eq=False)
class Recognised:
    """The answers along a video.

    middles: seconds after the first frame of the middle of each window, increasing.
    predictions: of the same windows.
    segments: the timeline; of a model whose labels may hold together, segments overlap, and some time is in none.
    """

    middles: Sequence[float]
    predictions: Sequence[Prediction]
    segments: Sequence[Segment]

    def at(self, seconds: float) -> tuple[Prediction, list[Segment]]:
        """The answer to the window whose middle is nearest, and the segments that this moment lies in."""
        after = bisect_left(self.middles, seconds)
        near = [index for index in (after - 1, after) if 0 <= index < len(self.middles)]
        nearest = min(near, key=lambda index: abs(self.middles[index] - seconds))
        return self.predictions[nearest], [each for each in self.segments if each.start <= seconds < each.end]


def recognise(
    classifier: VideoClassifier,
    video: VideoSource,
    *,
    crops: int = 1,
    region: Region | None = None,
    decoder: Decoder = "auto",
    track: Track = untracked,
) -> Recognised:
    """Classify every window of a video, as its timeline does; pictures are not kept, so that memory stays flat.

    Raises:
        VideoError, ModelError, ValueError: as for `VideoClassifier.timeline`.
    """
    middles: list[float] = []
    predictions: list[Prediction] = []
    with classifier.stream(video, pace="fastest", crops=crops, region=region, decoder=decoder) as stream:

        def noted(records: Iterable[Record]) -> Iterator[Record]:
            for record in records:
                middles.append((record.window[0] + min(record.window[1], stream.duration or 0.0)) / 2)
                yield record
                predictions.append(replace(record.prediction))  # without the probabilities that were worked out

        records = noted(track(stream, label="recognising", length=stream.total))
        found = list(segments(records, duration=lambda: stream.duration or 0.0))
    return Recognised(middles=middles, predictions=predictions, segments=found)
