"""Which model is recommended, by times and proofs that are small enough to be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generated import contract_fields
from vidcls.contract import ModelContract, from_json
from vidcls.diagnostics.candidates import Placement
from vidcls.diagnostics.comparison import Failure, Row, SelfTestResult
from vidcls.diagnostics.recommendation import Limits, Recommendation, median_interval, proofs, recommend, time_ratio

LIMITS = Limits(max_loss=0.03, min_agreement=0.99)
STEADY = (100.0,) * 6


def contract(
    *,
    videos: int = 100,
    agreement: float = 1.0,
    pytorch: float | None = 0.8,
    onnx: float | None = 0.8,
    share: float | None = None,
    **sections: Any,
) -> ModelContract:
    """As a file checked on so many clips has it. share: of tokens, made of a checkpoint that was trained with all."""
    fields = contract_fields()
    fields["self_test"]["logits"] = [0.0] * len(fields["labels"])
    fields["parity"] |= {
        "videos": videos,
        "top1_agreement": agreement,
        "accuracy_pytorch": pytorch,
        "accuracy_onnx": onnx,
    }
    if share is not None:
        fields |= {"tokens": {"rule": "lattice", "share": share}, "accuracy": None}
    for name, value in sections.items():
        fields[name] = {**(fields[name] or {}), **value} if isinstance(value, dict) else value
    return from_json(ModelContract, json.dumps(fields), where="test")


def row(
    total: tuple[float, ...] = STEADY,
    inference: tuple[float, ...] = STEADY,
    *,
    of: ModelContract | None = None,
    problem: str | None = None,
) -> Row:
    return Row(
        path=Path("m.onnx"),
        contract=contract() if of is None else of,
        placement=Placement(engine="onnxruntime", device="cpu"),
        failure=None,
        times_ms={"total": total, "inference": inference},
        self_test=SelfTestResult(ok=problem is None, max_abs_diff=0.0, tolerance=0.1, problem=problem),
    )


FAILED = Row(path=Path("m.onnx"), contract=None, placement=None, failure=Failure(type="ModelError", message="broken"))


def advice(*rows: Row) -> Recommendation:
    return recommend(rows, proofs(rows, LIMITS))


# Ranks of the ends, counted from 1, as tables of the sign test have them; 95 % or more lies between.
@pytest.mark.parametrize(("count", "ranks"), [(6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (25, (8, 18)), (50, (18, 33))])
def test_the_interval_of_a_median_is_that_of_the_sign_test(count: int, ranks: tuple[int, int]) -> None:
    assert median_interval([*range(count, 0, -1)]) == ranks


def test_fewer_than_six_runs_tell_nothing() -> None:
    assert median_interval([1.0] * 5) is None


def test_times_are_paired_by_run_so_that_a_slow_spell_meets_both() -> None:
    slow_spell = (10.0, 10.0, 90.0, 90.0, 10.0, 10.0)
    ratio = time_ratio(row(tuple(value / 2 for value in slow_spell)), row(slow_spell), stage="total")
    assert (ratio.median, ratio.interval) == (0.5, (0.5, 0.5))


def test_the_fastest_that_is_proven_is_taken() -> None:
    slow, fast, fastest = row(), row((50.0,) * 6), row((10.0,) * 6, of=contract(parity=None))
    assert advice(slow, fast, fastest) == Recommendation(recommended=1, fastest=2, tied=())


def test_where_times_overlap_the_one_that_loses_least_is_taken_and_the_others_named() -> None:
    # Run by run 0.9 and 1.1 of each other's time, in total and in inference.
    even, odd = (90.0, 110.0) * 3, (110.0, 90.0) * 3
    lossy, exact = row(even, even, of=contract(onnx=0.78)), row(odd, odd)
    slower = row((300.0,) * 6)
    assert advice(lossy, exact, slower) == Recommendation(recommended=1, fastest=0, tied=(0,))


def test_where_times_and_losses_are_alike_the_one_that_answers_most_as_pytorch_is_taken() -> None:
    even, odd = (90.0, 110.0) * 3, (110.0, 90.0) * 3
    quick = row(even, (89.0, 110.0) * 3, of=contract(agreement=0.99))
    assert advice(quick, row(odd, odd)) == Recommendation(recommended=1, fastest=0, tied=(0,))


def test_where_totals_overlap_inference_decides() -> None:
    even, odd = (90.0, 110.0) * 3, (110.0, 90.0) * 3
    assert advice(row(even, STEADY), row(odd, (10.0,) * 6)) == Recommendation(recommended=1, fastest=0, tied=())


def test_accuracy_is_given_up_for_a_total_that_is_less_and_not_for_inference_alone() -> None:
    even, odd = (90.0, 110.0) * 3, (110.0, 90.0) * 3
    lossy = contract(onnx=0.78)
    alone = advice(row(even, STEADY), row(odd, (10.0,) * 6, of=lossy))
    assert alone == Recommendation(recommended=0, fastest=0, tied=(1,))
    assert advice(row(even, STEADY), row((50.0,) * 6, (10.0,) * 6, of=lossy)).recommended == 1


def test_a_clear_total_is_not_overruled_by_inference() -> None:
    quick = row((80.0,) * 6, (60.0,) * 6)
    assert advice(row((100.0,) * 6, (50.0,) * 6), quick, quick) == Recommendation(recommended=1, fastest=1, tied=(2,))


def test_rows_that_are_each_slower_than_the_next_still_give_an_answer() -> None:
    # b is slower than a in total; a is slower than c, and c than b, by inference, as their totals overlap.
    a = row((100, 100, 100, 100, 100, 100), (20.0,) * 6)
    b = row((110, 110, 110, 110, 110, 110), (5.0,) * 6)
    c = row((90, 130, 90, 130, 90, 130), (10.0,) * 6)
    assert advice(a, b, c) == Recommendation(recommended=0, fastest=0, tied=())


def test_a_failed_self_test_excludes_a_row_even_from_the_fastest() -> None:
    assert advice(row(), row((10.0,) * 6, problem="the logits differ")) == Recommendation(
        recommended=0, fastest=0, tied=()
    )
    wrong = proofs([row(problem="the logits differ")], LIMITS)[0]
    assert wrong.problem == "its self-test fails here: the logits differ"


def test_where_nothing_runs_or_nothing_is_proven_nothing_is_recommended() -> None:
    assert advice(FAILED) == Recommendation(recommended=None, fastest=None, tied=())
    assert advice(FAILED, row(of=contract(parity=None))) == Recommendation(recommended=None, fastest=1, tied=())


@pytest.mark.parametrize(
    ("of", "problem"),
    [
        (contract(), None),
        (contract(agreement=0.99), None),
        (contract(agreement=0.98), "PyTorch's top-1 answer on 0.980 of 100 clips, less than 0.99"),
        (contract(onnx=0.77), None),  # exactly what may be lost, but for a rounding of doubles
        (
            contract(onnx=0.76),
            "it loses 0.040 of the accuracy 0.800 on the checked clips that are new to the model, more than 0.03",
        ),
        (contract(pytorch=None, onnx=None), None),  # its answers are the trained model's, whatever those are worth
        (contract(parity=None), "nothing proven: exported without --check"),
    ],
)
def test_what_a_file_of_the_first_checkpoint_proves(of: ModelContract, problem: str | None) -> None:
    found = proofs([row(of=of)], LIMITS)[0].problem
    assert found is problem is None or (problem is not None and problem in str(found))


def test_fewer_tokens_are_compared_with_the_trained_model_and_not_with_themselves() -> None:
    half, quarter = contract(share=0.5, pytorch=0.78, onnx=0.78), contract(share=0.25, pytorch=0.7, onnx=0.7)
    full, of_half, of_quarter = proofs([row(), row(of=half), row(of=quarter)], LIMITS)
    assert full.problem is of_half.problem is None
    assert of_half.loss == pytest.approx(0.02)
    assert of_quarter.accuracy_trained == 0.8
    assert (
        of_quarter.problem
        == "it loses 0.100 of the accuracy 0.800 on the checked clips that are new to the model, more than 0.03"
    )


@pytest.mark.parametrize(
    "beside",
    [contract(videos=99), contract(parity=None), contract(pytorch=None, onnx=None), contract(share=0.5)],
    ids=["other clips", "never checked", "without labels", "not as trained either"],
)
def test_what_fewer_tokens_lose_is_unknown_without_the_trained_models_accuracy(beside: ModelContract) -> None:
    found = proofs([row(of=beside), row(of=contract(share=0.25))], LIMITS)[1]
    assert found.loss is None
    assert "what it loses is not known" in str(found.problem)


def test_a_checkpoint_trained_with_fewer_tokens_is_itself_the_trained_model() -> None:
    trained = contract(
        share=0.25, accuracy={"split": "test", "videos": 2, "views": 1, "crops": 1, "top1": 1, "top5": 1}
    )
    assert proofs([row(of=trained)], LIMITS)[0].problem is None


def test_another_checkpoint_is_compared_with_the_first_ones_accuracy() -> None:
    other = {"checkpoint_sha256": "cd" * 32}
    better = contract(share=0.25, pytorch=0.82, onnx=0.81, source=other)
    unlabelled = contract(pytorch=None, onnx=None, source=other)
    clips = {"algorithm": "dct-1", "train": "AAAAAAAAAAAAAAAAAAAAAA==", "val": ""}
    knows_others = contract(source={**other, "clips": clips})
    _, found, unknown, incomparable = proofs(
        [row(), *(row(of=of) for of in (better, unlabelled, knows_others))], LIMITS
    )
    assert (found.accuracy_trained, found.problem) == (0.8, None)
    assert found.loss == pytest.approx(-0.01)
    assert "what it loses is not known" in str(unknown.problem)
    assert incomparable.accuracy_trained is None
