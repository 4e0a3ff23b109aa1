"""The model card (README.md) of a checkpoint."""

from __future__ import annotations

from typing import Any

from huggingface_hub import ModelCardData

from vidcls.contract import Contract, Tokens, tokens_words
from vidcls.evaluation.intervals import figure_text
from vidcls.huggingface import is_non_commercial, within_base
from vidcls.printable import markdown
from vidcls.region import region_text
from vidcls_train.bases import SHIPPED
from vidcls_train.hybrid.videomae_hybrid import MODEL_TYPE
from vidcls_train.model.families import FAMILIES
from vidcls_train.output.card_decision import decision_section
from vidcls_train.output.card_teacher import teacher_section

# What is known of a family's published weights, where a base does not say it of itself.
_USUAL_TERMS = {"videomae": " Most published VideoMAE weights are CC-BY-NC 4.0, which rules out commercial use."}

_HEADS = {
    "average_precision": "average precision",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "top1": "top-1",
}


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
        *_accuracy(contract, metrics),
        "",
        "Intervals are 95 % confidence intervals for independent videos: Wilson's of shares, bootstrapped ones of "
        "means, which have none where drawing the videos again always gives the same. Calibration error is the "
        "expected one in 15 bins: how far the model's probabilities are from how often it is right. The epoch and the "
        "decision were chosen by the validation figures; the test videos were scored once, at the end.",
        "",
        *_per_label(contract, metrics),
        *teacher_section(metrics),
        *decision_section(contract, metrics),
        "## Licence and limits",
        "",
        _licence(contract),
        "",
        f"{_answers(contract)} It was measured on videos like those it was trained on; other cameras, angles or "
        "lighting can do worse. Its probabilities are no measure of danger or harm: decisions about people need more "
        "than one clip's label.",
        "",
    ]
    return "\n".join(lines)


def _metadata(contract: Contract) -> list[str]:
    """The card's head, which the hub reads."""
    source = contract.source
    metadata = ModelCardData(
        library_name="vidcls" if _kind(contract) == MODEL_TYPE else "transformers",
        pipeline_tag="video-classification",
        license=source.base_license,
        base_model=source.base if source.base and "/" in source.base and source.base not in SHIPPED else None,
        tags=["video-classification", _kind(contract), "vidcls"],
    )
    return ["---", metadata.to_yaml(), "---", ""]


def _introduction(contract: Contract, metrics: dict[str, Any], *, name: str) -> list[str]:
    sampling, image = contract.sampling, contract.image
    origin = f"fine-tuned from `{contract.source.base}`" if contract.source.base else "trained from scratch"
    return [
        f"# {name}",
        "",
        f"A {FAMILIES[_kind(contract)].title} video classifier, {origin} with vidcls, for "
        f"{len(contract.labels)} labels: {', '.join(map(markdown, contract.labels))}.",
        "",
        f"It looks at {sampling.frames} frames spread over {sampling.clip_seconds:.3f} s, at {image.crop_size} x "
        f"{image.crop_size} pixels. `vidcls.json` states this exactly.",
        *_patch_levels(metrics),
        *_region(metrics),
        *_tokens(metrics),
        "",
        "## Use",
        "",
        "```sh",
        f"vidcls-export {name} -o model.onnx",
        f"vidcls predict model.onnx clip.mp4{_region_option(metrics)}",
        "```",
        "",
    ]


def _data(contract: Contract, metrics: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{split} {count}" for split, count in (contract.source.data or {}).items())
    found = [finding["what"] for finding in metrics["data"]["findings"] if finding["level"] != "note"]
    how = "made here so that recordings stay whole" if metrics["data"]["split_here"] else "those of the data"
    if metrics["data"].get("val_here"):  # runs of earlier versions do not say
        how += "; val is made here of train's clips"
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


def _region(metrics: dict[str, Any]) -> list[str]:
    if metrics["region"] is None:
        return []
    return [
        f"Every clip was cut to the region {region_text(metrics['region'])} of its picture (left, top, right, bottom, "
        "as shares of it) for training and for the figures below. `vidcls.json` does not say so: give the same region "
        "wherever the model is used, or one that shows the same things at the same size.",
    ]


def _region_option(metrics: dict[str, Any]) -> str:
    return "" if metrics["region"] is None else f" --region {region_text(metrics['region'])}"


def _tokens(metrics: dict[str, Any]) -> list[str]:
    """What a model that sees some of the tokens is elsewhere; older metrics.json say nothing of it."""
    compared = metrics.get("all_tokens")
    if compared is None:
        return []
    tokens = Tokens(rule=compared.get("rule", "lattice"), share=compared["share"])
    name = compared["shown_by"]
    who = "transformers' own pipeline" if name == "pipeline" else f"`{name}`, called by itself,"
    return [
        f"Tokens that its encoder sees: {tokens_words(tokens)}; it was trained so. "
        f"{who} shows it all of them, and answers otherwise: on the {compared['videos']} validation videos "
        f"the same label on {compared['top1_agreement']:.3f}, logits off by {compared['mean_abs_logit_diff']:.3f} in "
        "the mean. `vidcls-export` leaves them out too.",
    ]


def _accuracy(contract: Contract, metrics: dict[str, Any]) -> list[str]:
    """The table of top-1 accuracies, or of mean average precisions."""
    if contract.decision.activation == "sigmoid":
        return [
            "Labels may hold together, so that there is no top-1 accuracy: mean average precision is the mean over the "
            "labels of the area below their precision-recall curves.",
            "",
            "| | videos | views x crops | mean average precision | calibration error |",
            "|---|---:|---:|---|---:|",
            *_split_rows(metrics, columns=("map",)),
        ]
    return [
        "| | videos | views x crops | top-1 | top-5 | calibration error |",
        "|---|---:|---:|---|---|---:|",
        *_split_rows(metrics, columns=("top1", "top5")),
        *_baseline_rows(metrics),
    ]


def _split_rows(metrics: dict[str, Any], *, columns: tuple[str, ...]) -> list[str]:
    rows = [("validation", metrics["val"]), ("test", metrics["test"]), ("test", metrics["test_multiview"])]
    lines = []
    for split, row in rows:
        if row is None:
            continue
        views = f"{row['views']} x {row['crops']}"
        shares = " | ".join(_share(row, name) for name in columns)
        lines.append(f"| {split} | {row['videos']} | {views} | {shares} | {row['calibration']['error']:.3f} |")
        if "without_copies" in row:
            apart = row["without_copies"]
            shares = " | ".join(_share(apart, name) for name in columns)
            lines.append(
                f"| {split}, without clips whose footage was trained on | {apart['videos']} | {views} | {shares} | |"
            )
    return lines


def _baseline_rows(metrics: dict[str, Any]) -> list[str]:
    names = {"majority": "always the most frequent label", "metadata": "guessed from file size, bit rate and the like"}
    return [
        f"| *test, {names[name]}* | {row['videos']} | | {_share(row, 'top1')} | | |"
        for name, row in (metrics["baselines"] or {}).items()
    ]


def _share(row: dict[str, Any], name: str) -> str:
    """A figure with its interval; nothing where there is none."""
    return "" if row[name] is None else figure_text(row[name], row[f"{name}_interval"])


def _per_label(contract: Contract, metrics: dict[str, Any]) -> list[str]:
    split = "test" if metrics["test"] is not None else "val"
    if metrics[split] is None:
        return []
    names = ["average_precision" if contract.decision.activation == "sigmoid" else "top1", "precision", "recall", "f1"]
    heads = " | ".join(_HEADS[name] for name in names)
    return [
        f"| label | {split} videos | {heads} |",
        f"|---|---:|{'---:|' * len(names)}",
        *(
            f"| {markdown(label)} | {row['videos']} | {' | '.join(_per_label_figure(row, name) for name in names)} |"
            for label, row in metrics[split]["per_class"].items()
        ),
        "",
    ]


def _per_label_figure(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return ""
    return _share(row, name) if f"{name}_interval" in row else f"{row[name]:.3f}"


def _answers(contract: Contract) -> str:
    """What becomes of a video that shows none of the labels."""
    decision = contract.decision
    if decision.activation == "sigmoid":
        return "The model knows only its labels; what else a video shows it does not say."
    if decision.none_label is None and decision.reject is None:
        return "The model knows only its labels and answers with one of them for any video, whatever it shows."
    return (
        "The model knows only its labels and names one of them for any video, whatever it shows: heed whether its "
        "answer counts as known."
    )


def _licence(contract: Contract) -> str:
    source = contract.source
    if source.base is None:
        return "No weights of others were used."
    if source.base_license is None:
        return (
            f"The licence of the pretrained weights `{source.base}` is unknown, see the base's page; a model made from "
            f"them falls under the same terms.{_USUAL_TERMS.get(_kind(contract), '')}"
        )
    ruled_out = ", which rules out commercial use" if is_non_commercial(source.base_license) else ""
    within = within_base(source.base)
    return (
        f"The pretrained weights `{source.base}` are licensed {source.base_license}{ruled_out}; a model made from them "
        f"falls under the same terms.{'' if within is None else f' {within}'}"
    )


def _kind(contract: Contract) -> str:
    """The `model_type` of the contract's model."""
    return next(kind for kind, family in FAMILIES.items() if family.classifier == contract.source.architecture)
