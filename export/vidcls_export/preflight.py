"""What can be refused of an export before PyTorch is loaded: options, clips to check on, the checkpoint's files."""

from __future__ import annotations

from pathlib import Path

from vidcls.contract import TOKEN_CHOICES, tokens_text
from vidcls.errors import ArgumentError
from vidcls.region import Region
from vidcls_export.checkpoint.files import check_files, trained_tokens
from vidcls_export.checkpoint.location import named
from vidcls_export.options import Graph, Precision, check_options, list_checked, target_of


def check_export(
    checkpoint: str,
    output: Path,
    *,
    precision: Precision,
    graph: Graph,
    check: Path | None,
    negatives: Path | None,
    min_agreement: float,
    region: Region | None,
    clip_seconds: float | None,
    tokens: str | None,
    max_loss: float,
    report: Path | None,
) -> None:
    """Refuse what `export` would refuse, as far as no weights have to be read for it; a model on the hub is fetched.

    Args:
        all: as for `export`.

    Raises:
        ModelError: there is no such checkpoint, or it cannot be exported.
        ValueError: an argument is out of range, or there are no videos to check on.
    """
    check_options(precision, graph, tokens, check=check, shares={"min_agreement": min_agreement, "max_loss": max_loss})
    target_of(output, report, precision, graph, region)
    for folder in (check, negatives):
        if folder is not None:
            list_checked(folder)
    with named(checkpoint) as place:
        check_files(place, clip_seconds=clip_seconds, tokens=tokens)


def check_loss_counts(checkpoint: str, tokens: str) -> None:
    """Refuse a limit of what fewer tokens may cost where they are those of the training, which cost nothing.

    Args:
        checkpoint, tokens: as for `export`.

    Raises:
        ModelError: as `check_export`.
        ValueError: they are those.
    """
    with named(checkpoint) as place:
        trained = trained_tokens(place)
    if TOKEN_CHOICES[tokens] == trained:
        instead = "leave it out" if trained.rule != "all" else "leave it out, or give --tokens too"
        raise ArgumentError(
            f"--max-loss is for fewer tokens than the checkpoint was trained with, and {checkpoint} was trained with "
            f"{tokens_text(trained)}, as --tokens says; {instead}"
        )
