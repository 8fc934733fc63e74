"""`qa_config.json`: how an adapter wants to be asked. It travels in the adapter's folder."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from localqa.errors import AdapterError

FILE_NAME = "qa_config.json"


@dataclass(frozen=True, slots=True)
class QAConfig:
    """Settings of span extraction for one adapter.

    Attributes:
        base: Hub name or folder of the base it was trained on.
        base_sha256: checksum of that base's weights file.
        method: "lora", "full" or "prompt".
        max_length: tokens in a window, question and special tokens included.
        stride: context tokens that neighbouring windows share.
        max_answer_tokens: longest span that is considered, in tokens.
        null_threshold: not answerable when `null_score` is above this (logits); None: always answers.
        temperature: divides the logits before they become a probability.
        score_offset: added to the log-odds of that probability.
        rounded_base: "int8" or "int4" when it learned over the base as engines of that precision round it,
            and only they answer as it learned to; None: over the plain base, for any precision.
    """

    base: str
    base_sha256: str
    method: str = "lora"
    max_length: int = 384
    stride: int = 128
    max_answer_tokens: int = 30
    null_threshold: float | None = None
    temperature: float = 1.0
    score_offset: float = 0.0
    rounded_base: Literal["int8", "int4"] | None = None

    def save(self, folder: Path) -> None:
        """Write `qa_config.json` into a folder."""
        (folder / FILE_NAME).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "QAConfig":
        """Read `qa_config.json` from an adapter folder.

        Raises:
            AdapterError: the file is missing, malformed, or a value is out of its range.
        """
        path = folder / FILE_NAME
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as e:
            raise AdapterError(
                f"'{folder}' is not an adapter folder: it has no {FILE_NAME}.",
                remedy="Name a folder written by fine_tune.py.",
            ) from e
        except ValueError as e:
            raise AdapterError(f"{path} is not JSON: {e}.", remedy="Restore the file or train again.") from e
        return cls._checked(values, path)

    @classmethod
    def _checked(cls, values: Any, path: Path) -> "QAConfig":
        known = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or not {"base", "base_sha256"} <= values.keys() <= known:
            raise AdapterError(
                f"{path} must be an object with 'base' and 'base_sha256', and of keys only {sorted(known)}.",
                remedy="It may come from a newer version of this project; train again or upgrade.",
            )
        config = cls(**values)
        sizes = (config.max_length, config.stride, config.max_answer_tokens)
        legal = (
            all(type(size) is int for size in sizes)
            and 0 <= config.stride < config.max_length
            and config.max_answer_tokens > 0
            and isinstance(config.temperature, int | float)
            and config.temperature > 0
            and isinstance(config.score_offset, int | float)
            and isinstance(config.null_threshold, int | float | None)
            and config.rounded_base in (None, "int8", "int4")
            and config.method in ("lora", "full", "prompt")
        )
        if not legal:
            raise AdapterError(
                f"{path} holds a value out of its range.", remedy="Restore the file or train again."
            )
        return config
