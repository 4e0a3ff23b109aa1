from __future__ import annotations

import pytest

from vidcls_train.data.epoch_sampler import EpochSampler


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
