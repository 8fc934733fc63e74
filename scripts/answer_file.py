"""`localqa answer-file` as a program of the checkout."""

import sys

from door import door

main = door("answer-file")

if __name__ == "__main__":
    sys.exit(main(None))
