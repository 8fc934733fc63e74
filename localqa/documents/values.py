"""Values of spreadsheets and charts as people read them."""

import re
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

_QUOTED: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_PERCENT: Final = re.compile(r"(?:\.([0#?]+))?[^;.]*%")


def shown(value: object, written: str = "") -> str:
    """A value as it is read, by the format in which it is written: "0.0%", "[h]:mm:ss"."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float) and (percent := _PERCENT.search(_QUOTED.sub("", written))):
        return _percent(value, places=len(percent[1] or ""))
    if isinstance(value, float):
        # Fifteen digits are what spreadsheets show, and mean.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return str(value)


def _percent(value: float, places: int) -> str:
    """Halves go away from zero, as spreadsheets round what they show."""
    try:
        shown_as = (Decimal(repr(value)) * 100).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    except InvalidOperation:
        # More figures than there is room for, or no number.
        return f"{value:.{places}%}"
    return f"{shown_as}%"


def _duration(value: timedelta) -> str:
    """Hours, however many, minutes and seconds."""
    minutes, seconds = divmod(round(abs(value.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if value < timedelta() else ''}{hours}:{minutes:02}:{seconds:02}"
