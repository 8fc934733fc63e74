"""`localqa compare` as a program of the checkout."""

import sys

from door import door

main = door("compare")

if __name__ == "__main__":
    sys.exit(main(None))
