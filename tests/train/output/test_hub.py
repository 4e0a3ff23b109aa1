"""What a push takes along: all that transformers needs to open the model, of every family."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from loopback import serving
from vidcls_train.model.families import FAMILIES
from vidcls_train.model.image_processor import image_processor
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD, image_section
from vidcls_train.output.hub import _PUSHED

PUSH = """
import sys
from pathlib import Path
from vidcls_train.output.hub import check_push, push
check_push("me/model")
push(Path(sys.argv[1]), "me/model")
"""


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_preprocessing_of_every_family_is_pushed(kind: str, tmp_path: Path) -> None:
    image = image_section(size=64, resize="shortest_edge", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    image_processor(image, kind).save_pretrained(tmp_path)
    written = {file.name for file in tmp_path.iterdir()}
    assert written
    assert written <= set(_PUSHED)


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as a push asks; what it was sent, by address."""

    sent: dict[str, bytes]
    refuses = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.sent[self.path] = body
        page = f"http://{self.headers['Host']}/me/model"
        answer: dict[str, Any] = {"url": page, "commitUrl": f"{page}/commit/1", "commitOid": "1"}
        if "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            answer = {
                "files": [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked]
            }
        content = json.dumps(answer).encode()
        self.send_response(503 if self.refuses and self.refuses in self.path else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def pushed(
    folder: Path, *, refuses: str = ""
) -> tuple[subprocess.CompletedProcess[str], dict[str, bytes], dict[str, Any]]:
    """(the process, the files that arrived, what the repository was made with)."""
    sent: dict[str, bytes] = {}
    with serving(type("This", (Hub,), {"sent": sent, "refuses": refuses})) as url:
        environment = {**os.environ, "HF_ENDPOINT": url.rstrip("/"), "HF_TOKEN": "x", "HF_HUB_OFFLINE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", PUSH, str(folder)], env=environment, capture_output=True, text=True, check=False
        )
    lines = [json.loads(line) for line in sent.get("/api/models/me/model/commit/main", b"").splitlines()]
    files = {line["value"]["path"]: line["value"]["content"] for line in lines if line["key"] == "file"}
    made = json.loads(sent["/api/repos/create"])
    return done, {name: base64.b64decode(content) for name, content in files.items()}, made


def test_a_push_tells_nothing_of_this_machine(tmp_path: Path) -> None:
    names = ["README.md", "config.json", "vidcls.json", "settings.json", "predictions.csv", "report.html"]
    for name in names:
        (tmp_path / name).write_text(name)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "clip.mp4").write_bytes(b"clip")
    clip = "/home/kim/patients/lee/fall3.mp4"
    metrics = {
        "test": {"top1": 0.9},
        "unreadable": [{"video": clip, "message": f"{clip}: is cut off"}],
        "data": {"counts": {"train": 3}, "copies": {"test": [clip]}, "findings": [{"what": f"{clip} twice"}]},
        "decision": {"negatives": {"videos": 2, "unreadable": [{"video": clip}]}},
    }
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    done, files, made = pushed(tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(files) == ["README.md", "config.json", "metrics.json", "vidcls.json"]
    assert files["config.json"] == b"config.json"
    assert json.loads(files["metrics.json"]) == {
        "test": {"top1": 0.9},
        "data": {"counts": {"train": 3}},
        "decision": {"negatives": {"videos": 2}},
    }
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    assert made["private"] is True


def test_a_push_that_fails_says_what_pushes_again(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    done, _, _ = pushed(tmp_path, refuses="/commit/")
    assert done.stderr.splitlines()[-1].startswith("vidcls_train.output.hub.HubError: ")
    assert "failed (" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("the same command with --resume pushes it again, and trains nothing")
