"""A page to try a running server on: `make serve` in one terminal, `make demo` in another."""

import sys

from localqa.demo.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
