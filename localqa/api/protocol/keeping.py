"""How long a model shall stay in memory after a request."""

import math
import re
from typing import Any, Final

from localqa.errors import InvalidInputError

_UNITS: Final = r"(?:ns|us|µs|ms|s|m|h)"
_DURATION: Final = re.compile(rf"[+-]?(?:\d+(?:\.\d*)?|\.\d+){_UNITS}(?:(?:\d+(?:\.\d*)?|\.\d+){_UNITS})*")


def is_unloaded(body: dict[str, Any]) -> bool:
    """Whether the model shall leave the memory after this request: `keep_alive` of nothing.

    Raises:
        InvalidInputError: it is neither a number of seconds nor a duration such as "5m".
    """
    given = body.get("keep_alive")
    if given is None or given == "":
        return False
    if isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given):
        return given == 0
    if isinstance(given, str) and len(given) <= 100:
        text = given.strip()
        if _DURATION.fullmatch(text) or re.fullmatch(r"[+-]?\d+(?:\.\d*)?", text):
            return not re.search(r"[1-9]", text)
    raise InvalidInputError(
        "keep_alive must be a number of seconds or a duration.", remedy='Send 300, "5m", 0 or -1.'
    )


def check_keep_alive(body: dict[str, Any]) -> None:
    """Refuse what `is_unloaded` does, where nothing is unloaded: the base stays, the adapters need it."""
    is_unloaded(body)
