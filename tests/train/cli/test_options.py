"""Options made of settings: names, earlier names, ranges; and what help costs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from vidcls_train.cli import finetune
from vidcls_train.cli.finetune import main
from vidcls_train.cli.options import setting, visible_cards
from vidcls_train.config.settings import TrainConfig


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """The settings that vidcls-train makes of arguments."""
    made: list[dict[str, Any]] = []
    settings = finetune._settings

    class StopError(Exception):
        pass

    def stop(**named: Any) -> None:
        made.append(settings(**named))
        raise StopError

    monkeypatch.setattr(finetune, "_settings", stop)

    def run(*arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(main, ["clips", "-o", "out", *arguments])
        assert isinstance(result.exception, StopError), result.output
        return made[-1]

    return run


def test_options_keep_their_earlier_names(chosen: Callable[..., dict[str, Any]]) -> None:
    old = chosen("--preset", "tiny", "--accumulate", "2", "--colour-jitter", "0")
    new = chosen("--preset", "tiny", "--gradient-accumulation-steps", "2", "--color-jitter", "0")
    assert old == new
    assert (new["gradient_accumulation_steps"], new["color_jitter"]) == (2, 0)


def test_options_go_before_the_settings_file(chosen: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text('{"base": "somewhere", "mixup": 0, "epochs": 9, "averaging": 0.1}', encoding="utf-8")
    made = chosen("--settings", str(file), "--preset", "tiny", "--epochs", "4")
    assert made == {"data": "clips", "output": Path("out"), "preset": "tiny", "mixup": 0, "epochs": 4, "ema": 0.1}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("epochs", "1", 0),
        ("epochs", "0", 2),
        ("learning_rate", "0", 2),
        ("learning_rate", "1e-9", 0),
        ("val_fraction", "0.34", 2),
        ("resize", "stretch", 0),
        ("resize", "squash", 2),
        ("base", "anything", 0),
    ],
)
def test_an_options_type_and_range_are_the_settings(name: str, value: str, code: int) -> None:
    command = click.command()(setting(TrainConfig, name, what="")(lambda **_: None))
    result = CliRunner().invoke(command, [f"--{name.replace('_', '-')}", value])
    assert result.exit_code == code, result.output


@pytest.mark.parametrize("command", ["finetune", "pretrain"])
def test_help_loads_no_torch(command: str) -> None:
    code = (
        f"import sys; from vidcls_train.cli.{command} import main; main(['--help'], standalone_mode=False); "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--gradient-accumulation-steps" in done.stdout
    assert "--processes" not in done.stdout


@pytest.mark.parametrize(
    ("device", "visible", "expected"),
    [
        ("cuda:1", None, "1"),
        ("cuda:1", "2,3", "3"),
        ("cuda:1", " GPU-a , GPU-b", "GPU-b"),
        ("cuda", "2,3", "2,3"),
        ("cuda", None, None),
        ("cpu", "0", "0"),
    ],
)
def test_one_card_of_several_is_the_only_one_that_pytorch_finds(
    device: str, visible: str | None, expected: str | None
) -> None:
    assert visible_cards(device, visible) == expected


def test_a_card_that_is_hidden_cannot_be_taken() -> None:
    with pytest.raises(
        ValueError, match="--device cuda:1 was asked for, but CUDA_VISIBLE_DEVICES is '3', which shows 1"
    ):
        visible_cards("cuda:1", "3")


def test_which_card_it_was_is_no_setting(
    chosen: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert chosen("--device", "cuda:1")["device"] == "cuda"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = CliRunner().invoke(main, ["clips", "-o", "out", "--device", "cuda:1"])
    assert result.exit_code == 2
    assert "cuda:1 is for one process" in result.stderr
