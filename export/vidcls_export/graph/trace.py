"""PyTorch model -> fp32 ONNX graph, through Optimum: fixed shapes with a free batch."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from optimum.exporters.onnx import onnx_export_from_model
from transformers import PreTrainedModel

from vidcls.contract import Image
from vidcls.errors import ModelError
from vidcls_export.architectures import architecture_of
from vidcls_export.graph.attention import DOMAIN, constant_positions, fused_attention
from vidcls_export.graph.onnx_config import TASK, VideoClassifierOnnxConfig, of_transformers
from vidcls_export.graph.pixels import raw_pixels
from vidcls_export.graph.reshapes import fix_reshapes
from vidcls_export.graph.tokens import ALL, Shown, shown_position_embeddings
from vidcls_export.options import Graph
from vidcls_export.quiet import quiet

OPSET = 18
INPUT, OUTPUT = "pixel_values", "logits"


def trace(model: PreTrainedModel, image: Image, *, graph: Graph, scratch: Path, shown: Shown = ALL) -> onnx.ModelProto:
    """Export `model` in fp32, from uint8 frames [batch, T, H, W, 3] to logits [batch, labels].

    Args:
        model: a video classifier in fp32.
        image: how its frames are normalised, which becomes part of the graph.
        graph: "onnxruntime" uses its fused operators, "portable" standard ONNX only.
        scratch: folder with room for the graph while it is made; nothing stays in it.
        shown: the tokens that the model sees.

    Returns:
        The graph: its input uint8 RGB [batch, T, H, W, 3] is called `INPUT`, its output float32 [batch, labels]
        `OUTPUT`, and only the batch is free.

    Raises:
        ModelError: the graph did not come out as `graph` promises.
    """
    architecture = architecture_of(model)
    fused = fused_attention(model, opset=OPSET) if graph == "onnxruntime" else nullcontext()
    # Optimum also writes config.json and preprocessor_config.json, which go with the folder.
    with TemporaryDirectory(dir=scratch) as folder:
        with (
            quiet(),
            fused,
            raw_pixels(model, architecture, image, shown=shown),
            shown_position_embeddings(model, shown),
            constant_positions(model),
            of_transformers(model),
        ):
            onnx_export_from_model(
                model,
                folder,
                task=TASK,
                opset=OPSET,
                custom_onnx_configs={"model": VideoClassifierOnnxConfig(model.config, task=TASK)},
                do_validation=False,  # the exporter compares the finished file with PyTorch
                device="cpu",
            )
        proto = onnx.load(Path(folder) / "model.onnx")
    _rename_input(proto)
    fix_reshapes(proto)
    _check_operators(proto, graph=graph, attentions=architecture.attentions(model.config))
    return proto


def _rename_input(proto: onnx.ModelProto) -> None:
    """One name for the input, whatever the model calls it."""
    (value,) = proto.graph.input
    for node in proto.graph.node:
        node.input[:] = [INPUT if name == value.name else name for name in node.input]
    value.name = INPUT


def count_operators(proto: onnx.ModelProto) -> dict[str, int]:
    """{operator: how many nodes}, the most frequent first."""
    return dict(Counter(node.op_type for node in proto.graph.node).most_common())


def _check_operators(proto: onnx.ModelProto, *, graph: Graph, attentions: int) -> None:
    """Raise ModelError where attention was not exported as asked for, which a new release may cause unnoticed."""
    ops = count_operators(proto)
    wanted = {"MultiHeadAttention": attentions, "Softmax": 0}
    if graph == "portable":
        wanted = {"MultiHeadAttention": 0, "Softmax": attentions}
    found = {name: ops.get(name, 0) for name in wanted}
    if found != wanted:
        raise ModelError(
            f"the exported graph holds {_listed(found)}, expected {_listed(wanted)} for {attentions} attentions; this "
            "version of torch, transformers or Optimum exports attention in a way that vidcls-export does not know"
        )
    if graph == "portable" and any(node.domain == DOMAIN for node in proto.graph.node):
        raise ModelError(f"the exported graph holds operators of {DOMAIN}, expected standard ONNX only")


def _listed(counts: dict[str, int]) -> str:
    return " and ".join(f"{count} {name}" for name, count in counts.items())
