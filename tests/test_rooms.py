"""The rooms of CONTRIBUTING.md are those of the code: imports go down, never back up, and never in a circle."""

from __future__ import annotations

import ast
import functools
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "vidcls": Path("sdk/vidcls"),
    "vidcls_train": Path("train/vidcls_train"),
    "vidcls_export": Path("export/vidcls_export"),
}
EVERY_ROOM = "every room above"
# The rooms that another package than their own may import: what our models compute, which exporting opens and traces.
MODEL_ROOMS = {"vidcls_train.hybrid", "vidcls_train.moving"}
# Packages that not every installation of the SDK has: whoever else needs one goes through that module.
OPTIONAL = (
    "onnxruntime",
    "openvino",
    "av",
    "ray",
    "pyarrow",
    "fsspec",
    "starlette",
    "uvicorn",
    "prometheus_client",
    "paho",
    "huggingface_hub",
    "tomli",
    "tomllib",
)


def allowed_imports(table: str) -> dict[str, set[str]]:
    """{room: the rooms it may import} of one package's table, in its order."""
    allowed: dict[str, set[str]] = {}
    for name, may_import in re.findall(r"^\| `(\w+)` \| [^|]+ \|([^|]*)\|$", table, flags=re.MULTILINE):
        listed = set(re.findall(r"`([\w.]+)`", may_import))
        allowed[name] = set(allowed) if EVERY_ROOM in may_import else listed
    return allowed


def rooms_of(contributing: str) -> dict[str, dict[str, set[str]]]:
    """{package: its table}."""
    sections = re.split(r"^### ", contributing, flags=re.MULTILINE)
    return {
        package: allowed_imports(next(section for section in sections if section.startswith(f"{folder}\n")))
        for package, folder in PACKAGES.items()
    }


@functools.cache
def nodes(text: str) -> tuple[ast.AST, ...]:
    """Of a module's syntax tree. Kept, as nearly every test here goes through all modules, copies of them too."""
    return tuple(ast.walk(ast.parse(text)))


def modules(root: Path) -> dict[str, Path]:
    """{dotted name: file} of every module of the three packages."""
    found = {}
    for folder in PACKAGES.values():
        for path in (root / folder).rglob("*.py"):
            parts = path.relative_to((root / folder).parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of ours that a file imports, anywhere in it."""
    for node in nodes(path.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; name the package in full"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in known or node.module in known:
                    yield full if full in known else str(node.module)


def arrows(root: Path) -> dict[str, set[str]]:
    """{module: the modules it imports}."""
    known = modules(root)
    return {name: set(imported(path, known)) - {name} for name, path in known.items()}


def room_of(module: str) -> tuple[str, str]:
    """(package, room): a folder, a module beside the folders, or the package's own __init__."""
    package, _, rest = module.partition(".")
    return package, rest.partition(".")[0] or package


def forbidden(root: Path, rooms: dict[str, dict[str, set[str]]]) -> list[str]:
    """Imports that the tables do not allow."""
    found = []
    for module, targets in sorted(arrows(root).items()):
        package, room = room_of(module)
        for target in sorted(targets):
            other_package, other_room = room_of(target)
            if other_package == package:
                fits = other_room == room or other_room in rooms[package][room]
            else:
                is_sdk = other_package == "vidcls" and (other_room != "cli" or room == "cli")
                fits = is_sdk or f"{other_package}.{other_room}" in rooms[package][room]
            if not fits:
                found.append(f"{module} imports {target}, which the room '{room}' may not")
    return found


def circle(root: Path) -> list[str] | None:
    """Modules that import each other in a circle, if there are any."""
    try:
        TopologicalSorter(arrows(root)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


@pytest.fixture(scope="module")
def rooms() -> dict[str, dict[str, set[str]]]:
    return rooms_of((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The three packages, to be spoiled."""
    for folder in PACKAGES.values():
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "samples"))
    return tmp_path


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_has_a_line_and_every_line_a_room(package: str, rooms: dict[str, dict[str, set[str]]]) -> None:
    found = {room for name in modules(ROOT) for owner, room in [room_of(name)] if owner == package}
    assert found - {package} == set(rooms[package]) - {package}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_line_allows_an_arrow_back_up(package: str, rooms: dict[str, dict[str, set[str]]]) -> None:
    above: set[str] = set(MODEL_ROOMS) if package == "vidcls_export" else set()
    for room, allowed in rooms[package].items():
        assert allowed <= above, f"{room} is said to import {sorted(allowed - above)}, which stand below it"
        above.add(room)


def test_imports_are_those_that_the_tables_allow(rooms: dict[str, dict[str, set[str]]]) -> None:
    assert forbidden(ROOT, rooms) == []


def test_the_tables_allow_nothing_that_is_not_used(rooms: dict[str, dict[str, set[str]]]) -> None:
    used: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for module, targets in arrows(ROOT).items():
        package, _ = owner = room_of(module)
        for other, room in map(room_of, targets):
            used[owner].add(room if other == package else f"{other}.{room}")
    for package, table in rooms.items():
        for room, allowed in table.items():
            if room != "cli":
                assert allowed <= used[package, room], f"{package}: {room} need not import all of {sorted(allowed)}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(ROOT) is None


def test_a_planted_arrow_back_up_is_found(copy: Path, rooms: dict[str, dict[str, set[str]]]) -> None:
    path = copy / "sdk/vidcls/video/reader.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n\ndef late() -> None:\n    import vidcls.classifier\n")
    assert forbidden(copy, rooms) == ["vidcls.video.reader imports vidcls.classifier, which the room 'video' may not"]


@pytest.mark.parametrize("package", ["vidcls_train", "vidcls_export"])
def test_a_planted_arrow_sideways_is_found(package: str, copy: Path, rooms: dict[str, dict[str, set[str]]]) -> None:
    other = {"vidcls_train": "vidcls_export", "vidcls_export": "vidcls_train"}[package]
    (copy / PACKAGES[package] / "cli").mkdir(exist_ok=True)
    (copy / PACKAGES[package] / "cli" / "planted.py").write_text(f"from {other} import cli\n")
    assert any(f"{package}.cli.planted imports {other}.cli" in found for found in forbidden(copy, rooms))


def test_a_planted_circle_inside_a_room_is_found(copy: Path, rooms: dict[str, dict[str, set[str]]]) -> None:
    path = copy / "sdk/vidcls/video/frame_index.py"
    line = "if TYPE_CHECKING:\n    from vidcls.video.frames import scan\n"
    path.write_text(path.read_text(encoding="utf-8") + line)
    assert forbidden(copy, rooms) == []
    assert {"vidcls.video.frame_index", "vidcls.video.frames"} <= set(circle(copy) or [])  # there may be a way round


def packages_used(path: Path) -> set[str]:
    """Top-level packages that a file imports."""
    found = set()
    for node in nodes(path.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("package", OPTIONAL)
def test_an_optional_package_is_imported_in_one_module_of_the_sdk(package: str) -> None:
    users = [path.name for path in (ROOT / PACKAGES["vidcls"]).rglob("*.py") if package in packages_used(path)]
    assert len(users) == 1, users


def test_click_and_printing_are_in_the_cli_rooms_alone() -> None:
    for module, path in modules(ROOT).items():
        if room_of(module)[1] == "cli":
            continue
        assert "click" not in packages_used(path), module
        calls = [node for node in nodes(path.read_text(encoding="utf-8")) if isinstance(node, ast.Call)]
        assert not any(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls), module
        assert "sys.stdout" not in path.read_text(encoding="utf-8"), module


def test_one_module_opens_videos_one_cameras_and_one_the_pictures_of_cameras() -> None:
    users = [path.name for path in modules(ROOT).values() if "VideoCapture" in path.read_text(encoding="utf-8")]
    assert sorted(users) == ["camera_frames.py", "motion_jpeg.py", "opencv.py"]


def test_what_is_read_in_one_go_is_short_enough_to_be() -> None:
    """At most 16 modules beside the folders of a package, 300 lines a module and 50 a function."""
    for folder in PACKAGES.values():
        assert len(list((ROOT / folder).glob("*.py"))) <= 16, folder
    for name, path in modules(ROOT).items():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 300, name
        for node in nodes(text):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 50, f"{name}.{node.name}"


def test_no_parameter_is_a_flag_with_a_default() -> None:
    for name, path in modules(ROOT).items():
        for node in nodes(path.read_text(encoding="utf-8")):
            if isinstance(node, ast.FunctionDef):
                defaults = [*node.args.defaults, *node.args.kw_defaults]
                flags = [value for value in defaults if isinstance(value, ast.Constant) and type(value.value) is bool]
                assert not flags, f"{name}.{node.name}"
