"""Choosing a model's decision on validation clips: its temperature, reject rule and operating points."""
