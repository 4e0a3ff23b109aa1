"""The command `vidcls`: one file a command, and all that is printed."""
