"""Commands of `vidcls`, run in this process and in one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from vidcls.cli.main import main


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def run_process(
    *arguments: str | Path, folder: Path | None = None, encoding: str = "utf-8"
) -> subprocess.CompletedProcess[str]:
    command = [os.fspath(part) for part in (Path(sys.executable).with_name("vidcls"), *arguments)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(command, capture_output=True, encoding=encoding, check=False, cwd=folder, env=environment)


def json_lines(text: str) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]
