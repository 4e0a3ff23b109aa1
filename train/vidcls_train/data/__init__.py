"""DATA -> clips as the model is trained on them."""
