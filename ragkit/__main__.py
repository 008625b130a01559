"""``python -m ragkit``: the command line."""

from ragkit.cli import main

main()
