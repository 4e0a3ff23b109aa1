"""What an installation without PyTorch has to answer: made where models are exported, checked wherever they run.

    python .ci/lean.py make FOLDER     three tiny models, a clip, and the answers here (needs vidcls[cpu,av,export])
    python .ci/lean.py check FOLDER    doctor, verify and the same answers, with the vidcls that this Python has

`check` runs on every Python that the SDK does, prints one line of Markdown, and exits with 1 where something is wrong.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import vidcls
from vidcls import VideoClassifier, VideoError

PRECISIONS = ("fp32", "fp16", "int8")
PACKAGES = ("numpy", "pillow", "opencv-python", "opencv-python-headless", "av", "onnxruntime")
DECODERS = ("opencv", "pyav")
ENDINGS = (".avi", ".mp4", ".webm")
# Processors whose FFmpeg gives every frame bit for bit; elsewhere its colours are off by up to four grey levels.
EXACT = ("x86_64", "AMD64")

_CLIPS_OF_FRAMES = 6  # of four frames each


def make(folder: Path) -> None:
    """Models, frames, clips - real ones too where VIDCLS_TEST_DATA names some - and answers.json into `folder`."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from generated import painted_frame, write_checkpoint, write_clip  # noqa: PLC0415 - of the tests
    from vidcls_export.exporter import export  # noqa: PLC0415 - needed here only

    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = write_checkpoint(folder / "checkpoint")
    write_clip(folder / "clip.mp4", frames=60)
    real = Path(os.environ.get("VIDCLS_TEST_DATA", "")) / "ucf8/test"
    for clip in sorted(real.glob("*/*.avi"))[::20]:
        shutil.copy(clip, folder)
    painted = [painted_frame(number, width=96, height=64)[..., ::-1] for number in range(0, 120, 5)]
    np.save(folder / "frames.npy", np.stack(painted))
    for precision in PRECISIONS:
        export(checkpoint, model(folder, precision), precision=precision)  # type: ignore[arg-type]
    (folder / "answers.json").write_text(json.dumps(answers(folder), indent=1), encoding="utf-8")


def model(folder: Path, precision: str) -> Path:
    """The model of that precision."""
    return folder / f"{precision}.onnx"


def answers(folder: Path) -> dict[str, dict[str, list[float]]]:
    """{precision: {"frames", or decoder and name of a clip: its logits}}; without clips that a decoder lacks."""
    folders = (folder, Path(vidcls.__file__).parent / "video/reference_clips")
    clips = [path for place in folders for path in sorted(place.iterdir()) if path.suffix in ENDINGS]
    found: dict[str, dict[str, list[float]]] = {}
    for precision in PRECISIONS:
        classifier = VideoClassifier(model(folder, precision), device="cpu")
        parts = np.split(np.load(folder / "frames.npy"), _CLIPS_OF_FRAMES)
        of_frames = [classifier.predict_frames(frames).logits for frames in parts]
        of_this = found[precision] = {"frames": np.concatenate(of_frames).tolist()}
        for clip in clips:
            for decoder in DECODERS:
                try:
                    prediction = classifier.predict(clip, decoder=decoder)  # type: ignore[arg-type]
                except VideoError:
                    continue
                of_this[f"{decoder} {clip.name}"] = prediction.logits.tolist()
    return found


def check(folder: Path) -> list[str]:
    """What is wrong here; prints the row of the table."""
    problems = []
    command = [str(Path(sys.executable).with_name("vidcls"))]
    for arguments in (["doctor"], *(["verify", str(model(folder, precision))] for precision in PRECISIONS)):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            problems.append(f"vidcls {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    expected = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    found = answers(folder)
    row = []
    for precision in PRECISIONS:
        tolerance = VideoClassifier(model(folder, precision)).contract.self_test.tolerance
        away = differences(expected[precision], found[precision])
        problems += [f"{precision}, {name}: missing" for name, value in away.items() if value is None]
        of_frames = away.pop("frames") or 0.0
        of_files = max(value or 0.0 for value in away.values())
        if of_frames > tolerance:
            problems.append(f"{precision}, frames: logits are {of_frames:.2g} away, allowed are {tolerance:.2g}")
        if of_files > tolerance and platform.machine() in EXACT:
            problems.append(f"{precision}, files: logits are {of_files:.2g} away, allowed are {tolerance:.2g}")
        row.append(f"{of_frames:.1e}, {of_files:.1e}")
    print(f"| {platform.python_version()} | {platform.machine()} | {', '.join(versions())} | {' | '.join(row)} |")
    return problems


def differences(expected: dict[str, Any], found: dict[str, Any]) -> dict[str, float | None]:
    """The largest logit difference of each answer; None where there is none."""
    return {
        name: float(np.abs(np.subtract(found[name], logits)).max()) if name in found else None
        for name, logits in expected.items()
    }


def versions() -> list[str]:
    """Packages that decide an answer, and their versions."""
    installed = {name: version for name in PACKAGES for version in _version(name)}
    return [f"{name} {version}" for name, version in installed.items()]


def _version(package: str) -> list[str]:
    try:
        return [metadata.version(package)]
    except metadata.PackageNotFoundError:
        return []


def main(what: str, folder: str) -> None:
    if what == "make":
        make(Path(folder))
        return
    problems = check(Path(folder))
    print("\n".join(problems), file=sys.stderr)
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
