"""What the page's server answers, asked over loopback by the standard library."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import av
import cv2
import numpy as np
import pytest

from answered import answered_record
from live_page import LABELS, Show
from slow import slow
from vidcls.errors import ArgumentError
from vidcls.watch.board import Board
from vidcls.watch.health import problems
from vidcls.watch.page import disk
from vidcls.watch.page.server import WatchPage
from vidcls.watch.settings import PageSettings


def ask(page: str, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> HTTPResponse:
    """The answer, of which nothing but the head has been read."""
    connection = HTTPConnection(urlsplit(page).netloc, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse()


def get_json(page: str, path: str) -> dict[str, object]:
    answer = ask(page, path)
    assert answer.status == 200
    found: dict[str, object] = json.loads(answer.read())
    return found


def mark(page: str, event_id: str, said: object, **headers: str) -> HTTPResponse:
    body = json.dumps(said).encode()
    return ask(
        page, f"/events/{event_id}/mark", method="POST", body=body, **{"Content_Type": "application/json", **headers}
    )


def picture(jpeg: bytes) -> np.ndarray:
    found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return found


def test_the_pages_own_files_are_there(quiet: str) -> None:
    scripts = ("page", "camera", "cameras", "chart", "events", "alarm", "dom", "words", "token")
    expected = {
        "/": "text/html; charset=utf-8",
        "/page.css": "text/css; charset=utf-8",
        "/icon.svg": "image/svg+xml",
        **{f"/{name}.js": "text/javascript; charset=utf-8" for name in scripts},
    }
    for path, kind in expected.items():
        answer = ask(quiet, path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind), path
        assert len(answer.read()) > 100


def test_every_answer_says_what_browsers_may_do_with_it(quiet: str) -> None:
    for path in ("/", "/state.json", "/stream", "/picture/kitchen.jpg", "/nothing", "/metrics"):
        headers = ask(quiet, path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert "Server" not in headers


def test_state_and_history_are_the_boards(quiet: str, quiet_show: Show) -> None:
    state = get_json(quiet, "/state.json")
    assert [camera["name"] for camera in state["cameras"]] == ["living-room", "kitchen"]  # type: ignore[attr-defined]
    assert state["model"]["labels"] == list(LABELS)  # type: ignore[index]
    assert get_json(quiet, "/history/kitchen.json") == quiet_show.board.history("kitchen")
    assert ask(quiet, "/history/attic.json").status == 404


def next_event(answer: HTTPResponse) -> dict[str, object]:
    lines = [answer.readline() for _ in range(2)]
    assert lines[0].startswith(b"data: ")
    assert lines[1] == b"\n"
    found: dict[str, object] = json.loads(lines[0][6:])
    return found


def test_the_stream_says_all_at_first_and_then_what_has_changed(page: str, show: Show) -> None:
    answer = ask(page, "/stream")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    first = next_event(answer)
    assert [camera["name"] for camera in first["cameras"]] == ["living-room", "kitchen"]  # type: ignore[attr-defined]
    show.board.put_picture_state("kitchen", "frozen")
    while True:
        cameras = {camera["name"]: camera for camera in next_event(answer)["cameras"]}  # type: ignore[attr-defined]
        if cameras.get("kitchen", {}).get("picture_state") == "frozen":
            break


def test_the_list_of_events_is_read_page_by_page(page: str, show: Show) -> None:
    now = datetime.now(timezone.utc)
    for number in range(120):
        begun = show.begin("kitchen", "wave", now - timedelta(seconds=500 - number))
        ended = replace(begun, id=f"e{number}", state="final", end=begun.start + timedelta(seconds=1))
        show.board.put_event(ended)
        show.board.put_event(replace(ended, id=begun.id))
    found: list[str] = []
    path = "/events.json"
    for expected in (50, 50, 50, 50):
        answer = get_json(page, path)
        events = answer["events"]
        assert isinstance(events, list)
        assert len(events) == expected
        found += [event["id"] for event in events]
        path = f"/events.json?before={found[-1]}"
    assert answer["more"] is False
    assert len(set(found)) == 200
    assert get_json(page, "/events.json")["more"] is True


def test_a_picture_is_scaled(quiet: str) -> None:
    answer = ask(quiet, "/picture/kitchen.jpg")
    assert answer.headers["Content-Type"] == "image/jpeg"
    large = picture(answer.read())
    assert large.shape == (540, 960, 3)
    small = picture(ask(quiet, "/picture/kitchen.jpg?small").read())
    assert small.shape == (270, 480, 3)
    assert ask(quiet, "/picture/attic.jpg").status == 404
    assert ask(quiet, "/picture/attic.mjpg").status == 404


def test_a_picture_of_any_shape_is_made_readable(page: str, show: Show) -> None:
    for shape, large, small in [
        ((1920, 1080), (960, 540), (480, 270)),
        ((120, 160), (480, 640), (120, 160)),
        ((700, 700), (700, 700), (480, 480)),
        ((1, 5000), (1, 960), (1, 480)),
    ]:
        frame = np.zeros((*shape, 3), np.uint8)
        frame[:, : shape[1] // 2] = 200
        show.board.set_picture_source("kitchen", lambda frame=frame: frame)  # type: ignore[misc]
        time.sleep(0.15)  # until a picture is old enough to be made anew
        assert picture(ask(page, "/picture/kitchen.jpg").read()).shape[:2] == large
        assert picture(ask(page, "/picture/kitchen.jpg?small").read()).shape[:2] == small


def test_without_a_picture_there_is_one_that_says_so() -> None:
    board = Board(LABELS, ["door"])
    with WatchPage(PageSettings(port=0), board, clip_path=lambda _: None, mark=lambda *_: None) as page:
        found = picture(ask(page.url, "/picture/door.jpg").read())
    assert found.shape == (360, 640, 3)
    assert found.max() > 150  # text


def parts(answer: HTTPResponse, count: int) -> list[bytes]:
    """JPEGs of a multipart answer."""
    assert answer.readline() == b"--picture\r\n"
    found = []
    for _ in range(count):
        assert answer.readline() == b"Content-Type: image/jpeg\r\n"
        length = int(answer.readline().removeprefix(b"Content-Length: "))
        assert answer.readline() == b"\r\n"
        found.append(answer.read(length))
        assert answer.readline() == b"\r\n"
        assert answer.readline() == b"--picture\r\n"  # at once, so that browsers show the one before it
    return found


def test_pictures_follow_each_other_and_differ(quiet: str) -> None:
    begun = time.monotonic()
    found = parts(ask(quiet, "/picture/kitchen.mjpg"), 4)
    assert time.monotonic() - begun >= 3 / 8  # eight a second at most
    assert len({picture(jpeg).tobytes() for jpeg in found}) > 1
    assert {picture(jpeg).shape for jpeg in found} == {(540, 960, 3)}


def test_each_picture_is_made_once_for_all_and_none_for_nobody(page: str, show: Show) -> None:
    asked: list[float] = []
    source = show.picture

    def counted() -> np.ndarray:
        asked.append(time.monotonic())
        return source("kitchen")

    show.board.set_picture_source("kitchen", counted)
    viewers = []
    begun = time.monotonic()
    for _ in range(6):
        viewers.append(ask(page, "/picture/kitchen.mjpg"))
        time.sleep(0.02)  # so that no two of them ask at the same time
    threads = [threading.Thread(target=parts, args=(viewer, 5)) for viewer in viewers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begun
    assert len(asked) <= 8 / 0.9 * seconds + 3  # and not six times as many
    for viewer in viewers:
        viewer.close()
    until = time.monotonic() + 20
    while time.monotonic() - asked[-1] < 0.5:  # until the server has noticed; eight a second are made for somebody
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_clip_is_given_whole_and_in_parts(page: str, show: Show) -> None:
    begun = datetime.now(timezone.utc) - timedelta(seconds=3)
    show.begin("kitchen", "fall", begun)
    name = show.end("kitchen", begun + timedelta(seconds=2)).clip
    assert name is not None
    whole = (show.clips / name).read_bytes()
    answer = ask(page, f"/clips/{name}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "video/webm")
    assert answer.headers["Accept-Ranges"] == "bytes"
    read = answer.read()
    assert read == whole
    with av.open(io.BytesIO(read), "r") as file:
        assert len(list(file.decode(video=0))) > 10
    answer = ask(page, f"/clips/{name}", Range="bytes=100-199")
    assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes 100-199/{len(whole)}")
    assert answer.read() == whole[100:200]
    answer = ask(page, f"/clips/{name}", Range="bytes=-7")
    assert (answer.status, answer.read()) == (206, whole[-7:])
    assert ask(page, f"/clips/{name}", Range=f"bytes={len(whole)}-").status == 416


def test_nothing_else_is_given_and_nothing_said_again(quiet: str) -> None:
    for path in (
        "/clips/../../etc/passwd",
        "/clips/..%2f..%2fetc%2fpasswd",
        "/clips/%2e%2e/%2e%2e/etc/passwd",
        "/clips/..%5c..%5cwindows%5cwin.ini",
        "/clips//etc/passwd",
        "/clips/%2fetc%2fpasswd",
        "/clips/nothing.webm",
        "/clips/%00",
        "/clips/",
        "/page.html",
        "/server.py",
        "/../server.py",
        "/picture/..%2f..%2fx.jpg",
        "/events/x/mark",
        "/stream/",
        "//evil.example/",
    ):
        answer = ask(quiet, path)
        assert answer.status in (404, 405, 307), path
        assert answer.status != 307 or answer.headers["Location"].startswith(quiet), path
        assert b"passwd" not in answer.read(), path


def test_marking_is_noted_down_and_told(page: str, show: Show) -> None:
    begun = datetime.now(timezone.utc) - timedelta(seconds=3)
    going = show.begin("kitchen", "fall", begun)
    answer = mark(page, going.id, {"label": None})
    assert (answer.status, json.loads(answer.read())["error"]) == (409, "the event goes on; wait until it has ended")
    show.end("kitchen", begun + timedelta(seconds=2))
    answer = mark(page, going.id, {"label": "sit down"})
    assert (answer.status, json.loads(answer.read())) == (200, {"marked": {"label": "sit down"}})
    assert [path.parent.name for path in show.marks.rglob("*.webm")] == ["sit down"]
    events = get_json(page, "/events.json")["events"]
    assert events[0]["marked"] == {"label": "sit down"}  # type: ignore[index]
    assert mark(page, going.id, {"label": None}, Content_Type="Application/JSON; charset=utf-8").status == 200


WRONG_MARKS: list[tuple[object, dict[str, str], int]] = [
    ({"label": "no such label"}, {}, 400),
    ({"label": ["fall"]}, {}, 400),
    ({"label": {}}, {}, 400),
    ({"other": "fall"}, {}, 400),
    ("fall", {}, 400),
    ({"label": "x" * 5000}, {}, 400),
    ({"label": None}, {"Content_Type": "text/plain"}, 415),
    ({"label": None}, {"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ({"label": None}, {"Origin": "https://evil.example"}, 403),
    ({"label": None}, {"Origin": "null"}, 403),
    ({"label": None}, {"Sec_Fetch_Site": "cross-site"}, 403),
    ({"label": None}, {"Sec_Fetch_Site": "same-site"}, 403),
    ({"label": None}, {"Host": "evil.example"}, 421),
]


def test_what_is_marked_wrongly_changes_nothing(page: str, show: Show) -> None:
    begun = datetime.now(timezone.utc) - timedelta(seconds=3)
    show.begin("kitchen", "fall", begun)
    event = show.end("kitchen", begun + timedelta(seconds=2))
    for said, headers, expected in WRONG_MARKS:
        assert mark(page, event.id, said, **headers).status == expected, (said, headers)
    assert not show.marks.exists()
    assert ask(page, f"/events/{event.id}/mark").status == 405


def test_why_it_could_not_be_marked_is_told(show: Show) -> None:
    begun = datetime.now(timezone.utc) - timedelta(seconds=3)
    show.begin("kitchen", "fall", begun)
    event = show.end("kitchen", begun + timedelta(seconds=2))
    (show.clips / f"{event.id}.webm").unlink()
    with show.page(PageSettings(port=0)) as page:
        answer = mark(page.url, event.id, {"label": None})
        assert answer.status == 409
        assert "No such file" in json.loads(answer.read())["error"]
        assert get_json(page.url, "/events.json")["events"][0]["marked"] is None  # type: ignore[index]
        assert mark(page.url, "unknown", {"label": None}).status == 404


# A disk that hangs keeps whoever asks it.
HANGING = """
import json, sys, threading, time, urllib.error, urllib.request
from datetime import datetime, timezone
from vidcls.watch.board import Board
from vidcls.watch.event import CameraEvent
from vidcls.watch.page import disk
from vidcls.watch.page.server import WatchPage
from vidcls.watch.settings import PageSettings

now = datetime.now(timezone.utc)
board = Board(["fall"], ["door"])
board.put_event(CameraEvent(id="a", camera="door", label="fall", state="final", start=now, end=now, start_seconds=0,
    end_seconds=1, peak_score=1, mean_score=1, detection_delay=0, coverage=1, clip="a.webm"))
disk.DISK_SECONDS = 5.0
disk_answers = threading.Event()
asked = []

def hang(*arguments):
    asked.append(arguments)
    disk_answers.wait()

def ask(path, body=None):
    headers = {"Content-Type": "application/json"}
    try:
        return urllib.request.urlopen(urllib.request.Request(url + path, body, headers), timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()

page = WatchPage(PageSettings(port=0), board, clip_path=hang, mark=hang)
url = page.start()
said = []
waiting = [threading.Thread(target=lambda: said.append(ask("events/a/mark", b'{"label": null}')))]
waiting += [threading.Thread(target=lambda: said.append(ask("clips/a.webm"))) for _ in range(disk.MAX_CALLS)]
for thread in waiting:
    thread.start()
while len(asked) < disk.MAX_CALLS:
    time.sleep(0.01)
begun = time.monotonic()
print([ask(path) for path in ("state.json", "metrics", "events.json", "history/door.json")])
took = time.monotonic() - begun
for thread in waiting:
    thread.join()
print(took < 4.5, len(said), {code for code, _ in said}, any("does not answer" in text for _, text in said))
page.close()
sys.exit(3)
"""


def test_a_disk_that_hangs_holds_up_neither_the_page_nor_the_end() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, timeout=120, check=False, env=_env(), text=True
    )
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout == "[200, 200, 200, 200]\nTrue 17 {503} True\n"


def test_what_the_disk_said_late_is_told_later(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "DISK_SECONDS", 0.3)
    begun, answers = datetime.now(timezone.utc) - timedelta(seconds=3), threading.Event()
    show.begin("kitchen", "fall", begun)
    event = show.end("kitchen", begun + timedelta(seconds=2))

    def mark_later(event_id: str, label: str | None) -> None:
        answers.wait()
        show.mark(event_id, label)

    page = WatchPage(PageSettings(port=0), show.board, clip_path=show.clip_path, mark=mark_later)
    with page, ExitStack() as at_the_end:
        at_the_end.callback(answers.set)
        answer = mark(page.url, event.id, {"label": None})
        assert answer.status == 503
        assert "the disk with the clips does not answer" in json.loads(answer.read())["error"]
        assert get_json(page.url, "/events.json")["events"][0]["marked"] is None  # type: ignore[index]
        answers.set()
        until = time.monotonic() + 5
        while get_json(page.url, "/events.json")["events"][0]["marked"] is None:  # type: ignore[index]
            assert time.monotonic() < until
            time.sleep(0.02)


def test_health_says_what_is_wrong() -> None:
    now = [0.0]
    board = Board(LABELS, ["door", "hall"], clock=lambda: now[0])

    def health() -> tuple[int, object]:
        answer = ask(page.url, "/healthz")
        return answer.status, json.loads(answer.read())

    with WatchPage(PageSettings(port=0), board, clip_path=lambda _: None, mark=lambda *_: None) as page:
        told = (503, {"ok": False, "problems": ["the loop has not begun", "no camera is connected"]})
        assert health() == told
        board.put_alive()
        board.put_connected("hall", True)
        assert health() == (200, {"ok": True, "problems": []})
        now[0] += 31
        told = (503, {"ok": False, "problems": ["the loop has not turned for 31 s, expected at most 30 s"]})
        assert health() == told
        board.put_alive()
        board.put_connected("hall", False)
        assert health() == (503, {"ok": False, "problems": ["no camera is connected"]})


def test_a_model_that_owes_an_answer_for_too_long_is_not_healthy() -> None:
    """In its first run it has longer; while it owes nothing, as where all cameras are away, it has for ever."""
    now = [0.0]
    board = Board(LABELS, ["door", "hall"], clock=lambda: now[0])
    answered = answered_record(np.zeros(len(LABELS)), labels=LABELS, start=0.0)
    board.put_connected("door", True)

    def after(seconds: float, *, is_unanswered: bool) -> list[str]:
        now[0] += seconds
        board.put_alive()
        board.put_unanswered(is_unanswered)
        return problems(board)

    def hanging(seconds: int, expected: int) -> list[str]:
        return [f"the model has not answered for {seconds} s, expected at most {expected} s; start vidcls anew"]

    assert after(1000, is_unanswered=False) == []
    assert after(1, is_unanswered=True) == []
    assert after(300, is_unanswered=True) == []  # it sets itself up
    assert after(1, is_unanswered=True) == hanging(301, 300)
    board.put_record("hall", answered)
    assert after(0, is_unanswered=True) == []
    assert after(120, is_unanswered=True) == []
    assert after(1, is_unanswered=True) == hanging(121, 120)
    assert after(0, is_unanswered=False) == []
    assert after(1000, is_unanswered=False) == []
    for _ in range(20):  # of several cameras that each lose windows, one is answered
        assert after(100, is_unanswered=True) == []
        board.put_record("door", answered)
    after(0, is_unanswered=True)
    now[0] += 200
    assert problems(board) == ["the loop has not turned for 200 s, expected at most 30 s"]


def test_metrics_are_there(quiet: str) -> None:
    answer = ask(quiet, "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert 'vidcls_windows_total{camera="kitchen"} 6.0' in answer.read().decode()


def test_nothing_is_served_to_others_without_a_token(show: Show) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "camera.lan"):  # noqa: S104 - it is refused
        with pytest.raises(ArgumentError, match=r"could be seen by everyone in the network; set a token"):
            show.page(PageSettings(host=host, port=0))


def test_a_port_that_is_taken_is_named(show: Show) -> None:
    with show.page(PageSettings(port=0)) as page, pytest.raises(ArgumentError, match=r"port \d+ \(Address already"):
        show.page(PageSettings(port=page.port)).start()


def test_a_page_that_was_never_started_closes(show: Show) -> None:
    show.page(PageSettings(port=0)).close()


PROGRAM = """
import signal, sys, tempfile
from pathlib import Path
from live_page import Show
from vidcls.watch.settings import PageSettings

before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
show = Show(Path(tempfile.mkdtemp()))
page = show.page(PageSettings(port=0))
page.start()
assert before == {number: signal.getsignal(number) for number in before}
{ending}
"""


@slow
@pytest.mark.parametrize(("ending", "code"), [("page.close()", 0), ("sys.exit(3)", 3), ("1 / 0", 1)])
def test_a_program_ends_with_its_own_code_closed_or_not(ending: str, code: int) -> None:
    program = PROGRAM.replace("{ending}", ending)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False, env=_env())
    assert ended.returncode == code, ended.stderr.decode()
    assert b"Traceback" not in ended.stderr or code == 1


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
