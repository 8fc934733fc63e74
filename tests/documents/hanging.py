"""A reading process that never answers to a file that says so."""

import json
import sys
import time

from localqa.documents import child
from localqa.documents.formats import reader_of
from localqa.documents.limits import Limits

if __name__ == "__main__":
    child.limit(Limits(**json.loads(sys.argv[1])))

    def hang(data, name):
        if data == b"hang":
            time.sleep(60)
        return reader_of(data, name)

    vars(child)["reader_of"] = hang
    sys.exit(child.main())
