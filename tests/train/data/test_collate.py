from __future__ import annotations

from functools import partial

import pytest
import torch

from vidcls_train.data.augmentation import PairMixing
from vidcls_train.data.collate import Collate
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.masks import patch_dropout_mask


def test_a_clip_is_mixed_with_its_neighbour_and_only_with_it(dataset: ClipDataset) -> None:
    collate = Collate(PairMixing(mixup=0.8, cutmix=1.0), branches=6, hide=partial(patch_dropout_mask, 8, 0.25), seed=7)
    clips = [dataset[epoch, index] for epoch, index in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))]
    batch = collate(clips)
    assert batch["pixel_values"].shape == (5, 4, 3, 32, 32)
    assert batch["skip_draws"].shape == (6, 5)
    assert batch["hidden"].sum(dim=1).tolist() == [2] * 5
    plain = torch.stack([clip["pixel_values"] for clip in clips])
    for first in (0, 2):
        share = batch["targets"][first, clips[first]["target"].argmax()].item()
        assert batch["targets"][first, clips[first + 1]["target"].argmax()].item() == pytest.approx(1 - share)
        # Pixels and labels are mixed by the same share: by area where a rectangle is swapped, everywhere otherwise.
        swapped = batch["pixel_values"][first] == plain[first + 1]
        kept = batch["pixel_values"][first] == plain[first]
        if (swapped | kept).all():
            assert kept.float().mean().item() >= share - 1e-6
        else:
            mixed = share * plain[first] + (1 - share) * plain[first + 1]
            torch.testing.assert_close(batch["pixel_values"][first], mixed)
    assert torch.equal(batch["pixel_values"][4], plain[4])
    assert batch["targets"][4].tolist() == [1.0, 0.0, 0.0, 0.0]
    # A part of the batch, as another process would have it, comes out the same.
    part = collate(clips[2:])
    for name, value in part.items():
        whole = batch[name][:, 2:] if name == "skip_draws" else batch[name][2:]
        assert torch.equal(value, whole), name


def test_what_is_drawn_for_a_clip_changes_with_seed_epoch_and_video() -> None:
    pixels = torch.rand(2, 4, 3, 32, 32)

    def drawn(seed: int, epoch: int, first: int) -> dict[str, torch.Tensor]:
        clips = [
            {"pixel_values": pixels[n], "target": torch.eye(2)[n], "key": (epoch, first + n)}
            for n in range(len(pixels))
        ]
        mixing = PairMixing(mixup=0.8, cutmix=0.0)
        return Collate(mixing, branches=6, hide=partial(patch_dropout_mask, 80, 0.5), seed=seed)(clips)

    usual = drawn(seed=7, epoch=0, first=0)
    for other in (drawn(seed=8, epoch=0, first=0), drawn(seed=7, epoch=1, first=0), drawn(seed=7, epoch=0, first=2)):
        assert not torch.isclose(other["skip_draws"], usual["skip_draws"]).all(dim=0).any()
        assert not torch.isclose(other["targets"], usual["targets"]).any()
        assert (other["hidden"] != usual["hidden"]).any(dim=1).all()


def test_what_several_labels_say_is_mixed_by_the_same_share() -> None:
    targets = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    clips = [
        {"pixel_values": torch.full((4, 3, 32, 32), float(n)), "target": targets[n], "key": (0, n)} for n in range(2)
    ]
    mixing = PairMixing(mixup=0.8, cutmix=0.0)
    batch = Collate(mixing, branches=6, hide=partial(patch_dropout_mask, 8, 0.0), seed=7)(clips)
    share = 1 - batch["pixel_values"][0, 0, 0, 0, 0].item()
    assert 0 < share < 1
    torch.testing.assert_close(batch["targets"][0], share * targets[0] + (1 - share) * targets[1])
