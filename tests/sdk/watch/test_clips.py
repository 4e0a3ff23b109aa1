"""Clips of events, written by the recorder, read by PyAV and a browser: which pictures, how fast, and how many."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from generated import painted_frame, painted_number
from loopback import serving
from slow import slow
from vidcls import VidclsError
from vidcls.video.reader import read_times
from vidcls.watch import clips
from vidcls.watch.clip_names import clip_name
from vidcls.watch.clips import ClipRecorder
from vidcls.watch.event import CameraEvent
from vidcls.watch.settings import ClipSettings

BEGIN = datetime(2026, 11, 29, 12, 0, 0, 123_000, tzinfo=timezone.utc)
# Half a picture of the clip's ten a second: how far a frame may be from the time that it stands for.
HALF_A_FRAME = 0.05


def event(start: float, end: float | None, *, label: str = "fall", camera: str = "door") -> CameraEvent:
    """Its times are seconds after BEGIN."""
    return CameraEvent(
        id="1f0c9a3e5b7d",
        camera=camera,
        label=label,
        state="provisional" if end is None else "final",
        start=BEGIN + timedelta(seconds=start),
        end=None if end is None else BEGIN + timedelta(seconds=end),
        start_seconds=start,
        end_seconds=end,
        peak_score=0.9,
        mean_score=0.8,
        detection_delay=1.0,
        coverage=1.0,
    )


def painted(number: int, *, width: int = 160, height: int = 120) -> np.ndarray:
    return np.ascontiguousarray(painted_frame(number % 256, width=width, height=height)[..., ::-1])


def film(recorder: ClipRecorder, times: list[float], *, width: int = 160, height: int = 120) -> None:
    """Give the recorder of `door` a picture at each of these seconds, the i-th painted with i."""
    for number, at in enumerate(times):
        picture = painted(number, width=width, height=height)
        recorder.add("door", at, picture)


def recorder(folder: Path, **settings: float) -> ClipRecorder:
    """Whose clips are never too old, since BEGIN once will be."""
    return ClipRecorder(ClipSettings(folder=folder, **{"max_days": 1e6, **settings}))


def read(path: Path) -> list[tuple[float, np.ndarray]]:
    """(seconds, RGB) of every frame, by PyAV."""
    with av.open(str(path)) as container:
        return [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def test_a_clip_shows_the_event_and_what_was_around_it_at_real_pace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    times = [number / 25 for number in range(190)]
    kept = recorder(tmp_path / "clips", before_seconds=2.0, after_seconds=1.0)
    film(kept, times)

    assert len(kept._cameras["door"]._pictures) == pytest.approx(10 * 7.6, abs=1)  # however many come

    name = kept.save(event(4.0, 6.0))

    assert name == "door-20261129T120004.123Z-fall-1f0c9a3e.webm"
    path = kept.path(name)
    assert path == tmp_path / "clips" / name
    assert [file.name for file in path.parent.iterdir()] == [name]
    assert b"\x42\x82\x84webm" in path.read_bytes()[:64]  # what tells WebM from Matroska
    frames = read(path)
    assert [seconds for seconds, _ in frames] == pytest.approx([number / 10 for number in range(51)], abs=0.001)
    for seconds, picture in frames:
        assert picture.shape == (120, 160, 3)
        shown = times[painted_number(picture)]
        # The newest one of ten a second, of which each waits for at most a tenth.
        assert 2.0 + seconds - 0.1 - HALF_A_FRAME <= shown <= 2.0 + seconds + HALF_A_FRAME
    colours = frames[20][1].astype(int) - painted(painted_number(frames[20][1]))
    assert np.abs(colours[50:]).mean() < 20  # red is red; exchanged with blue, 70
    assert read_times(path, decoder="opencv") == pytest.approx([seconds for seconds, _ in frames], abs=0.001)
    assert capfd.readouterr() == ("", "")


def test_a_camera_that_stands_still_is_shown_standing_still(tmp_path: Path) -> None:
    kept = recorder(tmp_path)
    film(kept, [0.0, 0.5, 1.0, 3.0, 3.1, 3.2])
    name = kept.save(event(1.0, 3.0))
    assert name is not None
    numbers = [painted_number(picture) for _, picture in read(tmp_path / name)]
    assert numbers == [*5 * [0], *5 * [1], *20 * [2], 3, 4, 5]


def test_a_long_event_is_shown_from_its_beginning_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "EVENT_SECONDS", 8.0)
    monkeypatch.setattr(clips, "DETECTION_SECONDS", 3.0)
    now = [0.0]
    monkeypatch.setattr(clips, "time", SimpleNamespace(monotonic=lambda: now[0]))
    kept = recorder(tmp_path, before_seconds=1.0, after_seconds=1.0)
    for number in range(400):
        at = now[0] = number / 10
        if number == 60:
            kept.begin(event(4.0, None))  # believed two seconds late
        kept.add("door", at, painted(number, width=64, height=48))
    held = len(kept._cameras["door"]._pictures)
    assert held <= 10 * (10 + 5) + 2
    name = kept.save(event(4.0, 39.0))
    assert name is not None
    numbers = [painted_number(picture) for _, picture in read(tmp_path / name)]
    assert numbers == list(range(30, 131))  # from 3.0 to 13.0 s
    now[0] = 40.0
    kept.add("door", 40.0, painted(0))
    assert len(kept._cameras["door"]._pictures) <= 10 * 5 + 2  # let go


def test_pictures_that_are_still_to_come_are_waited_for(tmp_path: Path) -> None:
    kept = recorder(tmp_path, after_seconds=3.0)  # for which it waits for each, and a little longer
    film(kept, [number / 10 for number in range(21)])
    names: list[str | None] = []
    saving = threading.Thread(target=lambda: names.append(kept.save(event(1.0, 2.0))))
    saving.start()
    for number in range(21, 52):
        time.sleep(0.01)
        kept.add("door", number / 10, painted(number))
    saving.join()
    assert names[0] is not None
    assert [painted_number(picture) for _, picture in read(tmp_path / names[0])] == list(range(51))


def test_what_came_at_once_is_kept_until_its_events_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "DETECTION_SECONDS", 3.0)
    now = [0.0]
    monkeypatch.setattr(clips, "time", SimpleNamespace(monotonic=lambda: now[0]))
    kept = recorder(tmp_path, before_seconds=1.0, after_seconds=1.0)
    film(kept, [number / 10 for number in range(180)])  # three segments of HLS
    for burst in range(3, 13):
        now[0] = 6.0 * (burst - 2)
        for number in range(60 * burst, 60 * (burst + 1)):
            kept.add("door", number / 10, painted(number, width=64, height=48))
    assert len(kept._cameras["door"]._pictures) == pytest.approx(10 * (18 + 5), abs=2)
    name = kept.save(event(60.0, 60.4))  # told of 18 s later
    assert name is not None
    assert [painted_number(picture) for _, picture in read(tmp_path / name)] == [
        number % 256 for number in range(590, 615)
    ]


@pytest.mark.clock
def test_the_next_burst_of_a_camera_that_sends_bursts_is_waited_for_and_no_longer(tmp_path: Path) -> None:
    kept = recorder(tmp_path, after_seconds=0.5)
    film(kept, [number / 10 for number in range(31)])
    names: list[str | None] = []
    saving = threading.Thread(target=lambda: names.append(kept.save(event(2.0, 2.9))))
    saving.start()
    time.sleep(2.0)
    for number in range(31, 62):
        kept.add("door", number / 10, painted(number))
    saving.join()
    assert names[0] is not None
    assert [painted_number(picture) for _, picture in read(tmp_path / names[0])] == list(range(35))
    begun = time.monotonic()
    assert kept.save(event(5.0, 6.0)) is not None  # the camera is lost
    assert 2.5 <= time.monotonic() - begun < 20.0
    begun = time.monotonic()
    assert kept.save(event(5.1, 6.0)) is not None  # which is not waited for again
    assert time.monotonic() - begun < 2.5


@pytest.mark.clock
def test_pictures_that_never_come_are_waited_for_briefly_and_not_at_all_once_closed(tmp_path: Path) -> None:
    kept = recorder(tmp_path, after_seconds=0.5)
    film(kept, [0.0, 0.1])
    begun = time.monotonic()
    assert kept.save(event(0.0, 0.1)) is not None
    assert 0.5 <= time.monotonic() - begun < 20.0
    patient = recorder(tmp_path / "patient", after_seconds=60.0)
    film(patient, [0.0, 0.1])
    patient.close()
    begun = time.monotonic()
    assert patient.save(event(0.0, 0.1)) is not None
    assert time.monotonic() - begun < 20.0


def test_large_and_odd_pictures_become_small_ones_and_a_change_of_size_is_gone_along_with(tmp_path: Path) -> None:
    kept = recorder(tmp_path)
    sizes = [(1921, 1081), (640, 360), (99, 201)]
    for number, (width, height) in enumerate(sizes):
        kept.add("door", number / 10, painted(number, width=width, height=height))
    kept.close()
    name = kept.save(event(0.0, 0.2))
    assert name is not None
    frames = read(tmp_path / name)
    assert {picture.shape for _, picture in frames} == {(360, 640, 3)}
    assert [painted_number(picture) for _, picture in frames] == [0, 1, 2]


def test_an_event_without_a_picture_has_no_clip_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = recorder(tmp_path, after_seconds=0.0)
    assert kept.save(event(0.0, 1.0)) is None
    assert caplog.messages == ["door: there is no picture of the event 1f0c9a3e5b7d any more, so it has no clip"]


def test_a_full_disk_is_said_once_leaves_nothing_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    resource = pytest.importorskip("resource")
    kept = recorder(tmp_path / "clips")
    film(kept, [number / 10 for number in range(30)])
    kept.close()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system refuses larger files, as it would on a disk without room: in the header, a picture, the index.
    for limit in (100, 5_000, 20_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            assert kept.save(event(0.0, 2.0)) is None, limit
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert list((tmp_path / "clips").iterdir()) == []
    name = kept.save(event(0.0, 2.0))
    assert name is not None
    assert (tmp_path / "clips" / name).stat().st_size > 20_000
    assert kept.save(event(0.0, 2.0)) == name
    first, last = caplog.messages
    assert first.startswith(f"{tmp_path / 'clips'}: a clip cannot be written (")
    assert last == f"{tmp_path / 'clips'}: clips are kept again"


def test_a_folder_that_is_taken_away_is_said_once_and_not_made_elsewhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = recorder(tmp_path / "disk" / "clips")
    film(kept, [0.0, 0.1])
    kept.close()
    shutil.rmtree(tmp_path / "disk")
    for _ in range(3):
        assert kept.save(event(0.0, 0.1)) is None
        kept.prune()
    assert not (tmp_path / "disk").exists()
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "a clip cannot be written (the folder is missing); events go on without clips"
    ]


def test_a_folder_that_cannot_be_made_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VidclsError, match=r"clips: no clips can be kept there \("):
        recorder(tmp_path / "file" / "clips")


def named(day: int, *, camera: str = "door", label: str = "fall") -> str:
    return f"{camera}-202611{day:02}T120000.000Z-{label}-0123abcd.webm"


def test_the_oldest_clips_go_first_and_nothing_but_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, _: object = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 11, 29, 13, tzinfo=timezone.utc)

    monkeypatch.setattr(clips, "datetime", Clock)
    others = ["mine.webm", "door-20260101T120000.000Z-fall.webm", named(1).replace(".webm", ".mp4"), named(1) + ".bak"]
    for name in [*others, named(2), *(named(day, camera=camera) for day in (20, 21, 22) for camera in ("a", "z"))]:
        (tmp_path / name).write_bytes(bytes(1000))
    recorder(tmp_path, max_days=20).prune()
    assert {path.name for path in tmp_path.iterdir()} == {
        *others,
        *(named(day, camera=camera) for day in (20, 21, 22) for camera in ("a", "z")),
    }
    recorder(tmp_path, max_days=20, max_megabytes=0.0035).prune()
    assert {path.name for path in tmp_path.iterdir()} == {
        *others,
        named(21, camera="z"),
        named(22, camera="a"),
        named(22, camera="z"),
    }


def test_after_the_clock_was_set_back_the_clips_of_before_go_first(tmp_path: Path) -> None:
    """Those with times to come, which are too many; one that is too old goes all the same, the new one never."""
    kept = recorder(tmp_path, max_days=20, max_megabytes=0.2)
    film(kept, [number / 10 for number in range(20)])
    kept.close()
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    to_come = [clip_name(replace(event(0.0, 1.0), start=later + timedelta(hours=hour))) for hour in range(4)]
    old, recent = (clip_name(replace(event(0.0, 1.0), start=later - timedelta(days=days))) for days in (30, 2))
    for name in (*to_come, old, recent):
        (tmp_path / name).write_bytes(bytes(40_000))
    now = datetime.now(timezone.utc)
    for new in (
        replace(event(0.0, 1.0), start=now),
        replace(event(0.0, 1.0), id="12", start=later + timedelta(hours=9)),
    ):
        assert kept.save(new) is not None
    left = {path.name for path in tmp_path.iterdir()}
    assert not left & {old, to_come[0]}
    assert left >= {recent, clip_name(new)}


def test_clips_are_bounded_while_they_are_written(tmp_path: Path) -> None:
    kept = recorder(tmp_path, max_megabytes=0.1)
    film(kept, [number / 10 for number in range(40)])
    kept.close()
    names = [kept.save(event(start / 10, start / 10)) for start in range(0, 28, 7)]
    left = sorted(path.name for path in tmp_path.iterdir())
    assert sum((tmp_path / name).stat().st_size for name in left) <= 100_000
    assert 1 < len(left) < len(names)
    assert left == names[-len(left) :]
    assert recorder(tmp_path, max_megabytes=0.001).save(event(0.0, 1.0)) is None


@pytest.mark.parametrize(
    "name", ["../secret.webm", "/etc/passwd", "", "mine.webm", f"x/{named(3)}", f"{named(3)}/.", f"{named(3)}\n"]
)
def test_only_names_of_clips_have_a_path(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    (folder / "x").mkdir(parents=True)
    for path in (folder / "mine.webm", folder / "x" / named(3), tmp_path / "secret.webm", folder / named(3)):
        path.touch()
    kept = recorder(folder)
    assert kept.path(named(3)) == folder / named(3)
    assert kept.path(named(4)) is None
    assert kept.path(name) is None


PAGE = b"""<!doctype html><video id="clip" muted src="clip.webm"></video><script>
window.played = new Promise((done, fail) => {
  const clip = document.getElementById("clip"), shown = [];
  const canvas = document.createElement("canvas");
  canvas.width = 8; canvas.height = 1;
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  clip.onerror = () => fail(clip.error.message);
  const look = (_, frame) => {
    pen.drawImage(clip, 0, 0, clip.videoWidth, clip.videoHeight / 3, 0, 0, 8, 1);
    const bars = pen.getImageData(0, 0, 8, 1).data;
    let number = 0;
    for (let bit = 0; bit < 8; bit++) number = 2 * number + (bars[4 * bit] > 127 ? 1 : 0);
    shown.push([frame.mediaTime, number]);
    clip.requestVideoFrameCallback(look);
  };
  clip.requestVideoFrameCallback(look);
  clip.onended = () => done({duration: clip.duration, width: clip.videoWidth, shown});
  clip.play();
});
</script>"""


@slow
def test_a_browser_plays_a_clip(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on this machine")
    kept = recorder(tmp_path)
    film(kept, [number / 10 for number in range(50)], width=320, height=240)
    name = kept.save(event(2.0, 3.5))
    assert name is not None
    (tmp_path / name).rename(tmp_path / "clip.webm")
    (tmp_path / "index.html").write_bytes(PAGE)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with serving(handler) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{address}/index.html")
        played = page.evaluate("window.played")
        browser.close()
    assert played["duration"] == pytest.approx(4.6, abs=0.11)  # 0.0 to 4.5 s, and how long the last picture is shown
    assert played["width"] == 320
    assert len(played["shown"]) > 15  # a busy machine drops some
    for seconds, number in played["shown"]:
        assert number == round(seconds * 10)
