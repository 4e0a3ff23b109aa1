"""Make the samples that `vidcls doctor` tries: python tests/samples.py

sdk/vidcls/diagnostics/samples: model.onnx, which convolves, multiplies and adds whole numbers, and two frames of AV1,
which OpenCV's wheel cannot decode. What both decoders decode has clips of its own: reference_clips.py.
"""

from __future__ import annotations

from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "sdk" / "vidcls" / "diagnostics" / "samples"
CODECS = {"av1.webm": "libsvtav1"}


def write_model(path: Path) -> None:
    """[1, 2, 2, 2] -> a 1 x 1 convolution to 3 channels -> times a matrix -> plus a row: [1, 3]."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "kernel": np.array([[1, 0], [0, 1], [1, 1]], np.float32).reshape(3, 2, 1, 1),
        "weights": (np.arange(36) % 5).reshape(12, 3).astype(np.float32),
        "row": np.array([1, 2, 3], np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["mixed"]),
        helper.make_node("Flatten", ["mixed"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
        helper.make_node("Add", ["product", "row"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "doctor",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 2, 2, 2])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def write_clip(path: Path, codec: str) -> None:
    """Two grey frames of 64 x 64."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 64
        stream.pix_fmt = "yuv420p"
        for number in range(2):
            pixels = np.full((64, 64, 3), 80 + 60 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


if __name__ == "__main__":
    SAMPLES.mkdir(exist_ok=True)
    write_model(SAMPLES / "model.onnx")
    for name, codec in CODECS.items():
        write_clip(SAMPLES / name, codec)
