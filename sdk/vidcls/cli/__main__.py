"""`python -m vidcls.cli` is the command `vidcls`."""

from vidcls.cli.main import main

main()
