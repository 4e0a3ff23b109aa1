"""A base or a preset -> the model to train, and the parts that vidcls adds to it."""
