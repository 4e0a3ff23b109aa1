"""An exported model as a folder to hand on: the file, what it is, on which terms, and the lines that run it."""
