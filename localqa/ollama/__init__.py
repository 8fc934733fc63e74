"""Open questions: an Ollama server beside this one, reached at the address in the settings alone."""

from collections.abc import Callable
from typing import Final, TypeAlias

Gone: TypeAlias = Callable[[], bool]
"""Asked now and then whether whoever waits for an answer has left."""

TELLING_S: Final = 2.0
"""Longest silence where the server only tells of itself."""
