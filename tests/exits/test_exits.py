"""However a program is left early, it ends with its own exit code, soon, and leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exits.files import made_files
from exits.harness import Way, run
from exits.ways import WAYS
from slow import IS_SLOW

CHOSEN = [way for way in WAYS if IS_SLOW or way.is_quick]
REPETITIONS = 20 if IS_SLOW else 1
# Of repeated runs, by how many seconds later than the first the last one's signal comes.
SPREAD_SECONDS = 0.5

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is left is found in Linux's /proc"),
]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with made_files(tmp_path_factory.mktemp("exits"), CHOSEN) as made:
        yield made


@pytest.mark.parametrize("repetition", range(REPETITIONS))
@pytest.mark.parametrize("way", CHOSEN, ids=lambda way: way.name)
def test_a_program_that_is_left_early_ends_with_its_own_code_and_leaves_nothing(
    way: Way, repetition: int, files: dict[str, str], tmp_path: Path
) -> None:
    outcome = run(way, files, tmp_path, spread=SPREAD_SECONDS * repetition / REPETITIONS)
    assert not outcome.problems, f"{'; '.join(outcome.problems)}\n{outcome.stderr}"
