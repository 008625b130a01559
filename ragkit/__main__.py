"""``ragkit`` and ``python -m ragkit``: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit, also if an interrupt comes while it is being loaded."""
    try:
        from ragkit import cli
    except KeyboardInterrupt:
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
