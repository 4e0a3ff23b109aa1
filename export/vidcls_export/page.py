"""An export's report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
import numpy.typing as npt
from PIL import Image

from vidcls_export.parity import Disagreement
from vidcls_export.report import Report, report_fields

_MOST_SHOWN = 48  # disagreeing clips; a page of more would be read by nobody

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #1a7f37; --bad: #b35900; }
@media (prefers-color-scheme: dark) { :root { --good: #4ac26b; --bad: #f0a04b; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { font-weight: 600; margin: .25rem 0 1rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .6rem; }
.figure { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; background: var(--soft); }
.figure b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.figure span, small { font-size: .85rem; opacity: .8; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 500; width: 11rem; } td { overflow-wrap: anywhere; }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: .8rem; padding: 0; }
.clips li { list-style: none; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
.clips img { width: 100%; display: block; image-rendering: auto; }
.clips p { margin: .5rem .7rem; overflow-wrap: anywhere; font-size: .9rem; }
pre { overflow-x: auto; background: var(--soft); padding: .8rem; border-radius: .5rem; font-size: .8rem; }
"""


def report_page(report: Report) -> str:
    """The page for a report."""
    contract, parity = report.contract, report.contract.parity
    style_hash = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    model = contract.model
    if parity is None:
        verdict = '<p class="verdict bad">Unproven: exported without clips to compare with PyTorch on.</p>'
    else:
        kind = "good" if not report.disagreements else "bad"
        verdict = (
            f'<p class="verdict {kind}">Gives the answer of the PyTorch model on '
            f"{parity.videos - len(report.disagreements)} of {parity.videos} clips.</p>"
        )
    sections = [
        f"<h1>{escape(report.path.name)}</h1>",
        f"<p><small>{escape(model.precision)}, graph for {escape(model.graph)}, "
        f"{escape(contract.source.architecture)}</small></p>",
        verdict,
        _figures(report),
        *_disagreements(report),
        "<h2>Compared with PyTorch</h2>",
        _table(_comparison_rows(report)),
        "<h2>Operators</h2>",
        f"<p>{sum(report.ops.values())} in all{_kept(report)}.</p>",
        _table((name, str(count)) for name, count in report.ops.items()),
        "<h2>The model</h2>",
        _table(_model_rows(report)),
        "<h2>Made with</h2>",
        _table(report.versions.items()),
        "<h2>As JSON</h2>",
        f"<pre>{escape(json.dumps(report_fields(report), indent=1, ensure_ascii=False), quote=False)}</pre>",
    ]
    body = "\n".join(sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'sha256-{style_hash}'\">\n"
        f"<title>{escape(report.path.name)}: export report</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _figures(report: Report) -> str:
    parity = report.contract.parity
    figures = [("size", f"{report.file_mb:g} MB")]
    if parity is not None:
        figures = [
            ("same top-1 answer", f"{parity.top1_agreement:.4f}"),
            ("largest logit difference", f"{parity.max_abs_logit_diff:.2g}"),
            ("mean logit difference", f"{parity.mean_abs_logit_diff:.2g}"),
            *figures,
        ]
        if parity.accuracy_onnx is not None:
            figures.insert(1, (f"accuracy; PyTorch {parity.accuracy_pytorch:.4f}", f"{parity.accuracy_onnx:.4f}"))
    ratio = report.latency_ms / report.latency_pytorch_ms
    figures.append((f"a clip; {ratio:.2f} of PyTorch's time", f"{report.latency_ms:.1f} ms"))
    items = (f'<div class="figure"><b>{value}</b><span>{escape(name)}</span></div>' for name, value in figures)
    return f'<div class="figures">{"".join(items)}</div>'


def _comparison_rows(report: Report) -> Iterable[tuple[str, str]]:
    parity, verification = report.contract.parity, report.verification
    if parity is None:
        yield "clips", "none: give --check DATA_DIR to compare on real clips"
    else:
        yield "clips", f"{parity.videos}, one view in the middle of each"
        if report.failed:
            yield "not readable", f"{report.failed} videos, not counted"
        if parity.accuracy_onnx is None:
            yield "accuracy", "unknown: the clips do not lie in folders named as the model's labels"
    yield (
        "self-test",
        f"logits within {verification.max_abs_diff:.2g} of PyTorch's (verify allows {verification.tolerance:.2g})",
    )
    yield "time of a clip", f"{report.latency_ms:.1f} ms, PyTorch {report.latency_pytorch_ms:.1f} ms, on this CPU"


def _model_rows(report: Report) -> Iterable[tuple[str, str]]:
    contract = report.contract
    image, sampling, source = contract.image, contract.sampling, contract.source
    yield "labels", f"{len(contract.labels)}: {', '.join(contract.labels)}"
    yield "sampling", f"{sampling.frames} frames over {sampling.clip_seconds:.3f} s"
    yield "pixels", f"{image.resize} {image.resize_size}, crop {image.crop_size}, mean {image.mean}, std {image.std}"
    yield "input", f"{contract.model.input.dtype} {contract.model.input.layout}"
    yield "base", source.base or "none, from scratch"
    yield "licence of the base", (source.base_license or "unknown") if source.base else "no base"
    yield "checkpoint SHA-256", source.checkpoint_sha256
    yield "file SHA-256", f"{contract.model.file_sha256} (with zeros in its own place)"
    yield "trained with", ", ".join(f"{name} {version}" for name, version in source.versions.items())


def _kept(report: Report) -> str:
    if report.contract.model.precision != "fp16":
        return ""
    return f", of which {report.kept_in_fp32} stay in fp32 because their numbers came too close to fp16's largest"


def _disagreements(report: Report) -> list[str]:
    if not report.disagreements:
        return []
    shown = sorted(report.disagreements, key=lambda found: -found.margin)[:_MOST_SHOWN]
    total = len(report.disagreements)
    title = f"Answered otherwise: {total}" if len(shown) == total else f"Answered otherwise: {len(shown)} of {total}"
    items = "".join(_clip(found, report.contract.labels) for found in shown)
    return [f"<h2>{title}</h2>", f'<ul class="clips">{items}</ul>']


def _clip(found: Disagreement, labels: Sequence[str]) -> str:
    truth = "" if found.label is None else f"<br>label: {escape(labels[found.label])}"
    return (
        f'<li><img alt="middle frame" src="{_data_uri(found.frame)}"><p>{escape(found.video.name)}<br>'
        f"file: <b>{escape(labels[found.answer])}</b><br>PyTorch: <b>{escape(labels[found.pytorch_answer])}</b>{truth}"
        f"<br><small>PyTorch's lead {found.margin:.2g}, logits differ by {found.difference:.2g}</small></p></li>"
    )


def _data_uri(frame: npt.NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{cells}</table>"
