"""Timelines of videos whose borders are known, and the search for the best path against trying every one."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from answered import answered
from generated import write_clip
from motion import DIRECTIONS, film, write_motion_model
from paths import most_probable_halves
from vidcls import Record, Segment, VideoClassifier, VideoError
from vidcls.cli import timeline as command
from vidcls.cli.main import main
from vidcls.contract import NEUTRAL
from vidcls.temporal.path import LEAST_PROBABILITY
from vidcls.temporal.subtitles import settled_subtitles, subtitles
from vidcls.temporal.timeline import clock, settled_segments
from vidcls.temporal.timeline import segments as segments_of

SCRIPT = [("right", 4.0), ("up", 2.5), ("left", 3.3), ("down", 2.2), ("right", 2.0), ("left", 5.0)]
CLIP_SECONDS = 1.0


@pytest.fixture(scope="module")
def motion_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_motion_model(tmp_path_factory.mktemp("motion") / "motion.onnx", clip_seconds=CLIP_SECONDS)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("video") / "video.avi", SCRIPT, rate=15)


@pytest.fixture(scope="module")
def segments(motion_model: Path, video: Path) -> list[Segment]:
    return VideoClassifier(motion_model, device="cpu").timeline(video)


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["timeline", *map(str, arguments)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_every_stretch_is_found_with_borders_within_half_a_window(segments: list[Segment]) -> None:
    assert [segment.label for segment in segments] == [label for label, _ in SCRIPT]
    borders = np.cumsum([0, *(seconds for _, seconds in SCRIPT)])
    np.testing.assert_allclose([segment.start for segment in segments], borders[:-1], atol=CLIP_SECONDS / 2)
    np.testing.assert_allclose([segment.end for segment in segments], borders[1:], atol=CLIP_SECONDS / 2)
    assert all(0.5 < segment.score <= 1 for segment in segments)


def test_a_border_lies_where_three_windows_say_and_a_score_is_that_of_the_windows_inside() -> None:
    # Seven windows of 1 s, half a second apart, of a video that ends inside the last.
    rows = [[0.9, 0.1]] * 3 + [[0.2, 0.8]] * 3 + [[0.7, 0.3]]
    found = list(segments_of(answered(rows, labels=("a", "b")), duration=lambda: 3.8, change_odds=1))
    # Of the two windows at a change the less certain one is given up to it: the fourth, and the last.
    assert [segment.label for segment in found] == ["a", "b", "a"]
    # The windows from 1.0, 1.5 and 2.0 s on are "a" for 0.9, 0.2 and 0.2 s: 1.3 s in all, as with a border at 1.9 s,
    # which is 0.9, 0.4 and 0 s. The last border lies in the last window, from 3.0 to 3.8 s: that and the one from 2.5 s
    # on are "b" for 0.8 and 0.3 of themselves, as with a border at t where (t - 2.5) + (t - 3.0) / 0.8 is 1.1.
    assert [segment.start for segment in found] == pytest.approx([0.0, 1.9, (1.1 + 2.5 + 3.75) / 2.25])
    assert [segment.end for segment in found] == [*(segment.start for segment in found[1:]), 3.8]
    assert [segment.score for segment in found] == pytest.approx([0.9, 0.8, 0.7])


def test_segments_leave_no_gap(segments: list[Segment]) -> None:
    assert segments[0].start == 0
    assert segments[-1].end == pytest.approx(sum(seconds for _, seconds in SCRIPT), abs=1e-6)
    assert all(first.end == second.start for first, second in itertools.pairwise(segments))


@pytest.mark.parametrize("frames", [1, 2, 10, 23])
def test_a_video_of_one_window_or_less_is_one_segment_with_predicts_answer(
    frames: int, model: Path, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=frames, rate=30)
    classifier = VideoClassifier(model, device="cpu")
    (segment,) = classifier.timeline(clip)
    expected = classifier.predict(clip)
    assert (segment.start, segment.label) == (0, expected.label)
    assert segment.end == pytest.approx(frames / 30 if frames > 1 else 0, abs=1e-6)
    assert segment.score == expected.score


def test_one_odd_answer_amid_others_is_no_segment(motion_model: Path, tmp_path: Path) -> None:
    video = film(tmp_path / "video.avi", [("right", 4.0), ("left", 0.4), ("right", 4.0)], rate=15)
    classifier = VideoClassifier(motion_model, device="cpu")
    assert [segment.label for segment in classifier.timeline(video, change_odds=50)] == ["right"]


def test_the_command_asks_as_the_library_does_and_takes_other_odds(motion_model: Path, tmp_path: Path) -> None:
    video = film(tmp_path / "video.avi", [("right", 2.0), ("left", 2.0)], rate=15)
    # Beyond what the few windows of so short a video can prove.
    for options, odds, count in (((), None, 2), (("--change-odds", 7), 7.0, 2), (("--change-odds", 1e12), 1e12, 1)):
        found = VideoClassifier(motion_model, device="cpu").timeline(video, change_odds=odds)
        lines = run(motion_model, video, "--json", *options).stdout.splitlines()
        assert len(found) == len(lines) == count


def test_bad_files_and_arguments_are_refused(motion_model: Path, tmp_path: Path) -> None:
    classifier = VideoClassifier(motion_model, device="cpu")
    with pytest.raises(VideoError, match="there is no such file"):
        classifier.timeline(tmp_path / "gone.mp4")
    with pytest.raises(ValueError, match=r"change_odds is 0\.5, expected at least 1"):
        classifier.timeline("gone.mp4", change_odds=0.5)


def best_by_trying_all(rows: np.ndarray, odds: float) -> float:
    """The largest log probability of any labelling of the cells, by trying all of them."""
    return max(
        log_probability(rows, path, odds) for path in itertools.product(range(rows.shape[1]), repeat=len(rows) + 1)
    )


def log_probability(rows: np.ndarray, path: tuple[int, ...], odds: float) -> float:
    believed = np.maximum(rows, LEAST_PROBABILITY)
    return sum(
        math.log((row[first] + row[second]) / 2) - (first != second) * math.log(odds)
        for row, first, second in zip(believed, path, path[1:], strict=False)
    )


def test_the_path_found_is_the_most_probable_of_all() -> None:
    random = np.random.default_rng(0)
    for _ in range(40):
        rows = random.dirichlet([0.4] * 3, size=random.integers(1, 7))
        for odds in (1.0, 3.0, 30.0):
            found = list(most_probable_halves(rows, change_cost=odds))
            assert len(found) == len(rows)
            path = (found[0][0], *(second for _, second in found))
            assert all(before[1] == after[0] for before, after in itertools.pairwise(found))
            assert log_probability(rows, path, odds) == pytest.approx(best_by_trying_all(rows, odds))


def by_all_changes(rows: np.ndarray, odds: float) -> list[tuple[int, int]]:
    """The most probable path's states of each row's halves, of every change from each state to each other one."""
    scores, came_from = np.zeros(rows.shape[1]), []
    states = np.arange(rows.shape[1])
    for row in np.maximum(rows, LEAST_PROBABILITY):
        paths = scores[:, None] + np.log((row[:, None] + row) / 2) - math.log(odds)
        paths[states, states] += math.log(odds)
        came_from.append(paths.argmax(axis=0))
        scores = paths.max(axis=0) - paths.max()
    path = [int(scores.argmax())]
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return list(itertools.pairwise(reversed(path)))


@pytest.mark.parametrize("labels", [2, 3, 40, 120])
def test_the_path_is_that_which_is_found_by_trying_every_change(labels: int) -> None:
    """To the last digit, which decides where several are as probable."""
    random = np.random.default_rng(labels)
    for concentration, odds in itertools.product((0.02, 0.3, 5.0), (1.0, 1.5, 7.0, 200.0)):
        jumping = random.dirichlet([concentration] * labels, size=60)
        steady = np.asarray(np.mean([np.roll(jumping, shift, axis=0) for shift in range(8)], axis=0))
        for rows in (jumping, steady, np.round(steady, 2), np.full((20, labels), 1 / labels)):
            assert list(most_probable_halves(rows, change_cost=odds)) == by_all_changes(rows, odds)


def test_memory_goes_by_the_number_of_labels_and_not_by_its_square() -> None:
    """Of 10,000, a float of every pair of them would be 800 MB."""
    random = np.random.default_rng(0)
    rows = random.dirichlet([0.02] * 10_000, size=6)
    steady = np.sort(random.dirichlet([1e6] * 10_000))  # each a little above or below the least that counts
    tracemalloc.start()
    try:
        found = list(most_probable_halves([*rows, steady, steady[::-1], steady], change_cost=7.0))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 9
    assert most < 20e6


def test_what_is_sure_is_handed_out_before_the_end() -> None:
    rows = [[0.98, 0.01, 0.01]] * 50 + [[0.01, 0.98, 0.01]] * 50
    taken = 0

    def windows() -> Any:
        nonlocal taken
        for row in rows:
            taken += 1
            yield np.array(row)

    behind = [taken - given for given, _ in enumerate(most_probable_halves(windows(), change_cost=7), 1)]
    assert max(behind) < 10


def test_json_lines_and_csv_give_the_segments(motion_model: Path, video: Path, segments: list[Segment]) -> None:
    expected = [
        {"start": segment.start, "end": segment.end, "label": segment.label, "score": segment.score}
        for segment in segments
    ]
    assert [json.loads(line) for line in run(motion_model, video, "--json").stdout.splitlines()] == expected
    rows = list(csv.DictReader(io.StringIO(run(motion_model, video, "--csv").stdout)))
    assert [{**row, **{key: float(row[key]) for key in ("start", "end", "score")}} for row in rows] == expected


def test_subtitles_are_numbered_and_timed(motion_model: Path, video: Path, segments: list[Segment]) -> None:
    blocks = run(motion_model, video, "--srt").stdout.strip().split("\n\n")
    assert len(blocks) == len(segments)
    number, times, text = blocks[0].split("\n")
    assert (number, text) == ("1", f"right ({segments[0].score:.2f})")
    assert times.startswith("00:00:00,000 --> 00:00:0")
    late = Segment(start=3599.9996, end=7322.25, label="a\nb", score=0.5)
    assert list(subtitles([late])) == ["1\n01:00:00,000 --> 02:02:02,250\na b (0.50)\n"]


def test_labels_that_hold_together_share_a_subtitle_and_none_overlap() -> None:
    found = [  # in the order of their ends, as the labels of a sigmoid model are found
        Segment(start=2.0, end=3.0, label="wave", score=0.7),
        Segment(start=3.0, end=3.5, label=None, score=0.9),
        Segment(start=0.0, end=4.0, label="jump", score=0.9),
        Segment(start=6.0, end=7.0, label="clap", score=0.8),
        Segment(start=6.0, end=7.01, label="wave", score=0.6),  # 10 ms longer: nobody reads that
    ]
    assert list(subtitles(found)) == [
        "1\n00:00:00,000 --> 00:00:02,000\njump (0.90)\n",
        "2\n00:00:02,000 --> 00:00:03,000\njump (0.90)\nwave (0.70)\n",
        "3\n00:00:03,000 --> 00:00:04,000\njump (0.90)\n",
        "4\n00:00:06,000 --> 00:00:07,000\nclap (0.80)\nwave (0.60)\n",
    ]


def test_subtitles_are_the_same_one_by_one_and_come_before_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.repeat(np.random.default_rng(0).uniform(0.02, 0.98, (20, 3)), 3, axis=0)
    for decision in (NEUTRAL, replace(NEUTRAL, activation="sigmoid")):
        shares = rows / rows.sum(axis=1, keepdims=True) if decision is NEUTRAL else rows
        records = answered(shares, labels=("a", "b", "c"), decision=decision)
        found = list(segments_of(records, duration=lambda: 30.5, change_odds=2))
        parts = list(settled_segments(records, duration=lambda: 30.5, change_odds=2))
        assert [segment for ended, _ in parts for segment in ended] == found
        expected = list(subtitles(found))
        assert len(expected) > 8
        assert list(settled_subtitles(parts)) == expected
        # Broken off after two thirds: a label that is on may hold up what others do meanwhile.
        assert command._print_all(parts[:40], form="srt") == [segment for ended, _ in parts[:40] for segment in ended]
        printed = capsys.readouterr().out
        assert "\n".join(expected).startswith(printed.rstrip("\n"))
        assert printed.count("-->") >= len(expected) // 4


def test_a_label_that_is_on_holds_up_the_subtitles_that_it_shares() -> None:
    off, on, held = (("b", 1.0, 2.0), 3.0), (("b", 4.0, 5.0), 4.5), (("a", 0.5, 6.0), math.inf)
    parts = [
        ([Segment(start=start, end=end, label=label, score=0.5)], until) for (label, start, end), until in (off, on)
    ]
    assert [entry.splitlines()[1] for entry in settled_subtitles(parts)] == ["00:00:01,000 --> 00:00:02,000"]
    parts = [(ended, 0.5) for ended, _ in parts]  # "a" may have begun there
    assert list(settled_subtitles(parts)) == []
    (label, start, end), until = held
    parts.append(([Segment(start=start, end=end, label=label, score=0.5)], until))
    assert len(list(settled_subtitles(parts))) == 5


def test_people_get_clock_times(motion_model: Path, video: Path, segments: list[Segment]) -> None:
    lines = run(motion_model, video).stdout.splitlines()
    assert len(lines) == len(segments)
    assert lines[0].split() == ["0:00.00", "-", clock(segments[0].end, digits=2), f"{segments[0].score:.4f}", "right"]


@pytest.mark.parametrize(
    ("seconds", "digits", "text"), [(0, 0, "0:00"), (59.996, 2, "1:00.00"), (3599.6, 0, "1:00:00"), (7.06, 1, "0:07.1")]
)
def test_clock(seconds: float, digits: int, text: str) -> None:
    assert clock(seconds, digits=digits) == text


def test_the_plot_shows_a_bar_per_segment_in_its_labels_row(
    motion_model: Path, video: Path, segments: list[Segment], tmp_path: Path
) -> None:
    run(motion_model, video, "--plot", tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    height, width, _ = pixels.shape
    rows = [height - 2 * 16 - 15 - 30 * (4 - row) + 15 for row in range(4)]  # the middles of the labels' bands
    left = next(x for x in range(width) if (pixels[rows[0] - 14, x] < 255).any() and x > 40)
    duration = segments[-1].end
    for segment in segments:
        # Off the middle, where the score is written.
        x = round(left + (segment.start + 0.2 * (segment.end - segment.start)) / duration * (width - 16 - left))
        colourful = [np.ptp(pixels[row - 8, x]) > 60 for row in rows]
        assert colourful == [label == segment.label for label in sorted(DIRECTIONS)]
    assert pixels[20:100].std() > 10  # thumbnails


def test_a_plot_that_cannot_be_written_is_refused_first(motion_model: Path, video: Path, tmp_path: Path) -> None:
    for name in ("plot.docx", "plot.psd", "plot.xbm"):  # Pillow only reads .psd, and writes .xbm in black and white
        result = run(motion_model, video, "--plot", tmp_path / name, code=2)
        assert result.stdout == ""
        assert f"{name}: no format of pictures has this ending" in result.stderr
    result = run(motion_model, video, "--plot", tmp_path / "gone" / "plot.png", code=1)
    assert result.stdout == ""
    assert "there is no such folder to write it to" in result.stderr


def test_a_file_that_is_no_video_is_one_sentence(motion_model: Path, tmp_path: Path) -> None:
    result = run(motion_model, tmp_path / "gone.mp4", "--json", code=1)
    assert (result.stdout, result.stderr) == ("", f"Error: {tmp_path / 'gone.mp4'}: there is no such file\n")


def test_memory_does_not_grow_with_the_video(motion_model: Path, tmp_path: Path) -> None:
    """All crops of the video would be 12 MB, all its frames 49 MB. NumPy and OpenCV tell tracemalloc of theirs."""
    video = film(tmp_path / "long.avi", [("right", 5.0), ("left", 5.0)] * 40, rate=10)
    held_mb = []

    def measured(records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            held_mb.append(tracemalloc.get_traced_memory()[0] / 1e6)
            yield record

    tracemalloc.start()
    try:
        with VideoClassifier(motion_model, device="cpu").stream(video, pace="fastest") as stream:
            found = segments_of(measured(stream), duration=lambda: 400.0, change_odds=7)
            assert sum(1 for _ in found) == 80
    finally:
        tracemalloc.stop()
    assert max(held_mb) - held_mb[len(held_mb) // 20] < 6
