"""Turn a fine-tuned checkpoint into one ONNX file that carries its contract.

    from vidcls_export.exporter import export

    report = export("runs/best", "model.onnx", precision="fp16", check="data/val")

This package imports nothing by itself, so that `vidcls-export --help` is instant.
"""
