"""The part of a model card that states a student beside its teacher."""

from __future__ import annotations

from typing import Any

from vidcls.evaluation.intervals import change_text, figure_text
from vidcls.huggingface import is_non_commercial
from vidcls.printable import markdown


def teacher_section(metrics: dict[str, Any]) -> list[str]:
    """Lines of Markdown below a heading of their own; none where there was no teacher.

    Args:
        metrics: what metrics.json holds; older ones say nothing of teachers.
    """
    fields = metrics.get("teacher")
    if fields is None:
        return []
    return [
        "## Teacher",
        "",
        f"It learnt from its labels and from the answers of `{markdown(fields['name'])}` (SHA-256 of its weights "
        f"`{fields['sha256']}`) to the same varied clips. The teacher's answers, at its own temperature of "
        f"{fields['calibration_temperature']:.3f}, make {fields['weight']:.0%} of the loss, softened by "
        f"{fields['temperature']:g}.",
        "",
        "| | " + " | ".join(_heads(fields)) + " |",
        "|---|" + "---|" * len(_heads(fields)),
        *(f"| {name} | " + " | ".join(_cells(fields, name)) + " |" for name in ("student", "teacher")),
        "",
        *_comparisons(fields),
        "The time is that of one clip through the model on the machine that trained it, without decoding, the two "
        "timed turn by turn.",
        *_licence(fields),
        "",
    ]


def _heads(fields: dict[str, Any]) -> list[str]:
    figures = [f"{split} {_figure(fields[split])}" for split in ("val", "test") if fields[split] is not None]
    return [*figures, "input", "parameters", "MB", "ms", "engine"]


def _figure(row: dict[str, Any]) -> str:
    return "top-1" if "top1" in row["student"] else "mean average precision"


def _cells(fields: dict[str, Any], name: str) -> list[str]:
    model = fields["models"][name]
    parameters = model["parameters"]
    return [
        *(_share(fields[split][name]) for split in ("val", "test") if fields[split] is not None),
        f"{model['frames']} x {model['crop_size']} px",
        "" if parameters is None else f"{parameters / 1e6:.2f} million",
        f"{model['megabytes']:.1f}",
        f"{model['answer_ms']:.1f}",
        model["engine"],
    ]


def _share(row: dict[str, Any]) -> str:
    return figure_text(row["top1" if "top1" in row else "map"], row["interval"])


def _comparisons(fields: dict[str, Any]) -> list[str]:
    lines = []
    for split, of in (("val", "validation"), ("test", "test")):
        row = fields[split]
        if row is None:
            continue
        if "agreement_interval" not in row:
            lines.append(f"On the {row['videos']} {of} videos they agree on {row['agreement']:.3f} of all labels.")
            continue
        low, high = row["agreement_interval"]
        lines.append(
            f"On the {row['videos']} {of} videos they give the same label to {row['agreement']:.3f} ({low:.2f} to "
            f"{high:.2f}); the student's share of right ones less its teacher's is "
            f"{change_text(row['difference'])}."
        )
    return lines


def _licence(fields: dict[str, Any]) -> list[str]:
    licence = fields["base_license"]
    if licence is None:
        return []
    forbidden = "; find out whether that rules out commercial use of its student" if is_non_commercial(licence) else ""
    return [f"The teacher's weights come under the licence {licence}{forbidden}."]
