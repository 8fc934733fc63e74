"""`localqa`, or `python -m localqa`: the commands that work on what is there."""

import sys

from localqa.cli import main

if __name__ == "__main__":
    sys.exit(main())
