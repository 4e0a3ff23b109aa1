"""Which options a command has follows from what it does, and every example of a help text can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from commands import run
from vidcls.cli import options
from vidcls.cli.main import SECTIONS, main

# They read a contract, and run nothing of a model.
RUN_NO_MODEL = {"info", "preview"}
# Arguments that name videos, whatever a command calls them.
VIDEOS = {"video", "videos", "source", "sources", "data_dir"}
COMMANDS = sorted(main.commands)
# click remembers of a command's first context which options ask for help.
PARENT = click.Context(main, info_name="vidcls", **main.context_settings)


def parameters(command: str) -> dict[str | None, click.Parameter]:
    return {parameter.name: parameter for parameter in main.commands[command].params}


def examples(command: click.Command) -> Iterator[str]:
    with click.Context(command, parent=PARENT) as context:
        _, _, listed = command.get_help(context).partition("\n  Examples:\n")
    for line in listed.splitlines():
        if line.strip():
            yield line.strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_whoever_runs_a_model_says_where_and_with_what(command: str) -> None:
    found = parameters(command)
    if "model" not in found or command in RUN_NO_MODEL:
        return
    assert {"device", "engine"} <= set(found)
    assert isinstance(found["device"].type, options.DeviceName)
    assert found["engine"].type is options.ENGINES


@pytest.mark.parametrize("command", COMMANDS)
def test_whoever_reads_videos_says_what_decodes_them(command: str) -> None:
    found = parameters(command)
    assert ("decoder" in found) == bool(VIDEOS & set(found))
    if "decoder" in found:
        assert found["decoder"].type is options.DECODERS


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_reads_the_same_everywhere(command: str) -> None:
    """What many commands have; a device is for other things in some, and watch has defaults of its own."""
    common = {"decoder": options.decoder, "engine": options.engine, "as_json": options.as_json, "crops": options.crops}
    for name, parameter in parameters(command).items():
        if name in common and command not in ("watch", "doctor"):

            @common[name]
            def expected(**_: Any) -> None: ...

            (option,) = expected.__click_params__  # type: ignore[attr-defined]
            assert (parameter.opts, parameter.help) == (option.opts, option.help)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["cpu", "cuda:0", "cuda:3"])
def test_a_device_is_taken_by_its_name(name: str) -> None:
    context = main.commands["verify"].make_context("verify", ["model.onnx", "--device", name], parent=PARENT)
    assert context.params["device"] == ("cuda" if name == "cuda:0" else name)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CUDA:1"])
def test_a_device_that_is_none_is_refused_by_name(name: str) -> None:
    with pytest.raises(click.BadParameter, match=f"^'{name}', expected one of 'auto', 'cpu', 'cuda', or"):
        main.commands["verify"].make_context("verify", ["model.onnx", "--device", name], parent=PARENT)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_ends_with_examples_that_can_be_typed(command: str) -> None:
    lines = list(examples(main.commands[command]))
    assert lines
    for line in lines:
        assert len(line) <= 76  # click's help is 80 wide
        program, name, *arguments = shlex.split(line.partition(" > ")[0])
        assert (program, name) == ("vidcls", command)
        main.commands[command].make_context(name, arguments, parent=PARENT)


def test_wherever_one_name_is_enough_it_is_the_same_one() -> None:
    """MODEL is the exported file; VIDEO is a video, SOURCE may be a camera too, DATA has labels."""
    for command in COMMANDS:
        usage = main.commands[command].collect_usage_pieces(click.Context(main.commands[command], parent=PARENT))
        for piece in usage:
            assert re.fullmatch(r"\[OPTIONS\]|\[?(MODEL|VIDEO|SOURCE|DATA|OTHERS)\]?(\.\.\.)?", piece), (command, piece)


def test_the_menu_has_every_command_in_a_section_and_cuts_none_short() -> None:
    assert {name for section in SECTIONS.values() for name in section} >= set(COMMANDS)
    lines = main.get_help(PARENT).splitlines()
    for command in COMMANDS:
        (line,) = [line for line in lines if line.split()[:1] == [command]]
        assert line.endswith(".")
        assert not line.endswith("...")
        assert len(line) < 80


@pytest.mark.parametrize("command", ["predict", "evaluate", "timeline", "verify"])
def test_device_and_engine_reach_the_model(command: str, model: Path, clip: Path) -> None:
    source = {"evaluate": [clip.parent], "verify": []}.get(command, [clip])
    options = ["--device", "cuda:1", "--engine", "openvino"]
    error = run(command, model, *source, *options, code=1).stderr
    assert error.startswith("Error: device 'cuda:1' was asked for, but engine 'openvino' is for CPUs")
