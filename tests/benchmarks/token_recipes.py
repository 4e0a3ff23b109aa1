"""How to train a model that sees a part of its tokens: several ways, at equal steps, on clips that no training saw.

    python examples/motion_dataset.py /tmp/motion --clips-per-class 200 --seed 5 --noise 90
    python tests/benchmarks/token_recipes.py /tmp/motion -o /tmp/recipes --share 0.25 --settings motion.json
    python tests/benchmarks/token_recipes.py /tmp/motion -o /tmp/recipes --share 0.25 --recipe mixed --only fold-0 ...
    python tests/benchmarks/compare_folds.py /tmp/recipes/lattice-0.25 /tmp/recipes/mixed-0.25

motion.json holds settings of vidcls-train, by name. Each recipe's folder is as `held_out.py folds` makes it. In
training a model sees

    lattice  one of the lattices that together are all tokens, drawn for each clip: as `vidcls-train --tokens` trains
    fixed    the lattice that it sees in use, always
    mixed    all tokens, a lattice of a half or one of the share, drawn for each batch (as FluxViT, ICCV 2025)
    branch   as lattice, and a small decoder predicts the pixels of what it does not see from what is below its last two
             layers, which are left to the labels (MAR, arXiv 2207.11660, whose bridging head they stand for)

and in use, and where validation chooses its epoch, the first lattice.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import click
import torch
from torch import nn
from torch.nn.functional import mse_loss
from transformers import PreTrainedModel, VideoMAEConfig

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.held_out import FOLDS, answers_of, folds, joined_clips, split_settings, trained_model
from vidcls.contract import Tokens, kept_tokens
from vidcls_train import finetune
from vidcls_train.data.masks import lattice_mask
from vidcls_train.model.families import token_count, token_grid
from vidcls_train.model.token_subset import TokenSubset
from vidcls_train.trainer.classification import ClassificationTrainer

RECIPES = ("lattice", "fixed", "mixed", "branch")
BRANCH_SHARE = 0.1  # of the loss that the branch's is
BRANCH_RATE = 3e-4  # AdamW's: by the rate of the encoder's Muon, 2e-3, it diverges, and the encoder with it
BRIDGE = 2  # layers above what the branch sees

Choose = Callable[[torch.Tensor, bool], torch.Tensor | None]


@click.command()
@click.argument("data")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--share", type=float, required=True, help="Of the tokens: 0.5, 0.25 or 0.125.")
@click.option("--recipe", "recipes", type=click.Choice(RECIPES), multiple=True, default=RECIPES)
@click.option("--settings", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--only", multiple=True, help="Names of folds; by default all.")
def main(
    data: str, output: Path, share: float, recipes: tuple[str, ...], settings: Path, only: tuple[str, ...]
) -> None:
    """Train every recipe on every fold, and write the logits of the clips that were held out."""
    given = {**json.loads(settings.read_text(encoding="utf-8")), "patch_dropout": 0}
    tokens = Tokens(rule="lattice", share=share)
    for recipe in recipes:
        folder = output / f"{recipe}-{share:g}"
        folder.mkdir(parents=True, exist_ok=True)
        answers = folder / "answers.jsonl"
        done = {json.loads(line)["run"] for line in answers.read_text().splitlines()} if answers.exists() else set()
        for name, split in folds(joined_clips(data, folder), FOLDS):
            if name in done or (only and name not in only):
                continue
            run = folder / name
            with mock.patch.object(finetune, "ClassificationTrainer", partial(TRAINERS[recipe], tokens=tokens)):
                finetune.train(split_settings(split, run, given), on_epoch=click.echo)
            model = trained_model(run)
            show(model, partial(CHOICES[recipe], model.config, tokens))
            lines = [json.dumps(row) + "\n" for row in answers_of(model, split, run, run=name)]
            with answers.open("a", encoding="utf-8") as file:
                file.writelines(lines)


def show(model: PreTrainedModel, choose: Choose) -> None:
    """Show a model's encoder what `choose` says of a batch, float32 [B, T, 3, H, W], and of whether it is training."""
    TokenSubset(model, lambda module, pixels: choose(pixels, module.training), order="last")


def lattice(config: VideoMAEConfig, tokens: Tokens, pixels: torch.Tensor, training: bool) -> torch.Tensor:
    """In training one drawn for each clip, int64 [B, n]; in use the first, [n]."""
    if not training:
        return fixed(config, tokens, pixels, training)
    hidden = torch.stack([lattice_mask(tokens, token_grid(config)) for _ in pixels])
    return (~hidden).nonzero()[:, 1].view(len(pixels), -1)


def fixed(config: VideoMAEConfig, tokens: Tokens, _pixels: torch.Tensor, _training: bool) -> torch.Tensor:
    """The first lattice, int64 [n]."""
    return torch.tensor(kept_tokens(tokens, grid=token_grid(config)))


def mixed(config: VideoMAEConfig, tokens: Tokens, pixels: torch.Tensor, training: bool) -> torch.Tensor | None:
    """In training all, a half or the share, drawn for the batch."""
    if not training:
        return fixed(config, tokens, pixels, training)
    drawn = (None, Tokens(rule="lattice", share=0.5), tokens)[int(torch.randint(3, ()))]
    return None if drawn is None else lattice(config, drawn, pixels, training)


class RecipeTrainer(ClassificationTrainer):
    """Trains a model that sees what one of the recipes says."""

    choose: Callable[..., torch.Tensor | None]

    def __init__(self, config: Any, model: PreTrainedModel, *, tokens: Tokens, **options: Any) -> None:
        show(model, partial(type(self).choose, model.config, tokens))
        super().__init__(config, model, **options)


class Branch(nn.Module):
    """What predicts the normalised pixels of every token from those that the encoder saw."""

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.hidden = nn.Parameter(torch.zeros(width))
        self.places = nn.Parameter(torch.randn(token_count(config), width) * 0.02)
        self.layers = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                width, config.num_attention_heads, 2 * width, activation="gelu", batch_first=True, norm_first=True
            ),
            num_layers=2,
            enable_nested_tensor=False,
        )
        self.pixels = nn.Linear(width, config.tubelet_size * config.patch_size**2 * 3)

    def forward(self, seen: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """float32 [B, tokens, pixels]. seen: float32 [B, n, width]; numbers: int64 [B, n], which they are."""
        every = self.hidden.expand(len(seen), len(self.places), -1)
        whole = every.scatter(1, numbers[..., None].expand_as(seen), seen)
        out: torch.Tensor = self.pixels(self.layers(whole + self.places))
        return out


class BranchTrainer(RecipeTrainer):
    """Has the encoder's lower layers predict what is hidden from it, beside the labels."""

    def __init__(self, config: Any, model: PreTrainedModel, *, tokens: Tokens, **options: Any) -> None:
        self._numbers = torch.zeros(0)
        self._seen = torch.zeros(0)
        # Not a part of the model, whose weights are saved, but trained by the same optimizer.
        self._branch = Branch(model.config)

        def choose(pixels: torch.Tensor, training: bool) -> torch.Tensor:
            self._numbers = lattice(model.config, tokens, pixels, training)
            return self._numbers

        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._seen = output if isinstance(output, torch.Tensor) else output[0]

        show(model, choose)
        model.base_model.encoder.layer[-BRIDGE - 1].register_forward_hook(keep)
        ClassificationTrainer.__init__(self, config, model, **options)
        self.optimizer.add_param_group(
            {
                "params": list(self._branch.parameters()),
                "lr": BRANCH_RATE,
                "weight_decay": config.optimization.weight_decay,
                "orthogonal": False,
            }
        )

    def compute_loss(self, model: Any, inputs: dict[str, torch.Tensor], **options: Any) -> Any:
        """The classifier's loss, and in training the branch's: the mean over hidden pixels, summed over clips."""
        loss: Any = super().compute_loss(model, inputs, **options)
        if "labels" in inputs:
            return loss
        wanted = patches(inputs["pixel_values"], self.model.config)
        hidden = torch.ones(wanted.shape[:2], dtype=torch.bool).scatter(1, self._numbers, False)
        error = mse_loss(self._branch(self._seen, self._numbers)[hidden], wanted[hidden])
        return loss + BRANCH_SHARE * error * len(wanted) * self.part_of_batch()


def patches(pixels: torch.Tensor, config: VideoMAEConfig) -> torch.Tensor:
    """float32 [B, T, 3, H, W] to [B, tokens, pixels of one], each of mean 0 and deviation 1, as VideoMAE has them."""
    tube, size = config.tubelet_size, config.patch_size
    batch, length, channels, height, width = pixels.shape
    cut = pixels.view(batch, length // tube, tube, channels, height // size, size, width // size, size)
    flat = cut.permute(0, 1, 4, 6, 2, 3, 5, 7).reshape(batch, token_count(config), -1)
    centred = flat - flat.mean(dim=2, keepdim=True)
    return centred / (flat.std(dim=2, keepdim=True) + 1e-6)


CHOICES: dict[str, Callable[..., torch.Tensor | None]] = {
    "lattice": lattice,
    "fixed": fixed,
    "mixed": mixed,
    "branch": lattice,
}
TRAINERS: dict[str, Callable[..., ClassificationTrainer]] = {
    **{name: type(f"{name}-trainer", (RecipeTrainer,), {"choose": staticmethod(CHOICES[name])}) for name in RECIPES},
    "branch": BranchTrainer,
}

if __name__ == "__main__":
    main()
