"""A contract and a device -> logits: onnxruntime, OpenVINO, and what CUDA needs."""
