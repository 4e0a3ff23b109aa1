"""What the environment says of the processes of a run: all that they need, or one process, or a sentence."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from vidcls.errors import ArgumentError
from vidcls_train.cli.finetune import main as train
from vidcls_train.cli.pretrain import main as pretrain
from vidcls_train.config.processes import check_processes, process_count, process_rank

MEETING = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
WHOLE = {"RANK": "1", "LOCAL_RANK": "0", "WORLD_SIZE": "2", **MEETING}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*WHOLE, "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def told(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        MEETING,
        {"RANK": "0"},
        {"WORLD_SIZE": "1"},
        {"RANK": "0", "WORLD_SIZE": "1", **MEETING},  # as Kubeflow tells a job of one
        {"LOCAL_RANK": "-1"},
        {"PMI_SIZE": "1"},
    ],
)
def test_one_process_needs_nothing(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, **variables)
    check_processes()
    assert (process_count(), process_rank()) == (1, 0)


def test_one_of_several_is_told_all(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, **WHOLE, PMI_SIZE="2")
    check_processes()
    assert (process_count(), process_rank()) == (2, 1)


WRONG = [
    (
        {"RANK": "3"},
        "RANK is set in the environment, but not LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT: ",
    ),
    ({"WORLD_SIZE": "2"}, "WORLD_SIZE is set in the environment, but not RANK, LOCAL_RANK, MASTER_ADDR and "),
    ({"LOCAL_RANK": "0"}, "LOCAL_RANK is set in the environment, but not RANK, WORLD_SIZE, MASTER_ADDR and "),
    (
        {"LOCAL_RANK": "0", "RANK": "0", "WORLD_SIZE": "1"},
        "RANK, LOCAL_RANK and WORLD_SIZE are set in the environment, but not MASTER_ADDR and MASTER_PORT: ",
    ),
    ({**WHOLE, "RANK": "2"}, "RANK is 2, but WORLD_SIZE is 2, and processes are numbered from 0 on; "),
    ({**WHOLE, "RANK": "first"}, "RANK is 'first' in the environment, expected a whole number from 0 on"),
    ({"RANK": ""}, "RANK is '' in the environment, expected a whole number from 0 on"),
    ({**WHOLE, "WORLD_SIZE": "0"}, "WORLD_SIZE is '0' in the environment, expected a whole number from 1 on"),
    ({**WHOLE, "LOCAL_RANK": "-2"}, "LOCAL_RANK is '-2' in the environment, expected a whole number from 0 on"),
    ({**WHOLE, "MASTER_PORT": "http"}, "MASTER_PORT is 'http' in the environment, expected a whole number from 1 on"),
    ({"OMPI_COMM_WORLD_SIZE": "4"}, "OMPI_COMM_WORLD_SIZE is 4, but MPI does not tell processes how to meet; "),
]


@pytest.mark.parametrize(("variables", "problem"), WRONG)
def test_a_part_of_it_is_refused_in_one_sentence(
    variables: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(monkeypatch, **variables)
    with pytest.raises(ArgumentError) as error:
        check_processes()
    assert problem in str(error.value)
    assert "to train in one process" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("command", [train, pretrain])
@pytest.mark.parametrize(
    ("variables", "options"),
    [({"RANK": "3"}, []), ({"LOCAL_RANK": "0"}, []), ({"WORLD_SIZE": "two"}, ["--device", "cuda:0"])],
)
def test_the_commands_say_it_before_they_do_anything(
    command: click.Command,
    variables: dict[str, str],
    options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told(monkeypatch, CUDA_VISIBLE_DEVICES="", **variables)
    arguments = [str(tmp_path / "nowhere"), "-o", str(tmp_path / "out"), "--preset", "tiny", *options]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert "in the environment" in line
    assert not (tmp_path / "out").exists()
