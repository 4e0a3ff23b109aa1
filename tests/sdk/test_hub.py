"""Whether a model is there, with a hub that answers, one that does not, and none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from loopback import serving
from vidcls.errors import ModelError

pytest.importorskip("huggingface_hub", reason="comes with what trains and exports")

from vidcls.huggingface.hub import check_on_hub, fetched, read_card

BASE = "owner/model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORDS = {"expected": "a folder, or a model on the hub", "instead": "give --base FOLDER, or take --preset tiny"}

# What is promised, busy machines included; without it the hub's library would go on for minutes.
PATIENCE_SECONDS = 5.0


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


def hub(answer: Callable[[BaseHTTPRequestHandler], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def status(code: int) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.end_headers()

    return answer


def ask(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub's library look for the hub here."""
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE", template)


def cached(tmp_path: Path) -> Path:
    """A snapshot of BASE, as the hub's library leaves it in its cache."""
    snapshot = tmp_path / "hub" / "models--owner--model" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}", encoding="utf-8")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123", encoding="utf-8")
    return snapshot


def refusal(monkeypatch: pytest.MonkeyPatch, address: str) -> str:
    """What is said of BASE with the hub at this address, soon enough."""
    ask(address, monkeypatch)
    started = time.monotonic()
    with pytest.raises(ModelError) as error:
        check_on_hub(BASE, **WORDS)
    assert time.monotonic() - started < PATIENCE_SECONDS
    return str(error.value)


def says_how_to_fetch_it(told: str) -> bool:
    return (
        f"'hf download {BASE} --local-dir FOLDER' where there is a network" in told
        and "give --base FOLDER" in told
        and "--preset tiny" in told
    )


def test_without_a_network_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, "http://nowhere.invalid")
    assert "there is no network" in told
    assert says_how_to_fetch_it(told)
    assert "\n" not in told


def test_a_hub_that_refuses_or_breaks_is_no_network_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(hub(status(200))) as address:
        pass
    told = refusal(monkeypatch, address)
    assert "cannot be fetched (the hub refuses the connection); run" in told
    assert says_how_to_fetch_it(told)


def test_a_hub_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.5")
    with serving(hub(lambda _: time.sleep(3))) as address:
        told = refusal(monkeypatch, address)
    assert says_how_to_fetch_it(told)


def test_offline_the_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    asked: list[str] = []
    with serving(hub(lambda request: asked.append(request.path))) as address:
        assert says_how_to_fetch_it(refusal(monkeypatch, address))
    assert asked == []


@pytest.mark.parametrize("code", [401, 404])
def test_a_name_that_the_hub_does_not_know_is_said(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(hub(status(code))) as address:
        told = refusal(monkeypatch, address)
    assert f"no model of that name that you may read (it answers {code})" in told


def test_what_the_hub_has_and_what_was_fetched_before_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(hub(status(200))) as address:
        ask(address, monkeypatch)
        check_on_hub(BASE, **WORDS)
    cached(tmp_path)
    check_on_hub(BASE, **WORDS)


def test_what_was_fetched_before_is_taken_where_the_hub_is_silent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.5")
    snapshot = cached(tmp_path)
    with serving(hub(lambda _: time.sleep(3))) as address:
        ask(address, monkeypatch)
        started = time.monotonic()
        assert fetched(BASE, **WORDS) == snapshot
    assert time.monotonic() - started < PATIENCE_SECONDS


def hub_with(*files: str) -> type[BaseHTTPRequestHandler]:
    """A hub whose one model has files of these names, each an empty object."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(b"{}", with_content=self.command == "GET")

        def do_GET(self) -> None:
            if self.path.startswith("/api/"):
                listed = {"id": BASE, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
                self._answer(json.dumps(listed).encode(), with_content=True)
            else:
                self.do_HEAD()

        def _answer(self, content: bytes, *, with_content: bool) -> None:
            self.send_response(200)
            for name, value in {"ETag": '"1"', "X-Repo-Commit": COMMIT, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_content:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            ("config.json", "pytorch_model.bin", "training_args.bin"),
            "owner/model: its weights are in pytorch_model.bin, a pickle, which can run any code when it is opened; if "
            'you trust it, convert it: python -c "from transformers import AutoModelForVideoClassification as M; '
            "M.from_pretrained('owner/model').save_pretrained('model-safetensors')\", "
            "and name model-safetensors instead",
        ),
        (("config.json",), "owner/model: the hub has no model.safetensors of it; name a model that has one"),
    ],
)
def test_what_the_hub_has_in_place_of_safetensors_is_said(
    files: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(hub_with(*files)) as address:
        ask(address, monkeypatch)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        with pytest.raises(ModelError) as error:
            fetched(BASE, **WORDS)
    assert str(error.value) == told


def test_what_the_hub_has_in_safetensors_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(hub_with("config.json", "model.safetensors", "pytorch_model.bin")) as address:
        ask(address, monkeypatch)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        folder = fetched(BASE, **WORDS)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["bases/mine/best", "./best", "C:\\best", "model.onnx", "a b"])
def test_what_can_be_no_name_on_the_hub_is_not_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with serving(hub(lambda request: asked.append(request.path))) as address:
        ask(address, monkeypatch)
        with pytest.raises(ModelError, match=r"there is no such folder.*; name a folder, or a model on the hub"):
            check_on_hub(name, **WORDS)
    assert asked == []


@pytest.mark.parametrize("take", [check_on_hub, fetched])
def test_a_base_of_ours_is_not_sought_on_the_hub_under_whose_name_it_may_be(
    take: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with serving(hub(lambda request: asked.append(request.path))) as address:
        ask(address, monkeypatch)
        told = (
            r"^vidcls/tiny: is no trained model; .* which 'vidcls-train --base' takes alone; name a folder, or a model"
        )
        with pytest.raises(ModelError, match=told):
            take("vidcls/tiny", **WORDS)
    assert asked == []


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("---\nlicense: mit\nbase_model: owner/base\n---\n# Model\n", ("owner/base", "mit")),
        ("---\nlicense: [mit]\nbase_model: [a, b]\n---\n", (None, None)),
        ("# Model\n", (None, None)),
        ("---\n: [\n---\n", (None, None)),
    ],
)
def test_a_card_says_base_and_licence(card: str, expected: tuple[str | None, str | None], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert read_card(tmp_path / "README.md") == expected
    assert read_card(tmp_path / "gone.md") == (None, None)
