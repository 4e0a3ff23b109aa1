"""The model card (README.md) of a checkpoint."""

from __future__ import annotations

from typing import Any

from huggingface_hub import ModelCardData

from vidcls.contract import Contract


def model_card(contract: Contract, metrics: dict[str, Any], *, name: str) -> str:
    """A model card in the hub's format: metadata, use, data, accuracy, limits."""
    source = contract.source
    metadata = ModelCardData(
        library_name="transformers",
        pipeline_tag="video-classification",
        license=source.base_license,
        base_model=source.base if source.base and "/" in source.base else None,
        tags=["video-classification", "videomae", "vidcls"],
    )
    sampling, image = contract.sampling, contract.image
    origin = f"fine-tuned from `{source.base}`" if source.base else "trained from scratch"
    counts = ", ".join(f"{split} {count}" for split, count in (source.data or {}).items())
    unreadable = metrics["unreadable"]
    lines = [
        "---",
        metadata.to_yaml(),
        "---",
        "",
        f"# {name}",
        "",
        f"A VideoMAE video classifier, {origin} with vidcls, for {len(contract.labels)} labels: "
        f"{', '.join(contract.labels)}.",
        "",
        f"It looks at {sampling.frames} frames spread over {sampling.clip_seconds:.3f} s, at {image.crop_size} x "
        f"{image.crop_size} pixels. `vidcls.json` states this exactly.",
        "",
        "## Use",
        "",
        "```sh",
        f"vidcls-export {name} -o model.onnx",
        "vidcls predict model.onnx clip.mp4",
        "```",
        "",
        "## Data",
        "",
        f"Videos: {counts}; {len(unreadable)} could not be read and were left out.",
        "",
        "## Accuracy",
        "",
        *_accuracy_table(metrics),
        "",
        "The epoch was chosen by the validation figures; the test videos were looked at once, at the end.",
        "",
        "## Licence and limits",
        "",
        _licence(contract),
        "",
        "The model knows only its labels and answers with one of them for any video. It was measured on videos like "
        "those it was trained on; other cameras, angles or lighting can do worse.",
        "",
    ]
    return "\n".join(lines)


def _accuracy_table(metrics: dict[str, Any]) -> list[str]:
    rows = [("validation", metrics["val"]), ("test", metrics["test"]), ("test", metrics["test_multiview"])]
    return [
        "| split | videos | views x crops | top-1 | top-5 |",
        "|---|---|---|---|---|",
        *(
            f"| {split} | {row['videos']} | {row['views']} x {row['crops']} | {row['top1']:.3f} | {row['top5']:.3f} |"
            for split, row in rows
            if row is not None
        ),
    ]


def _licence(contract: Contract) -> str:
    source = contract.source
    if source.base is None:
        return "No pretrained weights were used."
    return (
        f"The pretrained weights `{source.base}` are licensed {source.base_license or 'under terms not stated'}; "
        "a model made from them falls under the same terms. Most published VideoMAE weights are CC-BY-NC 4.0, "
        "which rules out commercial use."
    )
