"""The board for Prometheus. Nothing is counted twice: what the board counts is read off when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from vidcls.watch.board import Board
from vidcls.watch.camera_facts import Counters, Histogram

METRICS_TYPE = CONTENT_TYPE_LATEST

_COUNTERS = {
    "windows": ("vidcls_windows", "Windows that the model has answered."),
    "dropped_windows": ("vidcls_dropped_windows", "Windows that were complete and never answered: the model was busy."),
    "dropped_frames": ("vidcls_dropped_frames", "Frames that came and were never answered."),
    "gaps": ("vidcls_gaps", "Interruptions: the source was lost, or its own times jumped."),
    "gap_seconds": ("vidcls_gap_seconds", "Seconds of these interruptions, of which nobody knows what was to be seen."),
}


class Metrics:
    """The page /metrics of a board, in a registry of its own."""

    def __init__(self, board: Board) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_BoardCollector(board))
        ProcessCollector(registry=self._registry)  # resident memory, CPU seconds, descriptors; on Linux alone

    def text(self) -> bytes:
        """In the text format, of METRICS_TYPE."""
        return generate_latest(self._registry)


class _BoardCollector(Collector):
    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """All metrics of all cameras."""
        counters = {name: self._board.counters(name) for name in self._board.camera_names}
        yield from _counters(counters)
        yield from _gauges(counters)
        yield _histogram(
            "vidcls_answer_lag_seconds",
            "Age of answers when they came: a lower bound, since a delay that all frames share cannot be measured.",
            {camera: found.lags for camera, found in counters.items()},
        )
        yield _histogram(
            "vidcls_inference_seconds",
            "Time that the model took for a window.",
            {camera: found.inference for camera, found in counters.items()},
        )
        yield _given_up(self._board)
        yield from _machine(self._board)


def _counters(counters: dict[str, Counters]) -> Iterator[Metric]:
    for attribute, (name, documentation) in _COUNTERS.items():
        metric = CounterMetricFamily(name, documentation, labels=["camera"])
        for camera, found in counters.items():
            metric.add_metric([camera], getattr(found, attribute))
        yield metric
    events = CounterMetricFamily("vidcls_events", "Events that have ended.", labels=["camera", "label"])
    for camera, found in counters.items():
        for label, count in found.events.items():
            events.add_metric([camera, label], count)
    yield events


def _gauges(counters: dict[str, Counters]) -> Iterator[Metric]:
    connected = GaugeMetricFamily("vidcls_connected", "Whether pictures come in.", labels=["camera"])
    lag = GaugeMetricFamily("vidcls_lag_seconds", "Age of the newest answer when it came.", labels=["camera"])
    for camera, found in counters.items():
        connected.add_metric([camera], float(found.connected))
        if not math.isnan(found.lag_seconds):
            lag.add_metric([camera], found.lag_seconds)
    yield connected
    yield lag


def _histogram(name: str, documentation: str, found: dict[str, Histogram]) -> Metric:
    metric = HistogramMetricFamily(name, documentation, labels=["camera"])
    for camera, histogram in found.items():
        metric.add_metric([camera], buckets=histogram.cumulative(), sum_value=histogram.total)
    return metric


def _given_up(board: Board) -> Metric:
    documentation = "Finished events that a receiver did not take, and is not sent any more."
    metric = CounterMetricFamily("vidcls_given_up_events", documentation, labels=["receiver"])
    for receiver, count in board.given_up.items():
        metric.add_metric([receiver], count)
    return metric


def _machine(board: Board) -> Iterator[Metric]:
    documentation = "For how long the model has owed an answer, and given none of any camera; 0 where it owes none."
    yield GaugeMetricFamily("vidcls_unanswered_seconds", documentation, value=board.seconds_unanswered())
    state = board.state()
    temperature = state["machine"]["temperature"]
    if temperature is not None:
        yield GaugeMetricFamily("vidcls_temperature_celsius", "Temperature of the machine.", value=temperature)
    model = {key: str(state["model"][key]) for key in ("file", "device", "precision")}
    yield InfoMetricFamily("vidcls_model", "The model that answers.", value=model)
