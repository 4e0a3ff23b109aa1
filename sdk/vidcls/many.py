"""Many videos, one after the other: decoded ahead in threads, classified in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, closing, nullcontext

from vidcls.clips import SampledClips
from vidcls.contract import Contract
from vidcls.cpus import usable_cpus
from vidcls.errors import VideoError
from vidcls.pipeline import look
from vidcls.prediction import Prediction
from vidcls.prefetch import map_ahead
from vidcls.video.reader import Decoder, VideoSource


def classify_many(
    videos: Iterable[int | VideoSource],
    contract: Contract,
    classify: Callable[[SampledClips], Prediction],
    *,
    views: int,
    crops: int,
    decoder: Decoder,
    fetch: Callable[[int | VideoSource], AbstractContextManager[int | VideoSource]] = nullcontext,
) -> Generator[Prediction | VideoError, None, None]:
    """The prediction of every video, in order, or the VideoError that it failed with, in its place.

    `classify` runs in the consumer's thread, while as many threads as there are CPUs decode what
    comes next. Only as many videos plus one are held decoded. `fetch` makes of a video what can be
    opened, for as long as it is read.
    """

    def answer(video: int | VideoSource) -> SampledClips | VideoError:
        try:
            with fetch(video) as source:
                return look(source, contract, views=views, crops=crops, decoder=decoder)
        except VideoError as error:
            return error

    with closing(map_ahead(answer, videos, threads=usable_cpus())) as looks:
        for seen in looks:
            yield seen if isinstance(seen, VideoError) else classify(seen)
