"""A reading process that never answers to a file that says so."""

import json
import sys
import time

from localqa.documents import child

if __name__ == "__main__":
    child.limit(child.Limits(**json.loads(sys.argv[1])))
    read = child.reader_of

    def hang(data, name):
        if data == b"hang":
            time.sleep(60)
        return read(data, name)

    child.reader_of = hang
    sys.exit(child.main())
