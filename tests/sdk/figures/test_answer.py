"""What the model says, drawn on frames of any size: legible on any picture, and never more than there is."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from datetime import datetime, timezone

import numpy as np
import pytest

import vidcls
from answered import answered_prediction
from vidcls import Prediction, Record, draw
from vidcls.contract import NEUTRAL, Decision
from vidcls.figures import fonts, letters
from vidcls.figures.letters import line

BAR = (86, 180, 233)
# What WCAG 2 asks for between text and what is behind it, and between a bar and what is behind that.
TEXT_CONTRAST, BAR_CONTRAST = 4.5, 3.0
LONG = "turn left very slowly while waving with both hands at somebody on the other side of the road " * 2
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
LABELS = [
    "fall",
    LONG,
    "넘어짐 " * 30,
    "سقوط على الأرض " * 10,
    FAMILY * 20,
    "e\u0301" * 100,
    "\x1b[2J\n\u202eevil",
    "W" * 256,
]


def prediction(probabilities: dict[str, float], decision: Decision = NEUTRAL) -> Prediction:
    """Of a clip from 61.2 to 63.3 s."""
    logits = np.log(list(probabilities.values()))
    return answered_prediction(logits, labels=tuple(probabilities), decision=decision, window=(61.2, 63.3))


def record(answer: Prediction, *, lag_seconds: float = 0.3, gap_seconds: float = 0.0) -> Record:
    return Record(
        prediction=answer,
        window=(61.2, 63.3),
        time=datetime.now(timezone.utc),
        lag_seconds=lag_seconds,
        dropped_frames=0,
        dropped_windows=0,
        gap_seconds=gap_seconds,
        picture=np.zeros((1, 1, 3), np.uint8),
    )


def painted(width: int, height: int, kind: str) -> np.ndarray:
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.full((height, width, 3), 255 if kind == "white" else 0, np.uint8)


def luminance(colours: np.ndarray) -> np.ndarray:
    """WCAG 2's relative luminance of uint8 RGB [..., 3]."""
    shares = np.arange(256) / 255
    linear = np.where(shares <= 0.03928, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return linear[colours] @ [0.2126, 0.7152, 0.0722]


def contrast(lighter: np.ndarray, darker: np.ndarray) -> float:
    """Of the darkest of some colours against the lightest of others."""
    return float((luminance(lighter).min() + 0.05) / (luminance(darker).max() + 0.05))


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        *((size, kind) for size in ((240, 180), (1280, 720)) for kind in ("white", "black", "noise")),
        ((3840, 2160), "white"),
    ],
    ids=str,
)
def test_text_and_bars_stand_out_from_any_picture(size: tuple[int, int], kind: str) -> None:
    answer = record(prediction({"fall": 0.8, "wave": 0.2}))
    on_black = draw(painted(*size, "black"), answer, status="door")
    drawn = draw(painted(*size, kind), answer, status="door")
    text, bar = (on_black == 255).all(axis=-1), (on_black == BAR).all(axis=-1)
    changed = (draw(painted(*size, "white"), answer, status="door") != 255).any(axis=-1)
    behind = changed & (on_black == 0).all(axis=-1)
    assert min(text.sum(), bar.sum(), behind.sum()) > 30
    assert contrast(drawn[text], drawn[behind]) >= TEXT_CONTRAST
    assert contrast(drawn[bar], drawn[behind]) >= BAR_CONTRAST


def test_not_known_is_pale_but_legible() -> None:
    decision = dataclasses.replace(NEUTRAL, none_label="_none")
    unknown = prediction({"fall": 0.2, "wave": 0.1, "_none": 0.7}, decision)
    shown = {kind: draw(painted(640, 360, kind), unknown) for kind in ("black", "white")}
    assert not (shown["black"] == BAR).all(axis=-1).any()
    text = (shown["black"][:60] == 200).all(axis=-1)
    assert text.sum() > 50
    behind = (shown["black"][:60, :250] == 0).all(axis=-1)
    assert contrast(shown["white"][:60][text], shown["white"][:60, :250][behind]) >= TEXT_CONTRAST
    known = draw(painted(640, 360, "black"), prediction({"fall": 0.2, "wave": 0.1, "_none": 0.7}))
    assert (known == BAR).all(axis=-1).any()


@pytest.mark.parametrize("probability", [0.999, 0.77, 0.5])
def test_a_bar_is_as_long_as_the_probability_is_large(probability: float) -> None:
    drawn = draw(painted(1280, 720, "black"), prediction({"fall": probability, "wave": 1 - probability}))
    bars = (drawn == BAR).all(axis=-1)
    lengths = {int(row.sum()) for row in bars if row.any()}
    panel = np.nonzero((draw(painted(1280, 720, "white"), prediction({"a": 0.6, "b": 0.4}))[0] != 255).any(axis=-1))[0]
    whole = panel.size - 2 * np.nonzero(bars.any(axis=0))[0][0]  # as much room on the right as on the left
    assert lengths == {round(whole * probability), round(whole * (1 - probability))} - {0}


@pytest.mark.parametrize(
    "size", [(1, 1), (16, 16), (32, 24), (90, 200), (240, 180), (200, 2000), (1920, 1080)], ids=str
)
def test_labels_of_any_length_and_script_stay_in_their_place(size: tuple[int, int]) -> None:
    width, height = size
    frame = painted(width, height, "noise")
    before = frame.copy()
    for first in LABELS:
        shares = {label: 0.9 if label == first else 0.1 / len(LABELS) for label in LABELS}
        drawn = draw(frame, record(prediction(shares), gap_seconds=2.0), status=LONG)
        assert (drawn.shape, drawn.dtype) == (frame.shape, np.uint8)
        assert drawn.flags.c_contiguous
        free = drawn[height // 2 : height * 2 // 3] == before[height // 2 : height * 2 // 3]
        assert free.all()  # the middle of the picture is never covered
    np.testing.assert_array_equal(frame, before)


def test_a_long_label_is_written_whole_where_there_is_room() -> None:
    label = "turns left very slowly while waving with both hands"
    drawn = draw(painted(1920, 1080, "black"), prediction({label: 0.7, "wave": 0.3}))
    names = np.asarray(line(label, size=round(1.4 * 45), width=1900, colour=(255, 255, 255)))[..., 3] == 255
    assert (drawn[22 : 22 + names.shape[0], 22 : 22 + names.shape[1]][names] == 255).all()
    plain = draw(painted(1920, 1080, "white"), prediction({"fall": 0.7, "wave": 0.3}))
    assert (plain[:, 45 * 18 + 44 :][:500] == 255).all()  # and no wider than usual else


def test_what_does_not_fit_gives_way_to_an_ellipsis_between_letters() -> None:
    whole = line(LONG, size=20, width=10_000, colour=(255, 255, 255))
    cut = line(LONG, size=20, width=300, colour=(255, 255, 255))
    assert 250 < cut.width <= 300
    np.testing.assert_array_equal(np.asarray(cut)[:, :250], np.asarray(whole)[:, :250])
    for text, letter in (("e\u0301" * 60, "e\u0301"), (FAMILY * 20, FAMILY)):
        shown = letters._shortened(text, size=20, width=200)
        assert len(shown) > 1
        assert shown[:-1].replace(letter, "") == ""
    hostile = [line(text, size=20, width=300, colour=(255, 255, 255)) for text in ("a\x1b[2J\nb", r"a\x1b[2J\nb")]
    np.testing.assert_array_equal(np.asarray(hostile[0]), np.asarray(hostile[1]))
    assert line(LONG, size=20, width=3, colour=(255, 255, 255)).getbbox() is None  # not even an ellipsis


@pytest.fixture
def without_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that has no fonts, as a container has none."""
    cached = (letters.line.cache_clear, letters._runs.cache_clear, letters._found_elsewhere.clear)
    monkeypatch.setattr(letters, "_names", lambda: ("",))
    monkeypatch.setattr(letters, "installed_fonts", tuple)
    for clear in cached:
        clear()
    yield
    for clear in cached:
        clear()


@pytest.mark.usefixtures("without_fonts")
def test_letters_that_no_font_has_are_said_once_a_script(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="vidcls"):
        for _ in range(3):
            shown = draw(painted(640, 360, "black"), prediction({"行日本": 0.7, "넘어짐": 0.3}))
    assert [each.getMessage().partition(",")[0] for each in caplog.records] == [
        "no font here has '行' (CJK UNIFIED IDEOGRAPH-884C)",
        "no font here has '넘' (HANGUL SYLLABLE NEOM)",
    ]
    assert "apt install fonts-noto-cjk" in caplog.text
    assert shown[:30, :100].any()  # an empty box


@pytest.mark.usefixtures("without_fonts")
def test_hangul_that_no_font_has_is_spelled_in_latin_letters() -> None:
    spelled, same = (line(text, size=20, width=400, colour=(9, 9, 9)) for text in ("넘어짐 2", "neomeojim 2"))
    np.testing.assert_array_equal(np.asarray(spelled), np.asarray(same))


@pytest.mark.usefixtures("without_fonts")
def test_any_font_that_is_installed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    having = [path for path in fonts.installed_fonts() if letters._opened(path, 16) and letters._has(path, "\u0633")]
    if not having:
        pytest.skip("no font here has Arabic letters")
    boxes = np.asarray(line("\u0633\u0642", size=20, width=400, colour=(9, 9, 9)))
    letters._found_elsewhere.clear()
    letters._runs.cache_clear()
    letters.line.cache_clear()
    monkeypatch.setattr(letters, "installed_fonts", lambda: (having[0],))
    drawn = np.asarray(line("\u0633\u0642", size=20, width=400, colour=(9, 9, 9)))
    assert drawn.shape != boxes.shape or (drawn != boxes).any()
    assert [run.name for run in letters._runs("\u0633\u0642")] == [having[0]]


def test_boxes_are_where_the_model_looks_and_may_leave_the_picture() -> None:
    frame = painted(640, 360, "noise")
    drawn = draw(frame, None, boxes=[(140, 20, 500, 340)])
    np.testing.assert_array_equal(drawn[180, 140:143], [[0] * 3, [255] * 3, [0] * 3])
    np.testing.assert_array_equal(drawn[180, 497:500], [[0] * 3, [255] * 3, [0] * 3])
    np.testing.assert_array_equal(drawn[20:23, 300], [[0] * 3, [255] * 3, [0] * 3])
    np.testing.assert_array_equal(drawn[337:340, 300], [[0] * 3, [255] * 3, [0] * 3])
    drawn[20:340, 140:500] = frame[20:340, 140:500]
    np.testing.assert_array_equal(drawn, frame)  # nothing outside
    inside = draw(frame, None, boxes=[(140, 20, 500, 340)])[23:337, 143:497]
    np.testing.assert_array_equal(inside, frame[23:337, 143:497])
    for box in ((-5, -5, 2000, 2000), (600, 300, 100, 100), (900, 900, 1000, 1000)):
        assert draw(frame, None, boxes=[box]).shape == frame.shape


def test_nothing_to_say_leaves_the_picture_as_it_is() -> None:
    frame = painted(320, 240, "noise")
    drawn = draw(frame, None)
    np.testing.assert_array_equal(drawn, frame)
    assert not np.shares_memory(drawn, frame)
    drawn = draw(frame[:, ::-1], None, status="waiting")  # a view is as good
    np.testing.assert_array_equal(drawn[:200], frame[:200, ::-1])
    assert (drawn[-10:] != frame[-10:, ::-1]).any()


def test_a_lag_and_a_gap_are_said_where_there_are_any() -> None:
    answer = prediction({"fall": 0.7, "wave": 0.3})
    below = [
        draw(painted(1280, 720, "black"), shown)[-40:].sum()
        for shown in (answer, record(answer, lag_seconds=0.0), record(answer), record(answer, gap_seconds=2.0))
    ]
    assert below[0] == below[1] < below[2] < below[3]


def test_labels_that_hold_together_are_all_named() -> None:
    decision = dataclasses.replace(NEUTRAL, activation="sigmoid")
    both = draw(painted(1280, 720, "black"), prediction({"fall": 9.0, "wave": 4.0, "jump": 0.01}, decision))
    names = np.asarray(line("fall, wave", size=42, width=400, colour=(255, 255, 255)))[..., 3] == 255
    assert names.sum() > 100
    assert (both[15 : 15 + names.shape[0], 15 : 15 + names.shape[1]][names] == 255).all()


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), TypeError, "the frame is float32, expected a NumPy array of uint8 RGB"),
        ("clip.avi", TypeError, "the frame is str, expected a NumPy array"),
        (np.zeros((3, 4, 4), np.uint8), ValueError, r"the frame has the shape \[3, 4, 4\], expected uint8 RGB"),
        (np.zeros((4, 4), np.uint8), ValueError, "expected uint8 RGB"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "expected uint8 RGB"),
    ],
)
def test_what_is_no_frame_is_refused_in_one_sentence(frame: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw(frame, None)  # type: ignore[arg-type]
    assert vidcls.draw is draw
