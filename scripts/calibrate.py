"""`localqa calibrate` as a program of the checkout."""

import sys

from door import door

main = door("calibrate")

if __name__ == "__main__":
    sys.exit(main(None))
