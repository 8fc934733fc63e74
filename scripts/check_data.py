"""`localqa check` as a program of the checkout."""

import sys

from door import door

main = door("check")

if __name__ == "__main__":
    sys.exit(main(None))
