"""The model card (README.md) of a checkpoint."""

from __future__ import annotations

from typing import Any

from huggingface_hub import ModelCardData

from vidcls.contract import Contract
from vidcls.printable import markdown


def model_card(contract: Contract, metrics: dict[str, Any], *, name: str) -> str:
    """A model card in the hub's format: metadata, use, data, accuracy, limits.

    Args:
        contract: with its accuracy, if there is one.
        metrics: what metrics.json holds.
        name: of the model, which is also the folder in the commands.
    """
    lines = [
        *_metadata(contract),
        *_introduction(contract, metrics, name=name),
        "## Data",
        "",
        *_data(contract, metrics),
        "",
        "## Accuracy",
        "",
        *_accuracy_table(metrics),
        "",
        "Intervals are 95 % confidence intervals (Wilson's) for independent videos. Calibration error is the expected "
        "one in 15 bins: how far the model's probabilities are from how often it is right. The epoch was chosen by the "
        "validation figures; the test videos were looked at once, at the end.",
        "",
        *_per_label(metrics),
        "## Licence and limits",
        "",
        _licence(contract),
        "",
        "The model knows only its labels and answers with one of them for any video, whatever it shows. It was "
        "measured on videos like those it was trained on; other cameras, angles or lighting can do worse. Its "
        "probabilities are no measure of danger or harm: decisions about people need more than one clip's label.",
        "",
    ]
    return "\n".join(lines)


def _metadata(contract: Contract) -> list[str]:
    """The card's head, which the hub reads."""
    source = contract.source
    metadata = ModelCardData(
        library_name="transformers",
        pipeline_tag="video-classification",
        license=source.base_license,
        base_model=source.base if source.base and "/" in source.base else None,
        tags=["video-classification", "videomae", "vidcls"],
    )
    return ["---", metadata.to_yaml(), "---", ""]


def _introduction(contract: Contract, metrics: dict[str, Any], *, name: str) -> list[str]:
    sampling, image = contract.sampling, contract.image
    origin = f"fine-tuned from `{contract.source.base}`" if contract.source.base else "trained from scratch"
    return [
        f"# {name}",
        "",
        f"A VideoMAE video classifier, {origin} with vidcls, for {len(contract.labels)} labels: "
        f"{', '.join(map(markdown, contract.labels))}.",
        "",
        f"It looks at {sampling.frames} frames spread over {sampling.clip_seconds:.3f} s, at {image.crop_size} x "
        f"{image.crop_size} pixels. `vidcls.json` states this exactly.",
        *_patch_levels(metrics),
        "",
        "## Use",
        "",
        "```sh",
        f"vidcls-export {name} -o model.onnx",
        "vidcls predict model.onnx clip.mp4",
        "```",
        "",
    ]


def _data(contract: Contract, metrics: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{split} {count}" for split, count in (contract.source.data or {}).items())
    found = [finding["what"] for finding in metrics["data"]["findings"] if finding["level"] != "note"]
    how = "made here so that recordings stay whole" if metrics["data"]["split_here"] else "those of the data"
    lines = [
        f"Videos: {counts}; {len(metrics['unreadable'])} could not be read and were left out. The splits are {how}; "
        f"there are {metrics['data']['groups']} recordings, as far as names and pictures tell.",
    ]
    if found:
        lines += ["", "What the data check found:", "", *(f"- {markdown(what)}." for what in found)]
    return lines


def _patch_levels(metrics: dict[str, Any]) -> list[str]:
    if metrics["train"]["patch_levels"]:
        return []
    return [
        "Of each patch that the pictures are cut into, it sees what varies within it, not how bright or coloured it is "
        "as a whole: labels that differ in that alone it cannot tell apart.",
    ]


def _accuracy_table(metrics: dict[str, Any]) -> list[str]:
    rows = [("validation", metrics["val"]), ("test", metrics["test"]), ("test", metrics["test_multiview"])]
    lines = [
        "| | videos | views x crops | top-1 | top-5 | calibration error |",
        "|---|---:|---:|---|---|---:|",
    ]
    for split, row in rows:
        if row is None:
            continue
        views = f"{row['views']} x {row['crops']}"
        lines.append(
            f"| {split} | {row['videos']} | {views} | {_share(row, 'top1')} | {_share(row, 'top5')} | "
            f"{row['calibration']['error']:.3f} |"
        )
        if "without_copies" in row:
            apart = row["without_copies"]
            lines.append(
                f"| {split}, without clips whose footage is in train | {apart['videos']} | {views} | "
                f"{_share(apart, 'top1')} | {apart['top5']:.3f} | |"
            )
    names = {"majority": "always the most frequent label", "metadata": "guessed from file size, bit rate and the like"}
    for name, row in (metrics["baselines"] or {}).items():
        lines.append(f"| *test, {names[name]}* | {row['videos']} | | {_share(row, 'top1')} | | |")
    return lines


def _share(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:.3f} ({low:.2f} to {high:.2f})"


def _per_label(metrics: dict[str, Any]) -> list[str]:
    split = "test" if metrics["test"] is not None else "val"
    return [
        f"| label | {split} videos | top-1 |",
        "|---|---:|---:|",
        *(
            f"| {markdown(label)} | {row['videos']} | {'' if row['top1'] is None else format(row['top1'], '.3f')} |"
            for label, row in metrics[split]["per_class"].items()
        ),
        "",
    ]


def _licence(contract: Contract) -> str:
    source = contract.source
    if source.base is None:
        return "No weights of others were used."
    return (
        f"The pretrained weights `{source.base}` are licensed {source.base_license or 'under terms not stated'}; "
        "a model made from them falls under the same terms. Most published VideoMAE weights are CC-BY-NC 4.0, "
        "which rules out commercial use."
    )
