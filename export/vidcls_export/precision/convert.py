"""The fp32 graph in the precision that is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from vidcls_export.options import Graph, Precision, is_static_int8
from vidcls_export.precision.fp16 import to_fp16
from vidcls_export.precision.int8_dynamic import to_int8_dynamic
from vidcls_export.precision.int8_static import to_int8_static
from vidcls_export.precision.int8_weights_check import check_matrices


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A graph in its precision.

    proto: the graph. kept_in_fp32: names of the nodes of an fp16 graph that stay in fp32, as their numbers are too
        large.
    """

    proto: onnx.ModelProto
    kept_in_fp32: tuple[str, ...]


def convert(
    proto: onnx.ModelProto,
    *,
    precision: Precision,
    graph: Graph,
    clips: Iterable[npt.NDArray[np.uint8]],
    scratch: Path,
) -> Converted:
    """Convert the fp32 graph to `precision`.

    Args:
        proto: the graph, which may be changed in place; its input and output stay as they are.
        precision: what it is to compute in.
        graph: what it was traced for.
        clips: cropped frames uint8 RGB [1, T, H, W, 3] for the calibration, where `needs_calibration`.
        scratch: a folder with room for the graph.

    Raises:
        ModelError: the graph is not as expected, static int8 has no clip to find its ranges on, or the weights of the
            other kind are not those of the graph.
    """
    if precision == "fp16":
        kept = to_fp16(proto, clips, scratch=scratch)
        return Converted(proto=proto, kept_in_fp32=tuple(kept))
    if is_static_int8(precision, graph):
        to_int8_static(proto, clips, scratch=scratch)
    elif precision == "int8":
        made_of = {tensor.name: tensor for tensor in proto.graph.initializer}
        proto = to_int8_dynamic(proto, scratch=scratch)
        check_matrices(proto.graph, made_of)
    return Converted(proto=proto, kept_in_fp32=())
