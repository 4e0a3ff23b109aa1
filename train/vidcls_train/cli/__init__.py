"""The commands `vidcls-train` and `vidcls-pretrain`, and all that they print."""
