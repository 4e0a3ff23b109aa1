"""The commands of `vidcls`, one module each."""
