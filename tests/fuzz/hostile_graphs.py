"""ONNX graphs that do otherwise than they and their contracts say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from generated import contract_fields, model_weights

INPUT = [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", 4, 3, 32, 32])]
TRILLION, MANY = 10**12, 25 * 10**9


def sound_graph() -> onnx.ModelProto:
    return graph([helper.make_node("MatMul", ["flat", "weights"], ["logits"])])


def graph(
    nodes: list[onnx.NodeProto],
    *,
    output: onnx.ValueInfoProto | None = None,
    constants: dict[str, np.ndarray] | None = None,
    domains: tuple[str, ...] = (),
) -> onnx.ModelProto:
    """Nodes from "flat" [batch, values], the flattened input, to "logits", with "right" [batch, 4] on the way."""
    first = helper.make_node("Flatten", ["pixel_values"], ["flat"])
    right = [helper.make_node("MatMul", ["flat", "weights"], ["right"])] if _uses(nodes, "right") else []
    values = {"weights": model_weights(contract_fields()), **(constants or {})}
    made = helper.make_graph(
        [first, *right, *nodes],
        "tiny",
        INPUT,
        [output or helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    opsets = [helper.make_opsetid("", 18), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)


def _uses(nodes: list[onnx.NodeProto], name: str) -> bool:
    inner = [attribute.g for node in nodes for attribute in node.attribute if attribute.HasField("g")]
    return any(name in node.input for node in nodes) or any(_uses(list(part.node), name) for part in inner)


def node(kind: str, inputs: list[str], outputs: list[str] | None = None, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, outputs or ["logits"], **attributes)


def info(shape: list[Any] | None, kind: int = TensorProto.FLOAT, name: str = "logits") -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def _hidden(*shape: int) -> onnx.ModelProto:
    """Logits in a shape that the graph works out when it runs, as a product with what the input's sum makes 1."""
    return graph(
        [
            node("ReduceMax", ["pixel_values"], ["largest"], keepdims=0),
            node("IsNaN", ["largest"], ["isnan"]),
            node("Cast", ["isnan"], ["zero"], to=TensorProto.INT64),
            node("Add", ["shape", "zero"], ["target"]),
            node("Expand", ["half", "target"]),
        ],
        constants={"shape": ints(*shape), "half": np.array(0.5, np.float32)},
    )


def _loop(*, trips: int | None) -> onnx.ModelProto:
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Add", ["value", "value"], ["next"])],
        "body",
        [info([], TensorProto.INT64, "trip"), info([], TensorProto.BOOL, "go"), info(["b", 4], name="value")],
        [info([], TensorProto.BOOL, "on"), info(["b", 4], name="next")],
    )
    constants = {"true": np.array(True), "trips": np.array(trips or 0, np.int64)}
    return graph([node("Loop", ["trips" if trips else "", "true", "right"], body=body)], constants=constants)


def _branch() -> onnx.ModelProto:
    inner = helper.make_graph([node("Identity", ["right"], ["inner"])], "inner", [], [info(["b", 4], name="inner")])
    branches = {"then_branch": inner, "else_branch": inner}
    return graph([node("If", ["true"], **branches)], constants={"true": np.array(True)})


def _functions(levels: int) -> onnx.ModelProto:
    """Functions of which each calls the one below twice, up to 2^levels calls; the lowest calls the highest if 0."""
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    made = graph([helper.make_node(f"f{levels}", ["right"], ["logits"], domain="own")], domains=("own",))
    for level in range(levels + 1):
        below = f"f{level - 1}" if level else "f0"
        inner = [
            helper.make_node(below, ["x"], ["y"], domain="own"),
            helper.make_node(below, ["y"], ["z"], domain="own"),
        ]
        if level == 0 and levels:
            inner = [helper.make_node("Identity", ["x"], ["z"])]
        made.functions.append(helper.make_function("own", f"f{level}", ["x"], ["z"], inner, opsets))
    return made


def _external(name: str, place: str) -> onnx.ModelProto:
    made = sound_graph()
    tensor = made.graph.initializer[0]
    if place == "attribute":
        tensor = made.graph.node[0].attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t
        tensor.CopyFrom(made.graph.initializer[0])
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=name)
    tensor.external_data.add(key="offset", value="1024")
    return made


def _sparse() -> onnx.ModelProto:
    made = graph([node("ReduceSum", ["much"], ["sum"], keepdims=0), node("Add", ["right", "sum"])])
    values = numpy_helper.from_array(np.ones(1, np.float32), "much")
    indices = numpy_helper.from_array(ints(5), "much_indices")
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [TRILLION]))
    return made


def _claimed(dims: list[int]) -> onnx.ModelProto:
    made = sound_graph()
    made.graph.initializer[0].dims[:] = dims
    return made


def _nan(value: float) -> onnx.ModelProto:
    return graph([node("Mul", ["right", "value"])], constants={"value": np.array(value, np.float32)})


def _more_outputs() -> onnx.ModelProto:
    made = graph([node("Identity", ["right"])])
    made.graph.output.append(info(["batch", 4], name="right"))
    return made


def _summed(nodes: list[onnx.NodeProto], **constants: Any) -> onnx.ModelProto:
    """The right logits plus the sum of "much", which the nodes make."""
    ending = [node("ReduceSum", ["much"], ["sum"], keepdims=0), node("Add", ["right", "sum"])]
    return graph([*nodes, *ending], constants={name: np.asarray(value) for name, value in constants.items()})


def _filled(*shape: int) -> onnx.ModelProto:
    return _summed([node("ConstantOfShape", ["shape"], ["much"])], shape=ints(*shape))


def _doubled(times: int) -> onnx.ModelProto:
    nodes = [node("Concat", [f"x{n}", f"x{n}"], [f"x{n + 1}"], axis=0) for n in range(times)]
    return _summed([*nodes, node("Identity", [f"x{times}"], ["much"])], x0=np.zeros(1024, np.float32))


def _squared(times: int) -> onnx.ModelProto:
    """The outer product of the input with itself, 600 MB, and that one's products with itself."""
    products = [node("MatMul", [f"m{n}", f"m{n}"], [f"m{n + 1}"]) for n in range(times)]
    first = [node("Reshape", ["flat", "column"], ["c"]), node("Mul", ["c", "flat"], ["m0"])]
    return _summed([*first, *products, node("Identity", [f"m{times}"], ["much"])], column=ints(-1, 1))


def _slow(times: int) -> onnx.ModelProto:
    """Little memory, and minutes of work."""
    products = [node("MatMul", [f"m{n}", "m"], [f"m{n + 1}"]) for n in range(times)]
    start = [node("ConstantOfShape", ["shape"], ["ones"]), node("Mul", ["ones", "first"], ["m"])]
    start += [node("ReduceMax", ["right"], ["first"], keepdims=0), node("Identity", ["m"], ["m0"])]
    ordered = [start[2], start[0], start[1], start[3]]
    return _summed([*ordered, *products, node("Identity", [f"m{times}"], ["much"])], shape=ints(1500, 1500))


def _cast(element: int, *, declared: int) -> onnx.ModelProto:
    return graph([node("Cast", ["right"], to=element)], output=info(["batch", 4], declared))


def _sequence() -> onnx.ModelProto:
    output = helper.make_tensor_sequence_value_info("logits", TensorProto.FLOAT, None)
    return graph([node("SequenceConstruct", ["right"])], output=output)


def _of_domain(kind: str, domain: str, **attributes: Any) -> onnx.ModelProto:
    return graph([helper.make_node(kind, ["right"], ["logits"], domain=domain, **attributes)], domains=(domain,))


def _circle() -> onnx.ModelProto:
    return graph(
        [node("Add", ["right", "b"], ["a"]), node("Add", ["a", "right"], ["b"]), node("Add", ["a", "b"])],
    )


def _five() -> onnx.ModelProto:
    constants = {"half": np.array(0.5, np.float32), "shape": ints(1, 5)}
    return graph([node("Expand", ["half", "shape"])], output=info(["batch", 5]), constants=constants)


F32, F64, F16 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16
ONE = np.zeros(1, np.float32)

GRAPHS: dict[str, Callable[[], onnx.ModelProto]] = {
    "the sound one": sound_graph,
    "five logits, declared": _five,
    "five logits": lambda: _hidden(1, 5),
    "one logit": lambda: _hidden(1, 1),
    "two answers": lambda: _hidden(2, 4),
    "no answer": lambda: _hidden(0, 4),
    "three dimensions": lambda: _hidden(1, 4, 1),
    "one dimension": lambda: _hidden(4),
    "no dimension": lambda: graph([node("ReduceSum", ["right"], keepdims=0)], output=info(None)),
    "as many as the batch": lambda: graph([node("Transpose", ["right"], perm=[1, 0])], output=info([4, "batch"])),
    "no declared shape": lambda: graph([node("Identity", ["right"])], output=info(None)),
    "float64": lambda: _cast(F64, declared=F64),
    "float16": lambda: _cast(F16, declared=F16),
    "int64": lambda: _cast(TensorProto.INT64, declared=TensorProto.INT64),
    "texts": lambda: _cast(TensorProto.STRING, declared=TensorProto.STRING),
    "float64, declared float32": lambda: _cast(F64, declared=F32),
    "a sequence": _sequence,
    "NaN": lambda: _nan(np.nan),
    "infinity": lambda: _nan(np.inf),
    "huge logits": lambda: _nan(1e37),
    "an endless loop": lambda: _loop(trips=None),
    "a long loop": lambda: _loop(trips=2**62),
    "a short loop": lambda: _loop(trips=1),
    "a branch": _branch,
    "a function that calls itself": lambda: _functions(0),
    "a function": lambda: _functions(1),
    "2^40 calls of functions": lambda: _functions(40),
    "a trillion values": lambda: _filled(TRILLION),
    "100 GB": lambda: _filled(MANY),
    "8 GB": lambda: _filled(2 * 10**9),
    "2 GB in two dimensions": lambda: _filled(2**14, 2**15),
    "a negative size": lambda: _filled(-5),
    "sizes that overflow": lambda: _filled(2**33, 2**33),
    "10 MB": lambda: _filled(2_500_000),
    "2^40 values by doubling": lambda: _doubled(30),
    "a range of 10^11": lambda: _summed(
        [node("Range", ["a", "b", "c"], ["much"])], a=np.float32(0), b=np.float32(1e11), c=np.float32(1)
    ),
    "a tile of 10^11": lambda: _summed([node("Tile", ["one", "n"], ["much"])], one=ONE, n=ints(10**11)),
    "padding by 10^11": lambda: _summed([node("Pad", ["one", "n"], ["much"])], one=ONE, n=ints(0, 10**11)),
    "the outer product of the input": lambda: _squared(0),
    "products of products": lambda: _squared(300),
    "minutes of work": lambda: _slow(5000),
    "an operator of an unknown domain": lambda: _of_domain("Evil", "com.evil"),
    "an operator that does not exist": lambda: graph([node("Evil", ["right"])]),
    "an operator with an escape": lambda: graph([node("Evil\x1b[2J\nError: forged", ["right"])]),
    "a context of another engine": lambda: _of_domain(
        "EPContext", "com.microsoft", embed_mode=0, ep_cache_context="/etc/passwd"
    ),
    "values in /etc/passwd": lambda: _external("/etc/passwd", "initializer"),
    "values in another folder": lambda: _external("../../../etc/passwd", "initializer"),
    "values in /dev/zero": lambda: _external("/dev/zero", "initializer"),
    "values in memory": lambda: _external("*/_ORT_MEM_ADDR_/*", "initializer"),
    "values of an attribute elsewhere": lambda: _external("/etc/passwd", "attribute"),
    "a sparse tensor of a trillion": _sparse,
    "weights of other sizes": lambda: _claimed([12288, 5]),
    "weights of a trillion": lambda: _claimed([TRILLION, 4]),
    "weights of negative sizes": lambda: _claimed([-1, -4]),
    "a circle": _circle,
    "a missing input": lambda: graph([node("Add", ["right", "nowhere"])]),
    "no nodes": lambda: graph([]),
    "another input": lambda: _renamed("pixel_values", "pixel_frames"),
    "another output": lambda: _renamed("logits", "answer"),
    "two outputs": _more_outputs,
}


def _renamed(old: str, new: str) -> onnx.ModelProto:
    """new: as long as `old`."""
    return onnx.load_from_string(sound_graph().SerializeToString().replace(old.encode(), new.encode()))
