"""The card (README.md): how to run the model, what it knows, how good it is, what it was made from, its limits."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from vidcls.contract import FINGERPRINT_BYTES, ModelContract, Parity, tokens_words
from vidcls.evaluation.intervals import wilson_interval
from vidcls.huggingface import is_non_commercial
from vidcls.printable import markdown
from vidcls.region import Region, region_text
from vidcls_export.bundle.licence import model_terms

_LABELS_IN_A_LINE = 20  # of more, labels.txt is the list


def card_text(contract: ModelContract, *, name: str, region: Region | None, megabytes: float) -> str:
    """The card in Markdown, its head as the Hugging Face hub reads it.

    Args:
        contract: of the exported file.
        name: of the model.
        region: of the picture, that the model was checked on; None for all of it.
        megabytes: of 10^6 bytes, of the file.
    """
    sections = {
        "Run it": _run(region),
        "Labels": _labels(contract),
        "How good it is": _accuracy(contract, region),
        "What it was trained on": _origin(contract),
        "What it is given": _input(contract, region),
        "What follows from its logits": _decision(contract),
        "Limits": _limits(contract),
        "Licence": model_terms(contract.source),
        "Files": _files(contract, megabytes),
    }
    lines = [*_head(contract), f"# {markdown(name)}", "", *_summary(contract), ""]
    for title, body in sections.items():
        lines += [f"## {title}", "", *body, ""]
    return "\n".join(lines)


def _head(contract: ModelContract) -> Iterator[str]:
    yield "---"
    if contract.source.base_license is not None:
        yield f"license: {json.dumps(contract.source.base_license)}"
    yield from ("library_name: vidcls", "pipeline_tag: video-classification", "tags: [video-classification, onnx]")
    yield from ("---", "")


def _summary(contract: ModelContract) -> Iterator[str]:
    count = len(contract.labels)
    yield f"A video classifier for {count} label{'' if count == 1 else 's'}, as one ONNX file that vidcls runs."
    if is_non_commercial(contract.source.base_license):
        yield "**Not for commercial use**: see [Licence](#licence)."


def _run(region: Region | None) -> Iterator[str]:
    where = "" if region is None else f" --region {region_text(region)}"
    yield from ("With the wheel of vidcls in this folder:", "", "```sh")
    yield from ("pip install -r requirements.txt", "vidcls verify model.onnx", "python run.py clip.mp4")
    yield from (f"vidcls predict model.onnx clip.mp4{where}", "```", "")
    yield "`verify` proves that the answers on this machine are the trained model's, and `sha256sum -c SHA256SUMS` that"
    yield "the files are those that were written."


def _labels(contract: ModelContract) -> Iterator[str]:
    if len(contract.labels) > _LABELS_IN_A_LINE:
        yield f"{len(contract.labels)} of them, in labels.txt, one a line, in the order of the logits."
    else:
        yield f"{', '.join(map(markdown, contract.labels))}."


def _accuracy(contract: ModelContract, region: Region | None) -> Iterator[str]:
    found = contract.accuracy
    if found is None:
        yield "No accuracy is known: the file holds none. Measure it on clips of your own before you rely on it, with"
        yield "`vidcls evaluate model.onnx CLIPS`."
    else:
        yield f"| {markdown(found.split)} videos | views x crops | top-1 | 95 % interval | top-5 |"
        yield "|---:|---:|---:|---|---:|"
        low, high = wilson_interval(round(found.top1 * found.videos), found.videos)
        views = f"{found.views} x {found.crops}"
        yield f"| {found.videos} | {views} | {found.top1:.3f} | {low:.2f} to {high:.2f} | {found.top5:.3f} |"
        yield ""
        yield "That is the accuracy of the checkpoint in PyTorch; the interval is Wilson's, for independent videos."
    yield ""
    yield from _parity(contract.parity, precision=contract.model.precision)
    if contract.tokens.share is not None:
        yield f"PyTorch was given the same tokens as the file, {tokens_words(contract.tokens)}."
    if region is not None:
        yield f"The clips were cut to the region {region_text(region)} of their pictures: give the same one in use."


def _parity(parity: Parity | None, *, precision: str) -> Iterator[str]:
    if parity is None:
        yield f"The file ({precision}) was compared with PyTorch on its self-test alone, not on real clips."
        return
    low, high = wilson_interval(round(parity.top1_agreement * parity.videos), parity.videos)
    yield (
        f"On {parity.videos} real clips the file ({precision}) gave PyTorch's top-1 answer to "
        f"{parity.top1_agreement:.4f} of them ({low:.2f} to {high:.2f}); logits differed by "
        f"{parity.max_abs_logit_diff:.2g} at most."
    )
    if parity.accuracy_onnx is not None:
        yield f"On those of them that the model does not know, the file's accuracy is {parity.accuracy_onnx:.4f}."


def _origin(contract: ModelContract) -> Iterator[str]:
    source = contract.source
    yield f"{markdown(source.architecture)}, " + (
        f"fine-tuned from `{markdown(source.base)}`." if source.base else "trained from scratch."
    )
    if source.data is None:
        yield "On how many videos is not known."
    else:
        yield f"Videos: {', '.join(f'{markdown(split)} {count}' for split, count in source.data.items())}."
    versions = ", ".join(f"{markdown(package)} {markdown(number)}" for package, number in source.versions.items())
    yield f"Made {markdown(source.created)} with {versions}."
    if source.clips is not None:
        train, val = (
            len(base64.b64decode(text)) // FINGERPRINT_BYTES for text in (source.clips.train, source.clips.val)
        )
        yield ""
        yield f"The file holds fingerprints of {train} clips that it was trained on and {val} that it was chosen by: an"
        yield "evaluation counts them apart, and whoever has such a clip can find out that it was among them."
        yield "`vidcls-train --no-fingerprints` leaves them out."


def _input(contract: ModelContract, region: Region | None) -> Iterator[str]:
    sampling, image, entry = contract.sampling, contract.image, contract.model.input
    frames, size = sampling.frames, image.crop_size
    resized = f"the short side resized to {image.resize_size}" if image.resize == "shortest_edge" else "stretched"
    where = "" if region is None else f" of the region {region_text(region)}"
    shape = (
        f"[batch, {frames}, 3, {size}, {size}]" if entry.layout == "BTCHW" else f"[batch, {frames}, {size}, {size}, 3]"
    )
    scale = f", (x / 255 - {list(image.mean)}) / {list(image.std)} a channel" if entry.normalised else ", 0 to 255"
    yield f"- Sampling: {frames} frames, evenly spread over {sampling.clip_seconds:.4g} s in a video's middle"
    yield f"- Pixels{where}: {resized}, antialiased bilinear on uint8 RGB, {size} x {size} in the middle"
    yield f"- Input `{markdown(entry.name)}`: {entry.dtype} {shape} ({entry.layout}){scale}"
    yield f"- Output `{markdown(contract.model.output.name)}`: float32 [batch, {len(contract.labels)}], logits"
    yield f"- Graph: {contract.model.precision}, for {contract.model.graph}, ONNX opset {contract.model.opset}"
    yield f"- Tokens that the encoder sees: {tokens_words(contract.tokens)}"


def _decision(contract: ModelContract) -> Iterator[str]:
    decision = contract.decision
    yield f"Probabilities are the {decision.activation} of logits / {decision.temperature:.3g}."
    if decision.none_label is not None:
        yield f"`{markdown(decision.none_label)}` is the class of clips that show none of the labels, and is no answer."
    if (rule := decision.reject) is not None:
        what = "the highest probability" if rule.score == "max_probability" else "logsumexp of the logits"
        yield f"An answer counts as one of the labels (`known`) where {what} is at least {rule.threshold:.4g}."
    if decision.none_label is None and decision.reject is None and decision.activation == "softmax":
        yield "There is no rule for clips that show none of the labels: every clip is taken for one of them."


def _limits(contract: ModelContract) -> Iterator[str]:
    yield f"- It knows its {len(contract.labels)} labels and nothing else."
    yield "- Its figures are of videos like those that it was trained on: other cameras, angles or light can do worse."
    yield f"- It sees {contract.sampling.clip_seconds:.3g} s at a time: what takes longer it cannot see as a whole."
    yield "- Its probabilities are no measure of danger or harm: decisions about people need more than a clip's label."
    if contract.model.precision == "int8":
        yield "- int8 files are for CPUs, and for one clip a run."


def _files(contract: ModelContract, megabytes: float) -> Iterator[str]:
    yield from ("| file | what it is |", "|---|---|")
    yield f"| `model.onnx` | the model, {megabytes:.1f} MB; all that vidcls needs |"
    yield "| `labels.txt` | labels, one a line, in the order of the logits |"
    yield "| `LICENSE.txt` | on which terms it may be used |"
    yield "| `requirements.txt` | what runs it, in the versions that it was proven with |"
    yield "| `run.py` | three lines that classify a video |"
    yield "| `SHA256SUMS` | hashes of all of these |"
    yield ""
    yield f"SHA-256 of the checkpoint's weights: `{contract.source.checkpoint_sha256}`."
