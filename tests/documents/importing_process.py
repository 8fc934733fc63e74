"""An import to be killed in the middle: `python -m tests.documents.importing_process LIBRARY FOLDER`."""

import hashlib
import sys
from pathlib import Path

import numpy as np

from localqa.documents.importing import Importer
from localqa.documents.opening import open_library

LENGTH = 32


class WordEmbedder:
    """Makes vectors of the words of a text, in place of a base."""

    identity = "words"

    def vectors(self, texts):
        made = np.zeros((len(texts), LENGTH), np.float32)
        for row, text in zip(made, texts, strict=True):
            for word in text.lower().split():
                row[hashlib.sha256(word.encode()).digest()[0] % LENGTH] += 1
        return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)


if __name__ == "__main__":
    library = open_library(sys.argv[1])
    for outcome in Importer(library, WordEmbedder()).add([Path(sys.argv[2])], sync=True):
        print(outcome.state, flush=True)
