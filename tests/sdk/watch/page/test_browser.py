"""The page in a real browser, on a telephone and on a desk, light and dark.

VIDCLS_AXE names axe.min.js of axe-core; without it accessibility is not checked. VIDCLS_SHOTS names a folder for
screenshots.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from live_page import Show
from sdk.watch.page.conftest import TOKEN
from slow import slow
from vidcls.watch.settings import PageSettings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
]

SIZES = {"telephone": (390, 844), "desk": (1440, 900)}
# How long the page may take to show what has changed, in ms, on a busy machine.
SOON = 15_000
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Complaints:
    """What a page says that nobody wants to read."""

    def __init__(self, page: Any) -> None:
        self.said: list[str] = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _answered(self, answer: Any) -> None:
        if answer.status >= 400:
            self.said.append(f"{answer.status} {answer.url}")

    def _failed(self, request: Any) -> None:
        # A stream of pictures that is looked at no more is broken off on purpose, and so are a video's further parts.
        if request.failure != "net::ERR_ABORTED":
            self.said.append(f"{request.failure}: {request.url}")


@contextmanager
def turning(show: Show) -> Iterator[None]:
    """While it runs, answers come twice a second; events only as the test says."""
    over = threading.Event()

    def turn() -> None:
        while not over.wait(0.5):
            now = datetime.now(timezone.utc)
            for name in show.names:
                show.board.put_alive()
                show.board.put_record(name, show.record(name, now))
                show.board.put_connected(name, True)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def opened(
    browser: Any, address: str, *, size: tuple[int, int], scheme: str = "light"
) -> Iterator[tuple[Any, Complaints]]:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    context.set_default_timeout(SOON)
    page = context.new_page()
    complaints = Complaints(page)
    page.goto(address)
    yield page, complaints
    context.close()


def checked(page: Any, name: str) -> list[str]:
    """What axe-core finds wrong; and a screenshot, where one is wanted."""
    if shots := os.environ.get("VIDCLS_SHOTS"):
        page.screenshot(path=Path(shots) / f"{name}.png")
    axe = os.environ.get("VIDCLS_AXE")
    if axe is None:
        return []
    page.evaluate(Path(axe).read_text(encoding="utf-8"))  # as the browser's own tools do it, past the page's policy
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", AXE_RULES)
    return [f"{problem['id']}: {problem['nodes'][0]['html']}" for problem in found["violations"]]


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + SOON / 1000
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def shows(page: Any, script: str) -> None:
    """Wait until it holds on the page, whose policy keeps a script from waiting for it there."""
    wait_until(lambda: page.evaluate(script))


def pixels(page: Any) -> str:
    """The picture that is shown, as data."""
    script = """() => {
        const picture = document.getElementById("picture");
        const canvas = Object.assign(document.createElement("canvas"), { width: 96, height: 54 });
        canvas.getContext("2d").drawImage(picture, 0, 0, 96, 54);
        return canvas.toDataURL();
    }"""
    return str(page.evaluate(script))


def moves(page: Any) -> None:
    """Wait until three different pictures have been shown."""
    shown: set[str] = set()

    def has_moved() -> bool:
        shown.add(pixels(page))
        return len(shown) >= 3

    wait_until(has_moved)


@pytest.fixture
def full(tmp_path: Path) -> Show:
    """One camera, ten minutes of history and its events; nothing goes on."""
    show = Show(tmp_path, clip_seconds=3.0)
    show.fill(600)
    for name in list(show._going):
        show.end(name, datetime.now(timezone.utc))
    return show


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_all_that_one_does_with_the_page(browser: Any, full: Show, size: str, scheme: str) -> None:
    show = full
    page_name = f"{size}-{scheme}"
    before = len(show.board.events(200))
    with (
        turning(show),
        show.page(PageSettings(port=0)) as server,
        opened(browser, server.url, size=SIZES[size], scheme=scheme) as (page, complaints),
    ):
        shows(page, "document.getElementById('camera-state').textContent === 'Live'")
        shows(page, "document.getElementById('picture').naturalWidth === 960")
        moves(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it has to be moved sideways"
        shows(page, "document.querySelectorAll('#chart .curve').length === 5")
        assert page.locator("#event-list > li").count() == before
        assert checked(page, f"{page_name}-quiet") == []

        event = show.begin("living-room", "fall", datetime.now(timezone.utc))
        alarm = page.locator("#alarms .alarm")
        alarm.wait_for()
        assert "fall since" in alarm.inner_text()
        assert "93\u00a0% of such alarms were right" in alarm.inner_text()
        assert page.title() == "● fall - vidcls"
        first = page.locator("#event-list > li").first
        first.get_by_text("going on").wait_for()
        assert checked(page, f"{page_name}-alarm") == []

        time.sleep(1)
        show.end("living-room", datetime.now(timezone.utc))
        alarm.wait_for(state="detached")
        assert page.title() == "vidcls"
        first.get_by_role("button", name="Play clip").click()
        video = first.locator("video")
        wait_until(lambda: video.evaluate("video => video.currentTime > 0.3 && !video.error"))
        assert video.evaluate("video => [video.videoWidth, video.videoHeight]") == [640, 360]
        video.evaluate("video => { video.loop = false; video.currentTime = video.duration - 0.2; }")
        wait_until(lambda: video.evaluate("video => video.currentTime > 2.5"))  # a part that was asked for by itself

        first.get_by_role("button", name="Wrong?").click()
        choice = first.get_by_label("What does the clip really show?")
        assert choice.evaluate("choice => choice === document.activeElement")
        assert choice.locator("option").all_inner_texts()[0] == "None of the labels"
        assert "fall" not in choice.locator("option").all_inner_texts()
        assert checked(page, f"{page_name}-marking") == []
        choice.select_option("sit down")
        first.get_by_role("button", name="Save for training").click()
        first.get_by_text("Marked as wrong: it shows sit down").wait_for()
        assert [path.name for path in (show.marks / "sit down").iterdir()] == [f"{event.id}.webm"]
        assert checked(page, f"{page_name}-marked") == []
        assert complaints.said == []


def test_the_keyboard_is_enough(browser: Any, full: Show) -> None:
    with (
        turning(full),
        full.page(PageSettings(port=0)) as server,
        opened(browser, server.url, size=SIZES["desk"]) as (page, complaints),
    ):
        first = page.locator("#event-list > li").first
        first.wait_for()
        for name in ("Sound", "Notifications", "Play clip"):
            page.keyboard.press("Tab")
            assert name in str(page.evaluate("document.activeElement.textContent"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # Wrong?
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # Save for training, none of the labels
        first.get_by_text("Marked as wrong: it shows none of the labels").wait_for()
        assert (full.marks / "_none").is_dir()
        assert complaints.said == []


def test_it_says_when_the_program_has_gone_and_goes_on_when_it_is_back(browser: Any, full: Show) -> None:
    server = full.page(PageSettings(port=0))
    address = server.start()
    try:
        with turning(full), opened(browser, address, size=SIZES["telephone"]) as (page, _):
            shows(page, "document.getElementById('picture').naturalWidth === 960")
            server.close()
            page.get_by_text("No connection to the program since").wait_for()
            assert not page.locator("#camera-state").is_visible()  # which would say what was
            assert checked(page, "away") == []
            time.sleep(3)
            server = full.page(PageSettings(port=server.port))
            server.start()
            full.begin("living-room", "wave", datetime.now(timezone.utc))
            page.locator("#alarms .alarm").wait_for()
            shows(page, "document.getElementById('away').textContent === ''")
            moves(page)
    finally:
        server.close()


def test_the_chart_goes_on_where_the_clock_is_set_back(browser: Any, tmp_path: Path) -> None:
    """By an hour, while the page is open; and the lines of before it stay where they are."""
    show, hour = Show(tmp_path), timedelta(hours=1)
    show.fill(300, clock_ahead=hour)
    right = """() => Math.max(...[...document.querySelectorAll('#chart .curve')].flatMap(
        (curve) => [...curve.getAttribute('d').matchAll(/[ML]([0-9.-]+) /g)].map((found) => Number(found[1]))))"""
    lines = (
        "[...document.querySelectorAll('#chart .curve')].map((curve) => curve.getAttribute('d').split('M').length - 1)"
    )
    with (
        show.page(PageSettings(port=0)) as server,
        opened(browser, server.url, size=SIZES["desk"]) as (page, complaints),
    ):
        shows(page, "document.querySelectorAll('#chart .curve').length === 5")
        width = page.evaluate("document.getElementById('chart').clientWidth")
        with turning(show):
            time.sleep(20)  # more than makes a gap in a line
            assert width - 20 < page.evaluate(right) <= width
            assert page.evaluate(lines) == [1] * 5
        assert complaints.said == []


def test_only_one_stream_is_heard_however_often_the_connection_is_lost(browser: Any, tmp_path: Path) -> None:
    """While it is opened again, and the server is slow to say what is, it is lost again."""
    show = Show(tmp_path, cameras=2)
    show.fill(3)
    streams: list[Any] = []
    with (
        turning(show),
        show.page(PageSettings(port=0)) as server,
        opened(browser, "about:blank", size=SIZES["desk"]) as (page, _),
    ):

        def begin(request: Any) -> None:
            if request.url.endswith("/stream"):
                streams.append(request)

        def end(request: Any) -> None:
            if request in streams:
                streams.remove(request)

        page.on("request", begin)
        page.on("requestfailed", end)
        page.on("requestfinished", end)
        page.goto(server.url)
        shows(page, "document.getElementById('camera-state').textContent === 'Live'")

        waiting: list[Any] = []
        page.route("**/state.json", lambda route: waiting.append(route))  # noqa: PLW0108 - playwright takes no method
        page.route("**/history/kitchen.json", lambda route: route.abort())
        choose = page.locator("#strip button").filter(has_text="kitchen")
        for _ in range(2):  # each fails, and so is the connection thought to be lost; it is opened again after 2 s
            before = len(waiting)
            choose.click()
            until = time.monotonic() + SOON / 1000
            while len(waiting) == before:
                assert time.monotonic() < until
                page.wait_for_timeout(100)
        page.unroute("**/history/kitchen.json")
        for route in waiting:  # the program answers at last, both times
            route.continue_()
        page.unroute("**/state.json")
        until = time.monotonic() + SOON / 1000
        while page.locator("#away").inner_text():
            assert time.monotonic() < until
            page.wait_for_timeout(100)
        page.wait_for_timeout(2000)
        assert len(streams) == 1


def test_one_of_several_cameras_is_chosen_and_one_that_is_lost_is_told(browser: Any, tmp_path: Path) -> None:
    show = Show(tmp_path, cameras=6)
    show.fill(20)
    with (
        turning(show),
        show.page(PageSettings(port=0)) as server,
        opened(browser, server.url, size=SIZES["desk"]) as (page, complaints),
    ):
        cards = page.locator("#strip button")
        shows(page, "[...document.querySelectorAll('#strip img')].every((img) => img.naturalWidth === 480)")
        assert cards.count() == 6
        assert cards.nth(0).get_attribute("aria-pressed") == "true"
        show.begin("hall", "fall", datetime.now(timezone.utc))
        cards.filter(has_text="Alarm: fall").wait_for()
        assert "hall" in cards.filter(has_text="Alarm: fall").inner_text()
        page.get_by_text("fall at hall").wait_for()
        cards.filter(has_text="garage").click()
        assert page.locator("#camera-name").inner_text() == "garage"
        show.board.put_picture_state("garage", "black")
        page.locator("#camera-state").get_by_text("The picture is black").wait_for()
        assert checked(page, "several") == []
        assert complaints.said == []


def test_the_token_is_asked_for_and_remembered(browser: Any, full: Show) -> None:
    with turning(full), full.page(PageSettings(port=0, token=TOKEN)) as server:
        context = browser.new_context(viewport={"width": 390, "height": 844})
        context.set_default_timeout(SOON)
        page = context.new_page()
        page.goto(server.url)
        assert checked(page, "token") == []
        page.get_by_label("Token of this page").fill("not the token")
        page.keyboard.press("Enter")
        page.get_by_text("That is not the token.").wait_for()
        assert checked(page, "token-wrong") == []
        page.get_by_label("Token of this page").fill(TOKEN)
        page.get_by_role("button", name="Open").click()
        shows(page, "document.getElementById('camera-state').textContent === 'Live'")
        again = context.new_page()
        complaints = Complaints(again)
        again.goto(server.url)
        shows(again, "document.getElementById('picture').naturalWidth === 960")
        assert TOKEN not in again.url
        assert complaints.said == []
        other = context.new_page()
        other.goto("about:blank")
        other.evaluate("address => { location.href = address; }", server.url)  # as a link of another site
        other.locator("#camera-state").get_by_text("Live").wait_for()
        context.close()
