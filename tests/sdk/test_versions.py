"""Versions that are known not to work are named, before they can blame a checkpoint or a file."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from vidcls import versions
from vidcls.classifier import VideoClassifier
from vidcls.errors import DependencyError, ModelError
from vidcls.runtime.onnxruntime_session import import_onnxruntime
from vidcls.video.versions import TESTED, required

ROOT = Path(__file__).parent.parent.parent
CI = ROOT / ".ci"

BROKEN = ["5.0.0", "5.5.1", "5.8.0", "5.17.0"]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib")  # Python 3.10 has none
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def pinned(name: str) -> dict[str, str]:
    """{package: version} of a file of constraints."""
    lines = (CI / name).read_text(encoding="utf-8").splitlines()
    split = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {package.lower().replace("_", "-"): version for package, _, version in split}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the version that transformers seems to have."""

    def install(version: str) -> None:
        monkeypatch.setattr(versions, "package_version", {"transformers": version}.get)

    return install


@pytest.mark.parametrize("version", ["4.54.0", "4.57.6", "5.18.0", "5.24.0", "6.0.0.dev0"])
def test_training_takes_a_transformers_that_keeps_the_biases(version: str, installed: Any) -> None:
    installed(version)
    versions.check_training("training")


@pytest.mark.parametrize("version", BROKEN)
def test_training_refuses_a_transformers_that_loses_the_biases(version: str, installed: Any) -> None:
    installed(version)
    with pytest.raises(DependencyError, match=rf"^transformers {version} is one of those [^;]*; run 'pip install "):
        versions.check_training("training")


@pytest.mark.parametrize("version", ["4.54.0", "4.57.6"])
def test_exporting_takes_a_transformers_that_optimum_works_with(version: str, installed: Any) -> None:
    installed(version)
    versions.check_exporting()


@pytest.mark.parametrize("version", ["4.58.0", *BROKEN, "5.24.0"])
def test_exporting_refuses_any_other(version: str, installed: Any) -> None:
    installed(version)
    with pytest.raises(DependencyError, match=rf'transformers .*{version}.*; run \'pip install "transformers>=4\.54,<'):
        versions.check_exporting()


def test_older_ones_are_refused_by_both(installed: Any) -> None:
    installed("4.52.4")
    for check in (versions.check_exporting, lambda: versions.check_training("training")):
        with pytest.raises(DependencyError, match=r"ing needs transformers 4\.54 or newer, and 4\.52\.4 is installed"):
            check()


@pytest.mark.parametrize(
    ("module", "arguments", "what"),
    [
        ("vidcls_train.cli.finetune", ["data", "-o", "out", "--preset", "tiny"], "training"),
        ("vidcls_train.cli.finetune", ["data", "--check-only", "--preset", "tiny"], "checking data"),
        ("vidcls_train.cli.pretrain", ["data", "-o", "out", "--preset", "tiny"], "pretraining"),
        ("vidcls_export.cli", ["checkpoint", "-o", "model.onnx"], "exporting"),
    ],
)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("sys.version_info = (3, 10, 13)", "{what} needs Python 3.11.4 or newer, and this is "),
        ("versions.package_version = {'transformers': '5.17.0'}.get", "transformers 5.17.0 is one of those from 5.0 "),
    ],
)
def test_the_commands_say_so_before_they_load_anything(
    module: str, arguments: list[str], what: str, change: str, sentence: str, tmp_path: Path
) -> None:
    program = f"import sys\nfrom vidcls import versions\nfrom {module} import main\n{change}\n"
    program += f"try:\n    main({arguments})\nfinally:\n    assert not {{'torch', 'transformers'}} & set(sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: {sentence.format(what=what)}"), result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ({"ir_version": 99}, "Unsupported model IR version: 99, max supported IR version: "),
        ({"operator_set": 99}, "Opset 99 is under development"),
        ({"operator": "Unheard"}, "No Op registered for Unheard with domain_version of 18"),
        ({"operator": "Unheard", "domain": "com.microsoft"}, "com.microsoft:Unheard(-1) is not a registered"),
    ],
)
def test_an_onnxruntime_that_lacks_what_a_model_needs_is_named(
    kind: dict[str, Any], said: str, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "newer.onnx"
    path.write_bytes(newer_model(model, **kind))
    with pytest.raises(ModelError) as raised:
        VideoClassifier(path)
    sentence = str(raised.value)
    assert sentence.startswith(f"{path}: onnxruntime {import_onnxruntime().__version__} lacks what the model needs (")
    assert said in sentence
    assert "; run 'pip install --upgrade onnxruntime" in sentence
    assert "damaged" not in sentence
    assert "\n" not in sentence


def test_an_openvino_that_lacks_an_operator_is_named(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    path = tmp_path / "newer.onnx"
    path.write_bytes(newer_model(model, operator="Unheard", domain="com.microsoft"))
    with pytest.raises(ModelError, match=r"newer\.onnx: OpenVINO .* lacks operators that the model needs .*Unheard"):
        VideoClassifier(path, engine="openvino")


def newer_model(
    path: Path, *, ir_version: int = 8, operator_set: int = 18, operator: str = "Identity", domain: str = ""
) -> bytes:
    """A model of the tests with a first operator, and versions, of another onnxruntime; its contract is right."""
    import hashlib
    import json

    import onnx

    found = onnx.load(str(path))
    found.ir_version = ir_version
    found.opset_import[0].version = operator_set
    found.graph.node[0].op_type, found.graph.node[0].domain = operator, domain
    if domain:
        found.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    (entry,) = found.metadata_props
    fields = json.loads(entry.value)
    fields["model"]["file_sha256"] = "0" * 64
    entry.value = json.dumps(fields)
    content = found.SerializeToString()
    return content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode())


def requirements(project: dict[str, Any]) -> dict[str, list[str]]:
    """{package: its ranges, each once} of everything that users are told to install; without extras and markers."""
    optional = project["optional-dependencies"]
    lines = [
        *project["dependencies"],
        *(line for name in optional if name not in ("dev", "test") for line in optional[name]),
    ]
    found: dict[str, list[str]] = {}
    for requirement in map(Requirement, lines):
        if requirement.marker and not requirement.marker.evaluate({"python_version": "3.11"}):
            continue  # for Pythons that the constraints are not for
        ranges = found.setdefault(requirement.name, [])
        if str(requirement.specifier) not in ranges:
            ranges.append(str(requirement.specifier))
    return found


def test_the_lowest_constraints_are_the_lowest_that_pyproject_allows(project: dict[str, Any]) -> None:

    lowest = pinned("constraints-lowest.txt")
    for package, ranges in requirements(project).items():
        if package == "onnxruntime-gpu":  # the same module as onnxruntime, for a card
            continue
        for wanted in map(SpecifierSet, ranges):
            version = Version(lowest[package])
            assert version in wanted, f"{package} {version} of constraints-lowest.txt is not in {wanted}"
            (floor,) = [Version(part.version) for part in wanted if part.operator in (">=", "==")]
            # A release may lack: there is no opencv-python 4.13.0, but 4.13.0.90.
            parts = len(floor.release)
            assert version.release[:parts] == floor.release, f"{package} {version} is not the lowest of {wanted}"


def test_the_tested_versions_are_in_the_ranges(project: dict[str, Any]) -> None:

    tested = pinned("constraints.txt")
    for package, ranges in requirements(project).items():
        for wanted in ranges:
            assert tested[package] in SpecifierSet(wanted), f"{package} {tested[package]} is not in {wanted}"


def test_the_code_names_the_versions_of_pyproject(project: dict[str, Any]) -> None:
    ranges = requirements(project)
    assert SpecifierSet(",".join(ranges["opencv-python"])) == SpecifierSet(required("opencv"))
    assert SpecifierSet(",".join(ranges["av"])) == SpecifierSet(required("pyav"))
    tested = pinned("constraints.txt")
    assert {"opencv": tested["opencv-python"], "pyav": tested["av"]} == TESTED
    left_out = ",".join(f"!=5.{minor}.*" for minor in range(18))

    oldest = versions.OLDEST_TRANSFORMERS
    expected = {f">={oldest},{left_out}", f">={oldest},<{versions.EXPORT_TRANSFORMERS}"}
    assert set(map(SpecifierSet, ranges["transformers"])) == set(map(SpecifierSet, expected))
    for version in BROKEN:
        assert version not in SpecifierSet(f">={oldest},{left_out}")


def test_classifiers_name_every_python_that_is_allowed(project: dict[str, Any]) -> None:
    named = [line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line]
    assert named == ["3.10", "3.11", "3.12", "3.13"]
    assert project["requires-python"] == f">={named[0]}"


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert versions.package_version("vidcls") == metadata.version("vidcls")
    assert versions.package_version("no-such-package") is None
