"""`vidcls doctor`."""

from __future__ import annotations

from typing import Any

import click

from vidcls.cli import options, terminal
from vidcls.printable import printable

# Of lines that begin so.
_COLOURS = {"Problem": "red", "Note": "yellow", "Everything": "green", "Not everything": "red"}
MAX_LINE = 2000  # characters: names of cards, folders of libraries, what a broken package says


@click.command(epilog=options.examples("vidcls doctor", "vidcls doctor --device cuda"))
@options.device_option(
    "What has to work; auto: the CPU, and CUDA where an onnxruntime with CUDA is installed. cuda:1 is the second of "
    "several cards."
)
@click.option(
    "--engine",
    type=options.ENGINES,
    default="onnxruntime",
    show_default=True,
    help="What has to work beside onnxruntime, which always has to.",
)
@options.as_json
def doctor(device: str, engine: str, as_json: bool) -> None:
    """Say what runs here, what does not, and the line that mends it.

    Exit code 1 if something that was asked for cannot work.
    """
    with terminal.ended_by_signals():  # no more: it reports what cannot be imported
        from vidcls.diagnostics.doctor import examine

        report = examine(device=device, engine=engine)
    if as_json:
        terminal.print_json(report)
    else:
        for line in report_lines(report):
            colour = next((colour for start, colour in _COLOURS.items() if line.startswith(start)), None)
            shown = printable(line, limit=MAX_LINE)
            click.echo(shown if colour is None else terminal.coloured(shown, colour))
    if not report["ok"]:
        raise SystemExit(1)


def report_lines(report: dict[str, Any]) -> list[str]:
    """The lines that say a report of `examine` to people."""
    rows = [
        ("vidcls", f"{report['vidcls']}, Python {report['python']}, {report['system']}"),
        *_cpu_rows(report["cpu"]),
        *_runtime_rows(report),
        *_video_rows(report),
        ("cameras", ", ".join(camera["path"] for camera in report["cameras"]) or "none"),
    ]
    lines = [f"{name:13}{text}" for name, text in rows]
    for number, problem in enumerate(report["problems"], 1):
        lines += ["", f"Problem {number}: {problem['what']}", f"  to mend it: {problem['mend']}"]
    for note in report["notes"]:
        lines += ["", f"Note: {note['what']}", f"  to change it: {note['mend']}"]
    return [*lines, "", "Everything asked for works." if report["ok"] else "Not everything asked for works."]


def _cpu_rows(cpu: dict[str, Any]) -> list[tuple[str, str]]:
    quota = "" if cpu["quota"] is None else f", container quota {cpu['quota']:g}"
    has = [name for name, there in cpu["features"].items() if there]
    lacks = [name for name, there in cpu["features"].items() if not there]
    return [
        ("CPU", f"{cpu['name']}; {cpu['threads']} threads used ({cpu['allowed']} allowed{quota})"),
        ("", f"has {', '.join(has) or 'none of'}{'; lacks ' if has else ' '}{', '.join(lacks)}"),
    ]


def _runtime_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    if report["onnxruntime"] is None:
        return [("onnxruntime", "missing")]
    wheels = ", ".join(f"{name} {version}" for name, version in report["wheels"].items())
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in report["providers"])
    rows = [("onnxruntime", f"{report['onnxruntime']} ({wheels or 'of no package'}); providers {providers}")]
    cuda = report["cuda"]
    if cuda["version"]:
        cards = "; ".join(
            f"{card['name']}, {card['memory_mb'] / 1024:.0f} GB, capability {card['capability']}"
            for card in cuda["cards"]
        )
        rows.append(("  driver", f"CUDA {'.'.join(map(str, cuda['version']))}; {cards or 'no card'}"))
    of_cuda = {name: place for name, place in cuda["libraries"].items() if name.startswith(("libcu", "libnv"))}
    for name, place in of_cuda.items():
        rows.append(("", f"{name} {'missing' if place is None else 'in ' + place if place != 'system' else 'found'}"))
    for name, found in report["devices"].items():
        rows.append((f"  {name}", _works(found)))
    rows.append(("  auto", f"takes {report['auto']}" if report["auto"] else "finds nothing"))
    if report["openvino"]:
        version = report["openvino"].get("provider", "").removeprefix("OpenVINO ")
        rows.append(("OpenVINO", f"{version + ', ' if version else ''}{_works(report['openvino'])}"))
    return rows


def _works(found: dict[str, Any]) -> str:
    return f"works, {found['ms']:.2g} ms" if found["ok"] else f"no: {found['problem']['what']}"


def _video_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    if report["opencv"] is None:
        return [("OpenCV", "missing")]
    video = report["video"]
    ffmpeg = "with" if video["ffmpeg"] else "without"
    windows = f"windows by {video['gui']}" if video["gui"] else "no windows"
    display = "" if video["display"] or not video["gui"] else ", but no display here"
    decodes = [codec for codec, works in video["decodes"].items() if works]
    fails = [codec for codec, works in video["decodes"].items() if not works]
    return [
        ("OpenCV", f"{report['opencv']} {ffmpeg} FFmpeg, {windows}{display}; PyAV {video['av'] or 'not installed'}"),
        ("  decodes", f"{', '.join(decodes) or 'nothing'}{'; not ' + ', '.join(fails) if fails else ''}"),
        *[("", f"{decoder['name']} {_verdict(decoder)}") for decoder in video["decoders"]],
    ]


def _verdict(decoder: dict[str, Any]) -> str:
    if not decoder["ok"]:
        return "not as it should"
    return "right, bit for bit" if decoder["exact"] else "right, but for this processor's rounding"
