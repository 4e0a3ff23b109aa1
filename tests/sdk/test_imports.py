"""What `import vidcls` and the commands load."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import vidcls
import vidcls.cli.main

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {"vidcls": ROOT / "sdk/vidcls", "vidcls_train": ROOT / "train/vidcls_train"}
PACKAGES["vidcls_export"] = ROOT / "export/vidcls_export"

HEAVY = ["torch", "torchvision", "transformers", "onnx", "pytorchvideo", "sklearn", "scipy", "matplotlib", "ray"]
DECODER = "av"
RUNTIMES = ["onnxruntime", "openvino"]
NEEDED = ["numpy", "cv2"]


def loaded_modules(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n' + ' '.join(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())


def test_importing_vidcls_loads_nothing_but_itself() -> None:
    assert loaded_modules("import vidcls").isdisjoint([*HEAVY, DECODER, *NEEDED, *RUNTIMES])


def test_using_every_public_name_loads_nothing_heavy_and_no_runtime() -> None:
    loaded = loaded_modules("from vidcls import *\nVideoClassifier, ModelError")
    assert loaded.isdisjoint([*HEAVY, DECODER, *RUNTIMES])
    assert loaded.issuperset(NEEDED)


def test_the_blocked_names_are_names_of_modules() -> None:
    assert "onnxruntime" in loaded_modules("import onnxruntime")


def test_help_loads_nothing_but_the_command_line() -> None:
    """One command after the other in one process: the first that loads more is named."""
    commands = [[], *([name] for name in sorted(vidcls.cli.main.main.commands))]
    unwanted = [*HEAVY, DECODER, *NEEDED, *RUNTIMES]
    program = (
        "import sys\nfrom vidcls.cli.main import main\n"
        f"for command in {commands}:\n"
        "    try:\n        main([*command, '--help'])\n"
        "    except SystemExit as end:\n        assert end.code == 0, command\n"
        f"    loaded = sys.modules.keys() & set({unwanted})\n"
        "    assert not loaded, (command, loaded)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("Usage: ") == len(commands)


@pytest.mark.parametrize("module", ["vidcls_train.cli.finetune", "vidcls_train.cli.pretrain", "vidcls_export.cli"])
def test_help_of_training_and_export_loads_no_more(module: str) -> None:
    code = f"from {module} import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert loaded_modules(code).isdisjoint([*HEAVY, DECODER, *NEEDED, *RUNTIMES, "PIL", "huggingface_hub"])


def test_predicting_loads_nothing_heavy(model: Path, clip: Path) -> None:
    code = f"import vidcls\nvidcls.VideoClassifier({str(model)!r}).predict({str(clip)!r})"
    assert loaded_modules(code).isdisjoint([*HEAVY, "openvino"])


def test_the_public_names_are_exactly_these() -> None:
    assert vidcls.__all__ == [
        "DependencyError",
        "DeviceError",
        "Event",
        "Explanation",
        "ModelContract",
        "ModelError",
        "Prediction",
        "Record",
        "Segment",
        "Verification",
        "VidclsError",
        "VideoClassifier",
        "VideoError",
        "draw",
        "preview",
        "steady_events",
        "to_csv",
        "to_rows",
    ]
    assert vidcls.__all__ == sorted(vidcls.__all__)
    assert all(hasattr(vidcls, name) for name in vidcls.__all__)


def test_the_package_is_a_module_like_any_other() -> None:
    with pytest.raises(AttributeError, match="module 'vidcls' has no attribute 'VideoClasifier'"):
        _ = vidcls.VideoClasifier  # type: ignore[attr-defined]
    assert set(vidcls.__all__) <= set(dir(vidcls))
    assert "__version__" in dir(vidcls)
    for name in vidcls.__all__:
        assert pickle.loads(pickle.dumps(getattr(vidcls, name))) is getattr(vidcls, name)  # noqa: S301


def test_errors_form_the_tree_that_is_drawn() -> None:
    for kind in (vidcls.ModelError, vidcls.VideoError, vidcls.DeviceError, vidcls.DependencyError):
        assert issubclass(kind, vidcls.VidclsError)
    assert issubclass(vidcls.DependencyError, ImportError)
    assert not issubclass(vidcls.VidclsError, ValueError)


@pytest.mark.parametrize("problem", ["No module named 'cv2'", "libGL.so.1: cannot open shared object file"])
def test_without_opencv_both_its_packages_are_named(problem: str, tmp_path: Path) -> None:
    code = "try:\n    from vidcls import VideoClassifier\nexcept ImportError as error:\n    print(repr(error))"
    result = run_without_opencv(code, tmp_path, problem=problem)
    for part in ("DependencyError", problem, "pip install opencv-python'", "pip install opencv-python-headless'"):
        assert part in result.stdout


def test_without_opencv_a_command_is_one_sentence_and_help_works(tmp_path: Path) -> None:
    commands = ["predict m.onnx v.mp4", "evaluate m.onnx .", "preview m.onnx v.mp4 -o v.gif", "verify m.onnx"]
    commands += ["annotate m.onnx v.mp4 -o w.mp4", "explain m.onnx v.mp4"]
    program = (
        "import json\nfrom click.testing import CliRunner\nfrom vidcls.cli.main import main\n"
        f"for command in {commands}:\n"
        "    words = command.split()\n"
        "    done, helped = (CliRunner().invoke(main, given) for given in (words, [words[0], '--help']))\n"
        "    print(json.dumps([done.exit_code, done.stdout, done.stderr, helped.exit_code]))\n"
    )
    result = run_without_opencv(program, tmp_path)
    lines = result.stdout.splitlines()
    assert len(lines) == len(commands), result.stderr
    for code, stdout, stderr, code_of_help in map(json.loads, lines):
        assert (code, stdout, code_of_help) == (1, "", 0)
        assert stderr.startswith("Error: OpenCV cannot be imported (")
        assert stderr.count("\n") == 1


def run_without_opencv(
    code: str, folder: Path, *, problem: str = "No module named 'cv2'"
) -> subprocess.CompletedProcess[str]:
    (folder / "cv2.py").write_text(f"raise ImportError({problem!r})", encoding="utf-8")
    program = f"import sys\nsys.path.insert(0, {str(folder)!r})\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
