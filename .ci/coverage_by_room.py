"""Print how much of each room the tests ran, of the data that `make coverage` has just left: .coverage."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parent.parent


def room(path: Path) -> str:
    """Folder of a module: sdk/vidcls/video for sdk/vidcls/video/reader.py."""
    return path.relative_to(ROOT).parent.as_posix()


def main() -> None:
    coverage = Coverage()
    coverage.load()
    lines: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for name in coverage.get_data().measured_files():
        _, statements, _, missing, _ = coverage.analysis2(name)
        for row in (room(Path(name)), "all"):
            lines[row] += len(statements)
            missed[row] += len(missing)
    print(f"{'room':32} {'lines':>6} {'missed':>6} {'run':>5}")
    for row in sorted(lines, key=lambda row: (row == "all", row)):
        if lines[row]:
            print(f"{row:32} {lines[row]:6} {missed[row]:6} {1 - missed[row] / lines[row]:5.0%}")


if __name__ == "__main__":
    main()
