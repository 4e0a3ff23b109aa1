"""The largest score of a fused attention: never told too small, exact where it matters, never by way of all scores."""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from vidcls_export.precision.attention_scores import score_magnitude

BATCH, TOKENS, HEADS, SIZE, SCALE = 2, 40, 4, 8, -0.3


def attention_of(query: npt.NDArray[np.float32], key: npt.NDArray[np.float32], *, largest: float) -> onnx.ModelProto:
    """A graph that makes the largest |score| of two constants."""
    attention = helper.make_node("MultiHeadAttention", ["query", "key", "value"], ["context"], num_heads=HEADS)
    attention.attribute.append(helper.make_attribute("scale", SCALE))
    graph = helper.make_graph(
        score_magnitude(attention, "magnitude", largest=largest),
        "scores",
        [],
        [helper.make_tensor_value_info("magnitude", TensorProto.FLOAT, [])],
        [numpy_helper.from_array(query, "query"), numpy_helper.from_array(key, "key")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def drawn(seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    query, key = rng.normal(size=(2, BATCH, TOKENS, HEADS * SIZE)).astype(np.float32)
    return query, key


def largest_score(query: npt.NDArray[np.float32], key: npt.NDArray[np.float32]) -> float:
    """The same, all scores computed."""
    split = (BATCH, TOKENS, HEADS, SIZE)
    scores = np.einsum("bqhs,bkhs->bhqk", query.astype(float).reshape(split), key.astype(float).reshape(split))
    return float(np.abs(SCALE * scores).max())


def measured(query: npt.NDArray[np.float32], key: npt.NDArray[np.float32], *, largest: float) -> float:
    content = attention_of(query, key, largest=largest).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return float(session.run(None, {})[0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("of_it", [0.1, 0.9, 0.999, 1.001, 1.1, 1.5, 10])
def test_what_is_too_large_is_exact_and_what_fits_is_never_told_smaller(seed: int, of_it: float) -> None:
    query, key = drawn(seed)
    exact = largest_score(query, key)
    largest = of_it * exact
    found = measured(query, key, largest=largest)
    assert (found > largest) is (exact > largest)
    assert found >= exact * (1 - 1e-5)  # float32
    assert found <= max(exact * (1 + 1e-5), largest)


def test_a_large_score_of_either_sign_is_found() -> None:
    query, key = drawn(0)
    query[1, 7, SIZE : 2 * SIZE] = 1e3
    for sign in (-1, 1):
        key[0, 5] = 0
        key[1, 30, SIZE : 2 * SIZE] = sign * 1e3
        assert measured(query, key, largest=100) == pytest.approx(largest_score(query, key), rel=1e-5)


def test_infinite_numbers_do_not_fit() -> None:
    query, key = drawn(0)
    query[0, 0, 0] = np.inf
    key[:] = 1
    assert not measured(query, key, largest=100) <= 100


def test_no_tensor_on_the_way_holds_the_scores_of_all_heads() -> None:
    proto = attention_of(*drawn(0), largest=0)
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True).graph
    (choice,) = (node for node in inferred.node if node.op_type == "If")
    (exact,) = (attribute.g for attribute in choice.attribute if attribute.name == "else_branch")
    (scan,) = (node for node in exact.node if node.op_type == "Scan")
    (body,) = (attribute.g for attribute in scan.attribute if attribute.name == "body")
    sizes = {
        value.name: prod(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for graph in (inferred, exact, body)
        for value in graph.value_info
    }
    assert sizes["magnitude_scores"] == BATCH * TOKENS * TOKENS  # of one head, and nothing is larger
    assert sizes["magnitude_query"] == BATCH * TOKENS * HEADS * SIZE  # known, as those of all others are
    assert {"magnitude_query_norms", "magnitude_key_heads", "magnitude_bound"} <= set(sizes)
    assert max(sizes.values()) == BATCH * TOKENS * TOKENS
