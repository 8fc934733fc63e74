"""Decoded questions kept in a file: what an adapter said is found out once, whatever is asked of it later.

Thresholds, probabilities and answers follow from what is kept (`pipeline.to_answer`), so that settings can be
fitted, and all figures of an evaluation made, without running the model again.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from localqa.extraction import edges, spans, tokens, windows
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, Span
from localqa.folders import cache_dir

Pair = tuple[str, str]
"""A question and its context."""
Decode = Callable[[Sequence[Pair]], Sequence[Decoded]]
"""Asks the model."""


def identity(weights_sha256: str, config: QAConfig, precision: str) -> str:
    """A name for all that decoded questions depend on: weights, sizes, arithmetic, and the decoder's code."""
    sizes = (config.max_length, config.stride, config.max_answer_tokens)
    digest = hashlib.sha256(repr((weights_sha256, config.base_sha256, sizes, precision)).encode())
    for module in (windows, tokens, spans, edges):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:32]


def weights_sha256(folder: Path) -> str:
    """The digest of an adapter's weights."""
    files = sorted(folder.glob("*.safetensors"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


class Decodings:
    """A file of decoded questions, one a line, which grows; a line cut off in the middle is left out.

    Args:
        path: of the file; its folder is made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, Decoded] = {}
        self._ms: dict[str, float] = {}

    @classmethod
    def of_adapter(cls, weights: str, config: QAConfig, precision: str) -> "Decodings":
        """What an adapter has said on this machine so far, out of the cache folder; see `identity`."""
        known = identity(weights, config, precision)
        return cls(cache_dir() / "judged" / f"{known}.jsonl").load()

    def load(self) -> "Decodings":
        """Read what the file holds; there need not be one."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return self
        for line in lines:
            try:
                values = json.loads(line)
                self._found[values["key"]] = _decoded(values)
                if values.get("ms") is not None:
                    self._ms[values["key"]] = values["ms"]
            except (ValueError, KeyError, TypeError):
                continue
        return self

    def milliseconds(self, pair: Pair) -> float | None:
        """How long a question took, if it was asked alone."""
        return self._ms.get(_key(pair))

    def of(
        self,
        pairs: Sequence[Pair],
        decode: Decode,
        *,
        at_a_time: int,
        on_done: Callable[[int], object] = lambda questions: None,
        clock: Callable[[], float] | None = None,
    ) -> list[Decoded]:
        """Each pair's decoding, in order; those that are not there yet are asked for and kept at once.

        Args:
            pairs: any number.
            decode: asks the model.
            at_a_time: pairs in one call of `decode`; what was done is kept after each.
            on_done: told how many pairs are there, for progress bars.
            clock: in seconds; with it, and one at a time, what is asked now is timed.
        """
        missing = {_key(pair): pair for pair in pairs if not self._is_there(pair, timed=clock is not None)}
        on_done(len(pairs) - len(missing))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as stream:
            for keys in _chunks(list(missing), at_a_time):
                began = clock() if clock else 0.0
                decoded = decode([missing[key] for key in keys])
                ms = round(1000 * (clock() - began), 2) if clock else None
                for key, one in zip(keys, decoded, strict=True):
                    self._found[key] = one
                    if ms is not None:
                        self._ms[key] = ms
                    # A line of its own, even behind one that was cut off.
                    stream.write("\n" + json.dumps({"key": key, **_values(one), "ms": ms}))
                stream.flush()
                on_done(len(keys))
        return [self._found[_key(pair)] for pair in pairs]

    def _is_there(self, pair: Pair, *, timed: bool) -> bool:
        key = _key(pair)
        return key in self._found and (not timed or key in self._ms)


def _key(pair: Pair) -> str:
    return hashlib.sha256("\0".join(pair).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _values(decoded: Decoded) -> dict[str, object]:
    return {
        "spans": [[span.start, span.end, span.score] for span in decoded.spans],
        "null": decoded.null,
        "scores": decoded.scores.astype(float).round(4).tolist(),
        "windows": decoded.windows,
    }


def _decoded(values: dict[str, Any]) -> Decoded:
    # Whatever else a line may hold fails here, and is left out.
    kept = tuple(Span(int(start), int(end), float(score)) for start, end, score in values["spans"])
    scores = np.array(values["scores"], dtype=np.float32)
    return Decoded(kept, float(values["null"]), scores, int(values["windows"]))


def _chunks(keys: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while chunk := list(islice(rest, size)):
        yield chunk
