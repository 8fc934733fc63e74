"""Answers as JSON, where a client asks for it: in the project's own shape, or fitted into a schema."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from localqa.errors import InvalidInputError

_DEPTH: Final = 12
_STEPS: Final = 2000
"""Parts of a schema that are looked at: more is no shape of an answer."""
# What properties of a schema are called that mean the same as ours.
_MEANINGS: Final = {
    "answer": "answer response result text output value content reply span quote answertext finalanswer "
    "extractedanswer shortanswer",
    "score": "score confidence probability certainty confidencescore",
    "start": "start begin startchar startindex startoffset answerstart",
    "end": "end stop endchar endindex endoffset answerend",
    "answerable": "answerable found hasanswer isanswerable answerfound",
    "found_in": "foundin",
    "adapter": "adapter model",
    "question": "question query",
    "message": "message messageindex",
    "part": "part",
    "field": "field",
}
_MEANING: Final = {name: key for key, names in _MEANINGS.items() for name in names.split()}
# What would have to be promised of an answer that is found, not made.
_UNKEPT: Final = (
    "pattern",
    "format",
    "multipleOf",
    "not",
    "if",
    "contains",
    "prefixItems",
    "allOf",
    "dependentSchemas",
)
_NUMBER: Final = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?")


_WHOLE: Final = "the schema"


class _UnfitError(Exception):
    """A value that a schema does not take."""


@dataclass(frozen=True, slots=True)
class Format:
    """How the answer shall be written.

    Attributes:
        field: of the request that says so, for errors.
        schema: what it shall fit; None: the project's own shape.
    """

    field: str
    schema: Mapping[str, Any] | None = None

    def written(self, question: str, answer: str, extras: Mapping[str, Any]) -> str:
        """The answer as JSON.

        Args:
            question: that was asked.
            answer: that was found; "" where there is none.
            extras: what is told of it, see `Extraction.extras`.

        Raises:
            InvalidInputError: the schema has no room for it or asks for more; the property is named.
        """
        facts: dict[str, Any] = {"answer": answer, **extras}
        if self.schema is not None:
            told = facts | {"question": question, **(extras.get("found_in") or {})}
            told["answer"] = answer if extras["answerable"] else None
            try:
                return _json(_Filler(self.schema, told).value("answer", self.schema, _WHOLE, 0))
            except (TypeError, ValueError) as e:
                raise InvalidInputError(f"{self.field} is no JSON schema: a keyword has a wrong type.") from e
            except _UnfitError as e:
                raise InvalidInputError(
                    f"{self.field}: {e}",
                    remedy="Ask for an object with answer (string), score (number), start and end (integer); "
                    "let other properties be null or not required.",
                ) from e
        return _json(facts)


def native_format(given: object) -> Format | None:
    """What `format` of Ollama's protocol asks for; None: plain text.

    Raises:
        InvalidInputError: neither "json" nor a schema.
    """
    if given is None or given == "":
        return None
    if given == "json":
        return Format("format")
    if isinstance(given, Mapping):
        return Format("format", given)
    raise InvalidInputError('format must be "json" or a JSON schema.')


def openai_format(given: object) -> Format | None:
    """What `response_format` of OpenAI's protocol asks for; None: plain text.

    Raises:
        InvalidInputError: no format that is known.
    """
    if given is None:
        return None
    kind = given.get("type") if isinstance(given, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return Format("response_format")
    if kind == "json_schema" and isinstance(given, Mapping):
        wrapped = given.get("json_schema")
        schema = wrapped.get("schema") if isinstance(wrapped, Mapping) else None
        if isinstance(schema, Mapping):
            return Format("response_format", schema)
        raise InvalidInputError("response_format.json_schema.schema must be a JSON schema.")
    raise InvalidInputError("response_format.type must be text, json_object or json_schema.")


class _Filler:
    """Fits facts into the parts of a schema."""

    def __init__(self, root: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        self._root = root
        self._facts = facts
        self._steps = 0

    def value(self, fact: str, schema: object, name: str, depth: int) -> Any:
        """A fact as a schema takes it; without one ("") what it takes of nothing.

        Raises:
            _UnfitError: it does not.
        """
        self._steps += 1
        if schema is True:
            return self._facts.get(fact)
        if not isinstance(schema, Mapping) or depth > _DEPTH or self._steps > _STEPS:
            raise _UnfitError(f"{name} is not a schema that can be filled in.")
        if "$ref" in schema:
            return self.value(fact, self._resolved(schema["$ref"], name), name, depth + 1)
        options = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(options, list):
            return self._first(fact, options, name, depth)
        if isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
            return self.value(fact, schema["allOf"][0], name, depth + 1)
        unkept = [key for key in _UNKEPT if key in schema]
        if unkept:
            raise _UnfitError(f"{name} asks for {unkept[0]}, which an answer out of a text cannot promise.")
        if "const" in schema or (not fact and "default" in schema):
            return schema.get("const", schema.get("default"))
        if isinstance(schema.get("enum"), list):
            return _listed(self._facts.get(fact), schema["enum"], name)
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._first(fact, [{**schema, "type": one} for one in kind], name, depth)
        return self._typed(fact, kind, schema, name, depth)

    def _first(self, fact: str, options: list[Any], name: str, depth: int) -> Any:
        """By the first option that takes the fact; null first where there is none to tell."""
        if self._facts.get(fact) is None:
            options = sorted(
                options, key=lambda one: not (isinstance(one, Mapping) and one.get("type") == "null")
            )
        problem = _UnfitError(f"{name} has no options.")
        for option in options:
            try:
                return self.value(fact, option, name, depth + 1)
            except _UnfitError as e:
                problem = e
        raise problem

    def _typed(self, fact: str, kind: object, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        value = self._facts.get(fact)
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema, name, depth, has_answer=fact == "answer")
        if kind == "array":
            least, most = schema.get("minItems", 0), schema.get("maxItems", 1)
            if value is None and least == 0:
                return []
            if least > 1 or most < 1:
                raise _UnfitError(f"{name} asks for several items, and there is one answer.")
            return [self.value(fact, schema.get("items", True), name, depth + 1)]
        if kind is None and fact:
            return value
        if kind == "string" and fact and not isinstance(value, Mapping | bool):
            return _text(value, schema, name)
        if kind in ("integer", "number") and fact:
            return _number(value, schema, name, whole=kind == "integer")
        if (kind == "boolean" and isinstance(value, bool)) or (kind == "null" and value is None):
            return value
        raise _UnfitError(f"{name} has the type {kind}, and nothing in an answer has that type.")

    def _object(
        self, schema: Mapping[str, Any], name: str, depth: int, *, has_answer: bool
    ) -> dict[str, Any]:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            own = ("answer", "score", "start", "end", "answerable", "adapter", "found_in")
            properties = {} if schema.get("additionalProperties") is False else dict.fromkeys(own, True)
        needed = set(schema.get("required", ()))
        if lacking := sorted(map(str, needed - properties.keys())):
            raise _UnfitError(f"{name} requires {lacking[0]}, which its properties lack.")
        meant = {one: _MEANING.get(re.sub(r"[^a-z]", "", str(one).lower()), "") for one in properties}
        if has_answer and "answer" not in meant.values():
            # The first property of another name is the answer.
            meant |= dict.fromkeys([one for one, meaning in meant.items() if not meaning][:1], "answer")
        found: dict[str, Any] = {}
        for one, inner in properties.items():
            at = one if name == _WHOLE else f"{name}.{one}"
            if not meant[one] and one not in needed:
                continue
            try:
                found[one] = self._property(meant[one], inner, at, depth)
            except _UnfitError:
                if one in needed or meant[one] == "answer":
                    raise
        return found

    def _property(self, meant: str, schema: object, at: str, depth: int) -> Any:
        if meant and meant in self._facts:
            return self.value(meant, schema, at, depth + 1)
        try:
            # Nothing is known for it: a constant or null may do.
            return self.value("", schema, at, depth + 1)
        except _UnfitError as e:
            raise _UnfitError(f"{at} cannot be filled in: an answer has nothing of that name.") from e

    def _resolved(self, reference: object, name: str) -> object:
        """A part of the schema by its pointer within it."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise _UnfitError(f"{name} refers to another document.")
        found: Any = self._root
        for step in reference[1:].strip("/").split("/"):
            if step:
                found = (
                    found.get(step.replace("~1", "/").replace("~0", "~"))
                    if isinstance(found, Mapping)
                    else None
                )
        return found


def _listed(value: object, options: list[Any], name: str) -> Any:
    if value in options and not isinstance(value, bool):
        return value
    same = [one for one in options if isinstance(one, str) and one.lower() == str(value).lower()]
    if not same:
        raise _UnfitError(f"{name} allows certain values alone, and the answer is not one of them.")
    return same[0]


def _text(value: object, schema: Mapping[str, Any], name: str) -> str:
    text = "" if value is None else str(value)
    if not schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text)):
        raise _UnfitError(f"{name} limits the length, and the answer has {len(text)} characters.")
    return text


def _number(value: object, schema: Mapping[str, Any], name: str, *, whole: bool) -> int | float:
    numbers = _NUMBER.findall(value) if isinstance(value, str) else [value]
    if len(numbers) != 1 or numbers[0] is None or isinstance(numbers[0], bool | Mapping):
        raise _UnfitError(f"{name} must be a number, and the answer does not hold exactly one.")
    digits = str(numbers[0]).replace(",", "")
    found = float(digits)
    if not math.isfinite(found):
        raise _UnfitError(
            f"{name} must be a number, and the one in the answer is too large for JSON's readers."
        )
    if whole and not found.is_integer():
        raise _UnfitError(f"{name} must be a whole number, and {found:g} is not one.")
    bounds = (
        found < schema.get("minimum", found),
        found > schema.get("maximum", found),
        "exclusiveMinimum" in schema and found <= schema["exclusiveMinimum"],
        "exclusiveMaximum" in schema and found >= schema["exclusiveMaximum"],
    )
    if any(bounds):
        raise _UnfitError(f"{name} limits the number, and {found:g} is outside of its limits.")
    # Of a whole number each digit is told, also where a float would round it.
    return (
        int(digits.partition(".")[0]) if found.is_integer() and (whole or isinstance(value, str)) else found
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
