"""Texts as vectors, by the base without any adapter."""

import base64
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localqa.api.callers import patience
from localqa.api.service import current_service
from localqa.errors import InvalidInputError

MAX_TEXTS: Final = 2048
"""As many as OpenAI takes; how long they may be is limited by the size of a body and of each text."""
_LEAST_NORM: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of texts, shape (texts, length), of length one each, and the number of tokens read."""

    vectors: NDArray[np.float32]
    tokens: int

    def lists(self) -> list[list[float]]:
        """The vectors as JSON has them."""
        return [[round(float(value), 8) for value in vector] for vector in self.vectors]

    def base64(self) -> list[str]:
        """Each vector as base64 of its numbers in fp32, the lowest byte first."""
        return [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in self.vectors]


def texts_in(given: object) -> list[str]:
    """The texts that shall be embedded.

    Raises:
        InvalidInputError: neither a text nor a list of them, or too many.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidInputError(
            "input must be a string or a list of strings.",
            remedy="Send texts, not another model's tokens (in LangChain: check_embedding_ctx_length=False).",
        )
    if len(texts) > MAX_TEXTS:
        raise InvalidInputError(
            f"input holds {len(texts):,} texts, at most {MAX_TEXTS:,} are allowed.",
            remedy="Send them in several requests.",
        )
    most = current_service().settings.max_context_chars
    longest = max(map(len, texts), default=0)
    if longest > most:
        raise InvalidInputError(
            f"input has a text of {longest:,} characters, at most {most:,} are allowed.",
            remedy="Embed its parts: of each text no more than the first few hundred words are read.",
        )
    return texts


def embedded(texts: list[str], *, truncate: bool, dimensions: int | None = None) -> Embedded:
    """Unit vectors of texts, cut to their first numbers where that is asked for.

    Raises:
        InvalidInputError: a text that is too long where it must not be cut, or not Unicode.
        LocalQAError: what `Service.embed` raises.
    """
    vectors, tokens = current_service().answerer.embed(texts, patience(), truncate=truncate)
    if dimensions is not None:
        vectors = vectors[:, :dimensions]
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = (vectors / np.maximum(norms, _LEAST_NORM)).astype(np.float32)
    return Embedded(vectors, tokens)


def dimensions_in(body: dict[str, Any], *, zero_is_all: bool) -> int | None:
    """How many numbers a vector shall have; None: all.

    Args:
        body: of the request.
        zero_is_all: whether 0 says so, too, as in Ollama's protocol.

    Raises:
        InvalidInputError: a number that the vectors of the base do not have.
    """
    given = body.get("dimensions")
    if given is None or (zero_is_all and given == 0 and not isinstance(given, bool)):
        return None
    most = current_service().reader.embedder().length
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= most:
        raise InvalidInputError(
            f"dimensions must be a whole number from 1 to {most}.", remedy="Leave it out for all of them."
        )
    return given


def is_base64(body: dict[str, Any]) -> bool:
    """Whether vectors shall be written as base64 instead of lists of numbers.

    Raises:
        InvalidInputError: an encoding that is not known.
    """
    given = body.get("encoding_format")
    if given not in (None, "float", "base64"):
        raise InvalidInputError("encoding_format must be float or base64.")
    return given == "base64"
