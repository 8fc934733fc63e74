"""How JSON leaves: UTF-8 as it is, keys in the order of the schemas, nothing that is not JSON."""

import json
from typing import Any

from flask.json.provider import DefaultJSONProvider


class StrictJSONProvider(DefaultJSONProvider):
    """Flask's JSON without its escaping and sorting; NaN and Infinity are errors, not output."""

    ensure_ascii = False
    sort_keys = False

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Serialise to standard JSON.

        Raises:
            ValueError: the value holds NaN or Infinity.
        """
        return super().dumps(obj, allow_nan=False, **kwargs)


def json_line(value: dict[str, Any]) -> str:
    """A value as one line of a streamed response."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
