"""What is wrong with a setting, told by the name its owner wrote and with what it may be."""

import os
from collections.abc import Collection
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from localqa.errors import ConfigError

_ECHO_CHARS = 60


def unusable(
    error: ValidationError, *, schema: dict[str, Any], prefix: str, given: Collection[str]
) -> ConfigError:
    """Name every bad setting as its owner wrote it (flag or variable) and say what is allowed.

    `schema` is the settings' JSON schema, by the names of their fields; `prefix` stands before these in
    the environment; `given` are the fields that flags brought.
    """
    fields = schema["properties"]
    problems = []
    allowed = []
    for detail in error.errors(include_url=False):
        location = str(detail["loc"][0])
        field = location if location in fields else location.removeprefix(prefix).lower()
        name = f"--{field.replace('_', '-')}" if field in given else _variable(field, location, prefix=prefix)
        problems.append(f"{name}={_shown(field, detail)}")
        allowed.append(f"{name} must be {_allowed(field, fields[field])}.")
    return ConfigError(f"Not a usable setting: {', '.join(problems)}.", remedy=" ".join(allowed))


def _variable(field: str, location: str, *, prefix: str) -> str:
    if field == "port" and f"{prefix}PORT" not in os.environ and "PORT" in os.environ:
        return "PORT"
    return f"{prefix}{field.upper()}" if location == field else location


def _shown(field: str, detail: ErrorDetails) -> str:
    if field == "api_keys":
        return "(hidden)"
    text = str(detail["input"])
    return repr(text if len(text) <= _ECHO_CHARS else text[:_ECHO_CHARS] + "...")


def _allowed(field: str, schema: dict[str, Any]) -> str:
    """What a field takes, in words, out of its own schema."""
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if schema["type"] == "integer":
        return f"a whole number from {schema['minimum']} to {schema['maximum']}"
    if schema["type"] == "number":
        return f"a number above {schema['exclusiveMinimum']:g}, up to {schema['maximum']:g}"
    if schema["type"] == "boolean":
        return "true or false"
    if field == "api_keys":
        return "empty, or one or more secrets with commas between them, without line breaks in them"
    if field == "rate_limit":
        return "empty, or a number of requests and a time such as 60/minute"
    if field == "summary_adapter":
        return "empty, or the name of an adapter"
    if "pattern" in schema:
        return "1 to 64 of the characters a-z 0-9 . _ - (the first a letter or digit)"
    return "a folder" if schema.get("format") == "path" else "a text that is not empty"
