from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from generated import write_clip
from vidcls.clips import read_clips
from vidcls.contract import read_checkpoint
from vidcls_train.config.groups import AugmentationConfig
from vidcls_train.data.augmentation import PairMixing, training_transform
from vidcls_train.data.datasets import ClipDataset, Collate, EpochSampler, ViewDataset
from vidcls_train.data.frame_cache import FrameStore
from vidcls_train.data.video import DecodedVideo

VARIED = AugmentationConfig(
    crop_scale_min=0.3,
    color_jitter=0.3,
    hue_jitter=0.1,
    grayscale_prob=0.1,
    rand_augment=7,
    random_erasing_prob=0.25,
)


@pytest.fixture
def dataset(tmp_path: Path, checkpoint: Path) -> ClipDataset:
    contract = read_checkpoint(checkpoint)
    store = FrameStore(tmp_path / "store", short_side=64, limit_bytes=10**9)
    paths = [write_clip(tmp_path / f"{number}.mp4", frames=90) for number in range(3)]
    videos = [DecodedVideo(path, store.fill(path), store) for path in paths]
    return ClipDataset(
        videos,
        [2, 0, 1],
        image=contract.image,
        clip_seconds=contract.sampling.clip_seconds,
        transform=training_transform(contract.image, VARIED, frames=contract.sampling.frames, flip=True),
        seed=7,
    )


def test_a_clip_depends_on_seed_epoch_and_video_alone(dataset: ClipDataset) -> None:
    first = dataset[3, 1]
    random.seed(99)
    torch.manual_seed(99)
    dataset[0, 0]
    assert torch.equal(dataset[3, 1]["pixel_values"], first["pixel_values"])
    assert first["label"] == 0
    assert first["pixel_values"].shape == (4, 3, 32, 32)
    others = [dataset[epoch, 1]["pixel_values"] for epoch in range(3)]
    assert not any(torch.equal(other, first["pixel_values"]) for other in others)


def test_drawing_a_clip_leaves_the_global_generators_alone(dataset: ClipDataset) -> None:
    random.seed(5)
    torch.manual_seed(5)
    expected = random.random(), torch.rand(1).item()  # noqa: S311
    random.seed(5)
    torch.manual_seed(5)
    dataset[0, 0]
    assert (random.random(), torch.rand(1).item()) == expected  # noqa: S311


@pytest.mark.parametrize(
    ("videos", "batch_size", "lengths"), [(50, 16, [13, 13, 12, 12]), (5, 8, [5]), (9, 4, [3, 3, 3])]
)
def test_an_epoch_takes_every_video_once_in_an_order_of_its_own_in_even_batches(
    videos: int, batch_size: int, lengths: list[int]
) -> None:
    sampler = EpochSampler(range(videos), batch_size=batch_size, seed=1)
    orders = []
    for epoch in (0, 1, 0):
        sampler.epoch = epoch
        batches = list(sampler)
        assert [len(batch) for batch in batches] == lengths == [sampler.batch_length(n) for n in range(len(lengths))]
        assert len(batches) == len(sampler)
        keys = [key for batch in batches for key in batch]
        assert {key[0] for key in keys} == {epoch}
        assert sorted(index for _, index in keys) == list(range(videos))
        orders.append([index for _, index in keys])
    assert orders[0] == orders[2] != orders[1]


@pytest.mark.parametrize(("processes", "steps"), [(2, 1), (1, 3), (2, 2)])
def test_the_parts_of_a_batch_are_whole_pairs_of_it(processes: int, steps: int) -> None:
    whole = list(EpochSampler(range(50), batch_size=16, seed=1))
    shares = [
        list(EpochSampler(range(50), batch_size=16, seed=1, accumulation_steps=steps, processes=processes, rank=rank))
        for rank in range(processes)
    ]
    for number, batch in enumerate(whole):
        parts = [share[number * steps + step] for step in range(steps) for share in shares]
        assert [key for part in parts for key in part] == batch
        assert all(parts)
        assert all(len(part) % 2 == 0 for part in parts[:-1])


def test_batches_too_small_for_their_parts_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"batches of 1 clips cannot be shared by 2 processes .* raise --batch-size to 4"
    ):
        EpochSampler(range(9), batch_size=2, seed=1, processes=2)


def test_a_clip_is_mixed_with_its_neighbour_and_only_with_it(dataset: ClipDataset) -> None:
    collate = Collate(PairMixing(mixup=0.8, cutmix=1.0), labels=4, branches=6, tokens=8, patch_dropout=0.25, seed=7)
    clips = [dataset[epoch, index] for epoch, index in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))]
    batch = collate(clips)
    assert batch["pixel_values"].shape == (5, 4, 3, 32, 32)
    assert batch["skip_draws"].shape == (6, 5)
    assert batch["hidden"].sum(dim=1).tolist() == [2] * 5
    plain = torch.stack([clip["pixel_values"] for clip in clips])
    for first in (0, 2):
        share = batch["targets"][first, clips[first]["label"]].item()
        assert batch["targets"][first, clips[first + 1]["label"]].item() == pytest.approx(1 - share)
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
        clips = [{"pixel_values": pixels[n], "label": n, "key": (epoch, first + n)} for n in range(len(pixels))]
        mixing = PairMixing(mixup=0.8, cutmix=0.0)
        return Collate(mixing, labels=2, branches=6, tokens=80, patch_dropout=0.5, seed=seed)(clips)

    usual = drawn(seed=7, epoch=0, first=0)
    for other in (drawn(seed=8, epoch=0, first=0), drawn(seed=7, epoch=1, first=0), drawn(seed=7, epoch=0, first=2)):
        assert not torch.isclose(other["skip_draws"], usual["skip_draws"]).all(dim=0).any()
        assert not torch.isclose(other["targets"], usual["targets"]).any()
        assert (other["hidden"] != usual["hidden"]).any(dim=1).all()


def test_validation_sees_the_sdks_middle_view(tmp_path: Path, checkpoint: Path) -> None:
    contract = read_checkpoint(checkpoint)
    path = write_clip(tmp_path / "clip.mp4", frames=90)
    frames = read_clips(path, contract).frames[0]
    np.save(tmp_path / "view.npy", frames)
    item = ViewDataset([tmp_path / "view.npy"], [3], contract)[0]
    mean, std = torch.tensor(contract.image.mean), torch.tensor(contract.image.std)
    expected = ((torch.from_numpy(frames) / 255 - mean) / std).permute(0, 3, 1, 2)
    assert torch.equal(item["pixel_values"], expected)
    assert item["labels"] == 3
