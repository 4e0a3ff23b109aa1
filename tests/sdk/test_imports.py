"""What `import vidcls` loads, and which way imports point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vidcls
import vidcls.cli

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {"vidcls": ROOT / "sdk/vidcls", "vidcls_train": ROOT / "train/vidcls_train"}
PACKAGES["vidcls_export"] = ROOT / "export/vidcls_export"

HEAVY = ["torch", "torchvision", "transformers", "onnx", "pytorchvideo", "sklearn", "scipy", "matplotlib", "av", "ray"]


def loaded_modules(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n' + ' '.join(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())


def imported_packages(path: Path) -> set[str]:
    """Top-level packages that a module imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; packages are named in full here"
            found.add((node.module or "").partition(".")[0])
    return found


def test_importing_vidcls_loads_nothing_heavy_and_no_runtime() -> None:
    assert loaded_modules("import vidcls").isdisjoint([*HEAVY, "onnxruntime"])


def test_the_blocked_names_are_names_of_modules() -> None:
    assert "onnxruntime" in loaded_modules("import onnxruntime")


@pytest.mark.parametrize("command", [[], *([name] for name in sorted(vidcls.cli.main.commands))], ids=" ".join)
def test_help_loads_nothing_heavy_and_no_runtime(command: list[str]) -> None:
    code = f"from vidcls.cli import main\ntry:\n    main({[*command, '--help']})\nexcept SystemExit as end:\n"
    assert loaded_modules(f"{code}    assert end.code == 0").isdisjoint([*HEAVY, "onnxruntime"])


def test_predicting_loads_nothing_heavy(model: Path, clip: Path) -> None:
    code = f"import vidcls\nvidcls.VideoClassifier({str(model)!r}).predict({str(clip)!r})"
    assert loaded_modules(code).isdisjoint(HEAVY)


def test_the_public_names_are_exactly_these() -> None:
    assert vidcls.__all__ == [
        "DependencyError",
        "DeviceError",
        "ModelContract",
        "ModelError",
        "Prediction",
        "Verification",
        "VidclsError",
        "VideoClassifier",
        "VideoError",
    ]
    assert vidcls.__all__ == sorted(vidcls.__all__)
    assert all(hasattr(vidcls, name) for name in vidcls.__all__)


def test_errors_form_the_tree_that_is_drawn() -> None:
    for kind in (vidcls.ModelError, vidcls.VideoError, vidcls.DeviceError, vidcls.DependencyError):
        assert issubclass(kind, vidcls.VidclsError)
    assert issubclass(vidcls.DependencyError, ImportError)
    assert not issubclass(vidcls.VidclsError, ValueError)


@pytest.mark.parametrize(
    ("package", "never"),
    [
        ("vidcls", {"vidcls_train", "vidcls_export"}),
        ("vidcls_train", {"vidcls_export"}),
        ("vidcls_export", {"vidcls_train"}),
    ],
)
def test_imports_point_one_way(package: str, never: set[str]) -> None:
    modules = list(PACKAGES[package].rglob("*.py"))
    assert modules
    for module in modules:
        assert imported_packages(module).isdisjoint(never), module


@pytest.mark.parametrize(("package", "module"), [("onnxruntime", "session.py")])
def test_one_module_of_the_sdk_touches_the_runtime(package: str, module: str) -> None:
    users = [path.name for path in PACKAGES["vidcls"].rglob("*.py") if package in imported_packages(path)]
    assert users == [module]


def test_one_module_opens_videos() -> None:
    users = [
        path.name for folder in PACKAGES.values() for path in folder.rglob("*.py") if "VideoCapture" in path.read_text()
    ]
    assert users == ["decoding.py"]


@pytest.mark.parametrize("problem", ["No module named 'cv2'", "libGL.so.1: cannot open shared object file"])
def test_without_opencv_both_its_packages_are_named(problem: str, tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text(f"raise ImportError({problem!r})", encoding="utf-8")
    code = "try:\n    import vidcls\nexcept ImportError as error:\n    print(type(error).__name__, error)"
    program = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{code}"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for part in ("DependencyError", problem, "pip install opencv-python'", "pip install opencv-python-headless'"):
        assert part in result.stdout
