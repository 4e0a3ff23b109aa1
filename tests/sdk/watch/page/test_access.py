"""Who is let in: by name, by where a browser comes from, and by the token."""

from __future__ import annotations

import json
import time
from http.client import HTTPResponse
from urllib.parse import urlencode

import pytest

from live_page import Show
from sdk.watch.page.conftest import TOKEN
from sdk.watch.page.test_routes import ask
from vidcls.errors import ArgumentError
from vidcls.watch.page.token import GUESS_SECONDS, MAX_GUESSES, Guesses, Token
from vidcls.watch.settings import PageSettings

SECRETS = (
    "/",
    "/state.json",
    "/stream",
    "/events.json",
    "/picture/kitchen.jpg",
    "/picture/kitchen.mjpg",
    "/clips/x.webm",
    "/metrics",
    "/history/kitchen.json",
    "/page.js",
    "/nothing",
)


def log_in(page: str, token: str) -> HTTPResponse:
    form = urlencode({"token": token}).encode()
    return ask(page, "/token", method="POST", body=form, Content_Type="application/x-www-form-urlencoded")


def cookie_of(answer: HTTPResponse) -> str:
    return answer.headers["Set-Cookie"].partition(";")[0]


def test_only_a_name_of_its_own_is_answered(quiet: str) -> None:
    for path in ("/", "/state.json", "/healthz", "/page.css"):
        assert ask(quiet, path, Host="evil.example").status == 421
        assert ask(quiet, path, Host="127.0.0.1.evil.example:8000").status == 421
        assert ask(quiet, path, Host="localhost").status == 200
        assert ask(quiet, path, Host="192.168.1.7:8000").status == 200
        assert ask(quiet, path, Host="camera.lan").status == 421


def test_a_name_that_was_given_is_answered(locked: str) -> None:
    assert ask(locked, "/healthz", Host="camera.lan").status == 200
    assert ask(locked, "/healthz", Host="other.lan").status == 421


def test_other_sites_get_nothing(quiet: str) -> None:
    for path in ("/", "/stream", "/state.json", "/picture/kitchen.jpg"):
        assert ask(quiet, path, Origin="https://evil.example").status == 403
        assert ask(quiet, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    host = quiet.removeprefix("http://").rstrip("/")
    assert ask(quiet, "/state.json", Origin=f"http://{host}").status == 200
    assert ask(quiet, "/state.json", Origin=f"https://{host}").status == 200  # by a proxy that encrypts
    for path, expected in (("/", 200), ("/state.json", 403)):  # a link from elsewhere leads to the page alone
        link = ask(quiet, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")
        assert link.status == expected


def test_without_the_token_there_is_a_page_that_asks_for_it(locked: str) -> None:
    for path in SECRETS:
        answer = ask(locked, path)
        assert answer.status == 401, path
        assert "Set-Cookie" not in answer.headers
        said = answer.read().decode()
        assert ('name="token"' in said) == (path == "/")
        assert "walk" not in said
    for path in ("/page.css", "/token.js", "/icon.svg"):
        assert ask(locked, path).status == 200


def test_health_is_told_to_everyone_and_why_not_to_none(locked: str, quiet_show: Show) -> None:
    for name in quiet_show.names:
        quiet_show.board.put_connected(name, False)
    answer = ask(locked, "/healthz")
    assert (answer.status, json.loads(answer.read())) == (503, {"ok": False})
    answer = ask(locked, "/healthz", Authorization=f"Bearer {TOKEN}")
    assert json.loads(answer.read())["problems"] == ["no camera is connected"]


def test_the_token_in_the_address_becomes_a_cookie(locked: str) -> None:
    answer = ask(locked, f"/?{urlencode({'token': TOKEN})}")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    words = [word.strip() for word in answer.headers["Set-Cookie"].split(";")]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(words)
    assert TOKEN not in answer.headers["Set-Cookie"]
    cookie = cookie_of(answer)
    for path in ("/", "/state.json", "/metrics", "/page.js"):
        assert ask(locked, path, Cookie=cookie).status == 200
        assert ask(locked, path, Cookie=f"other=a b; broken; {cookie}; x=1").status == 200
        assert ask(locked, path, Cookie=cookie[:-1]).status == 401
        assert ask(locked, path, Cookie=f"{cookie}0").status == 401


def test_the_token_can_be_typed(locked: str) -> None:
    answer = log_in(locked, f" {TOKEN} ")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert ask(locked, "/state.json", Cookie=cookie_of(answer)).status == 200
    refused = log_in(locked, "something else")
    assert refused.status == 401
    said = refused.read().decode()
    assert "That is not the token" in said
    assert "something else" not in said


def test_a_form_of_another_site_is_refused(locked: str) -> None:
    form = urlencode({"token": TOKEN}).encode()
    kind = "application/x-www-form-urlencoded"
    answer = ask(locked, "/token", method="POST", body=form, Content_Type=kind, Origin="https://evil.example")
    assert answer.status == 403


def test_programs_give_the_token_in_a_header(locked: str) -> None:
    for path in ("/metrics", "/state.json"):
        assert ask(locked, path, Authorization=f"Bearer {TOKEN}").status == 200
        assert ask(locked, path, Authorization=f"bearer {TOKEN}").status == 200
    assert ask(locked, "/metrics", Authorization=f"Bearer {TOKEN}x").status == 401
    assert ask(locked, "/metrics", Authorization=f"Basic {TOKEN}").status == 401
    assert ask(locked, f"/metrics?{urlencode({'token': TOKEN})}").status == 401  # it would stand in logs


def test_guesses_are_slow_and_the_token_lets_in_behind_a_proxy_too(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """All come from one address here, as behind a proxy."""
    with show.page(PageSettings(port=0, token=TOKEN)) as page:
        begun = time.monotonic()
        assert ask(page.url, "/state.json", Authorization="Bearer wrong").status == 401
        assert time.monotonic() - begun >= 0.5
        monkeypatch.setattr("vidcls.watch.page.guard.WRONG_SECONDS", 0.0)
        monkeypatch.setattr("vidcls.watch.page.guard.SLOW_SECONDS", 0.4)
        known = cookie_of(log_in(page.url, TOKEN))
        for number in range(MAX_GUESSES - 1):
            assert log_in(page.url, f"guess{number}").status == 401
        for is_right in (False, True, False, True):
            begun = time.monotonic()
            answers = [
                log_in(page.url, TOKEN if is_right else "guess"),
                ask(page.url, "/metrics", Authorization=f"Bearer {TOKEN if is_right else 'guess'}"),
            ]
            assert [answer.status for answer in answers] == ([303, 200] if is_right else [429, 429])
            assert time.monotonic() - begun >= 2 * 0.4  # whether it is right or wrong
        assert int(ask(page.url, "/metrics", Authorization="Bearer guess").headers["Retry-After"]) == GUESS_SECONDS
        monkeypatch.setattr("vidcls.watch.page.guard.SLOW_SECONDS", 60.0)
        assert ask(page.url, "/state.json", Cookie=known).status == 200  # who is known waits for nothing


def test_an_address_may_guess_again_after_a_minute() -> None:
    now = [0.0]
    guesses = Guesses(clock=lambda: now[0])
    for _ in range(MAX_GUESSES):
        assert not guesses.are_too_many("a")
        guesses.add("a")
        now[0] += 1
    assert guesses.are_too_many("a")
    assert not guesses.are_too_many("b")
    now[0] = GUESS_SECONDS + 0.5
    assert not guesses.are_too_many("a")
    for number in range(5000):
        guesses.add(f"address {number}")
    assert len(guesses._wrong) <= 1000


def test_another_token_has_another_cookie() -> None:
    ours, theirs = Token("the-first-token"), Token("the-second-token")
    name, value = ours.new_cookie().partition(";")[0].split("=")
    other_name, other_value = theirs.new_cookie().partition(";")[0].split("=")
    assert name != other_name
    assert value != other_value
    assert Token("the-first-token").is_in_cookies(f"{name}={value}")  # after the program has started anew
    assert not theirs.is_in_cookies(f"{other_name}={value}")


@pytest.mark.parametrize("token", ["", "short", "long enough, with spaces", "tab\tand more", "ünïcödé token"])
def test_a_token_that_cannot_be_used_is_refused_at_once(show: Show, token: str) -> None:
    with pytest.raises(ArgumentError, match=r"the page's token (has \d+ characters|cannot be sent)"):
        show.page(PageSettings(token=token))
