"""pydantic's validation errors in words that a user of the API understands."""

from typing import Final, NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from localqa.api.body import kind_of
from localqa.api.document_schemas import MAX_PASSAGES
from localqa.api.schemas import MAX_TOP_K, MAX_WORDS
from localqa.api.text import field_name, printable, quoted
from localqa.errors import InvalidInputError

_NAMED_PROBLEMS: Final = 3

# Error types of pydantic whose message needs nothing but the kind of what was sent.
_EXPECTED: Final = {
    "string_type": "must be a string",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
}
_NUMBERS: Final = {
    "min_score": "must be a number from 0 to 1",
    "top_k": f"must be a whole number from 1 to {MAX_TOP_K}",
    "SearchRequest.top_k": f"must be a whole number from 1 to {MAX_PASSAGES}",
    "passages": f"must be a whole number from 1 to {MAX_PASSAGES}",
    "max_words": f"must be a whole number from 1 to {MAX_WORDS}",
}
"""By field, or by the request that it belongs to and field, where one of that name has other bounds."""
_OF_NUMBERS: Final = {
    "int_type",
    "float_type",
    "greater_than_equal",
    "less_than_equal",
    "int_from_float",
    "finite_number",
}
_FIXED: Final = {
    "missing": "is missing",
    "too_short": "must not be empty",
    "bool_type": "must be true or false",
    "string_unicode": "holds characters that are not valid Unicode",
}


def refuse(error: ValidationError) -> NoReturn:
    """Raise the validation error as one of the error tree, naming the fields.

    Raises:
        InvalidInputError: always.
    """
    details = error.errors(include_url=False)
    named = [_problem(detail, error.title) for detail in details[:_NAMED_PROBLEMS]]
    if len(details) > _NAMED_PROBLEMS:
        named.append(f"and {len(details) - _NAMED_PROBLEMS} more")
    raise InvalidInputError("; ".join(named) + ".", remedy=_remedy(details)) from error


def _problem(detail: ErrorDetails, model: str) -> str:
    """What is wrong with a field of a model."""
    kind, field = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
    bounds = _NUMBERS.get(f"{model}.{field}") or _NUMBERS.get(field)
    if kind in _EXPECTED:
        message = f"{_EXPECTED[kind]}, not {kind_of(detail['input'])}"
    elif kind == "literal_error":
        message = f"must be {detail['ctx']['expected']}"
    elif kind == "string_pattern_mismatch":
        of_collection = field == "collection" or model == "CollectionPath"
        whose = "a collection's" if of_collection else "an adapter's"
        message = (
            f"{quoted(str(detail['input']))} is not {whose} name: 1 to 64 of the characters "
            "a-z 0-9 . _ - (the first a letter or digit)"
        )
    elif kind in _OF_NUMBERS and bounds:
        message = bounds
    else:
        message = _FIXED.get(kind) or printable(detail["msg"], limit=None)
    return f"{field_name(detail['loc'])}: {message}"


def _remedy(details: list[ErrorDetails]) -> str:
    if any(_lacks_context(detail) for detail in details):
        return "Send the text to search as context; open questions, without one, go to /api/qa."
    return "Correct the request; /docs describes every field."


def _lacks_context(detail: ErrorDetails) -> bool:
    if detail["loc"][-1:] != ("context",):
        return False
    return detail["type"] == "missing" or detail["input"] is None
