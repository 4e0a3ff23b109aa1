"""Any checkpoint, by folder or hub id -> its PyTorch model and its contract."""
