"""Trained weights -> a checkpoint folder: scores, pictures, model card."""
