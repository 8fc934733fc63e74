"""`qa_config.json`: how an adapter wants to be asked. It travels in the adapter's folder."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from localqa.errors import AdapterError
from localqa.extraction.settings_file import (
    is_number,
    is_whole,
    parse_object,
    read_object,
    wrong_value,
)
from localqa.writing import write_text

FILE_NAME = "qa_config.json"


@dataclass(frozen=True, slots=True)
class Odds:
    """A logistic model of how likely a verdict is right; see `confidence.Signs` for what it weighs.

    Attributes:
        intercept: log-odds before anything is known.
        probability, margin, windows: weights of the softmax's log-odds, of the best span's margin over "no
            answer" and of the logarithm of the number of windows.
    """

    intercept: float
    probability: float
    margin: float
    windows: float


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
        score_offset: added to the log-odds of that probability, where no model makes the score of it.
        answer_odds: makes the score of an answer; None: temperature and offset alone do.
        refusal_odds: makes the score of "not answerable"; None: the same.
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
    answer_odds: Odds | None = None
    refusal_odds: Odds | None = None
    rounded_base: Literal["int8", "int4"] | None = None

    def uncalibrated(self) -> "QAConfig":
        """The same settings without what only questions that were not trained on can tell."""
        return replace(
            self,
            null_threshold=None,
            temperature=1.0,
            score_offset=0.0,
            answer_odds=None,
            refusal_odds=None,
        )

    def save(self, folder: Path) -> None:
        """Write `qa_config.json` into a folder; whoever reads it meanwhile sees the old one or the new."""
        write_text(folder / FILE_NAME, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "QAConfig":
        """Read `qa_config.json` from an adapter folder.

        Raises:
            AdapterError: the file is missing, malformed, or a value is out of its range.
        """
        path = folder / FILE_NAME
        try:
            values = read_object(path)
        except FileNotFoundError as e:
            raise AdapterError(
                f"'{folder}' is not an adapter folder: it has no {FILE_NAME}.",
                remedy="Name a folder written by fine_tune.py.",
            ) from e
        return cls._checked(values, path)

    @classmethod
    def parse(cls, content: bytes, path: Path) -> "QAConfig":
        """The settings in the bytes of a `qa_config.json`; raises as `load` does."""
        return cls._checked(parse_object(content, path), path)

    @classmethod
    def _checked(cls, values: dict[str, Any], path: Path) -> "QAConfig":
        known = {field.name for field in fields(cls)}
        if not {"base", "base_sha256"} <= values.keys() <= known:
            raise AdapterError(
                f"{path} must be an object with 'base' and 'base_sha256', and of keys only {sorted(known)}.",
                remedy="It may come from a newer version of this project; train again or upgrade.",
            )
        for name, value in values.items():
            legal, allowed = _RULES[name]
            if not legal(value):
                raise wrong_value(path, name, value, allowed)
        odds = {name: Odds(**values[name]) for name in _ODDS if values.get(name) is not None}
        config = cls(**(values | odds))
        if config.stride >= config.max_length:
            raise wrong_value(path, "stride", config.stride, f"below max_length, {config.max_length}")
        return config


MOST_TOKENS: Final = 8192
"""Of a window; bases have positions for fewer, most of them for 512."""
_LONGEST_ANSWER = 512
"""Tokens; the decoder keeps a number for each token of a text and each length."""
_FARTHEST: Final = 1e9
_MOST_WEIGHT: Final = 100.0
_ODDS: Final = ("answer_odds", "refusal_odds")
_Rule: TypeAlias = tuple[Callable[[Any], bool], str]
_TEXT: _Rule = (lambda value: isinstance(value, str) and 0 < len(value) <= 4096, "a text")


def _is_odds(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {field.name for field in fields(Odds)}
        and all(is_number(weight, -_MOST_WEIGHT, _MOST_WEIGHT) for weight in value.values())
    )


_OPTIONAL_ODDS: _Rule = (
    lambda value: value is None or _is_odds(value),
    f"null or an object of {', '.join(field.name for field in fields(Odds))}, numbers to {_MOST_WEIGHT:g}",
)
_RULES: Mapping[str, _Rule] = {
    "base": _TEXT,
    "base_sha256": _TEXT,
    "method": (lambda value: value in ("lora", "full", "prompt"), "lora, full or prompt"),
    "max_length": (
        lambda value: is_whole(value, 1, MOST_TOKENS),
        f"a whole number from 1 to {MOST_TOKENS}",
    ),
    "stride": (lambda value: is_whole(value, 0, MOST_TOKENS), "a whole number, 0 or more, below max_length"),
    "max_answer_tokens": (
        lambda value: is_whole(value, 1, _LONGEST_ANSWER),
        f"a whole number from 1 to {_LONGEST_ANSWER}",
    ),
    "null_threshold": (
        lambda value: value is None or is_number(value, -_FARTHEST, _FARTHEST),
        "null or a finite number",
    ),
    # The exponential of a score over it, or of the offset, must stay a number.
    "temperature": (lambda value: is_number(value, 0.001, 1000), "a number from 0.001 to 1000"),
    "score_offset": (lambda value: is_number(value, -100, 100), "a number from -100 to 100"),
    "answer_odds": _OPTIONAL_ODDS,
    "refusal_odds": _OPTIONAL_ODDS,
    "rounded_base": (lambda value: value in (None, "int8", "int4"), "null, int8 or int4"),
}
"""What each setting may be, and in words."""
