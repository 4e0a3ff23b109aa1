"""DATA -> what is wrong with it, before a step is trained."""
