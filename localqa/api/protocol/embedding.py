"""Texts as vectors, by the base without any adapter."""

from localqa.api.service import current_service
from localqa.errors import InvalidInputError


def embedded(given: object, *, truncate: bool) -> tuple[list[list[float]], int]:
    """Unit vectors of a text or of a list of texts, and the number of their tokens.

    Raises:
        InvalidInputError: no text, too many of them, or one that is too long where it must not be cut.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidInputError("input must be a string or a list of strings.")
    service = current_service()
    texts = [text for text in texts if text] if isinstance(given, str) else texts
    if len(texts) > service.settings.max_batch:
        raise InvalidInputError(
            f"input holds {len(texts):,} texts, at most {service.settings.max_batch:,} are allowed.",
            remedy="Send them in several requests.",
        )
    chars = sum(map(len, texts))
    if chars > service.settings.max_context_chars:
        raise InvalidInputError(
            f"input has {chars:,} characters, at most {service.settings.max_context_chars:,} are allowed.",
            remedy="Send the texts in several requests.",
        )
    vectors, tokens = service.embed(texts, truncate=truncate)
    return [[round(float(value), 8) for value in vector] for vector in vectors], tokens
