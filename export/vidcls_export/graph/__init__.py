"""A PyTorch model -> its fp32 ONNX graph."""
