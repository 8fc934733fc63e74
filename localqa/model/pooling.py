"""How a base makes one vector of a text's tokens: what its own files say, and the arithmetic."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localqa.errors import BaseModelError

Pooling: TypeAlias = Literal["mean", "cls", "max"]
"""Of the vectors of a text's tokens: their mean, that of the first token, or the largest of each number."""
FILES: Final = ("sentence_bert_config.json", "1_Pooling/config.json", "modules.json")
"""Where sentence-transformers writes how a base is to be used."""
_LIMIT_FILE, _POOLING_FILE, _MODULES_FILE = FILES
_DEFAULT_LIMIT: Final = 512
_MODES: Final = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    # Vectors are made of length one, and then it is the same.
    "pooling_mode_mean_sqrt_len_tokens": "mean",
}
_OWN_STEPS: Final = frozenset({"Transformer", "Pooling", "Normalize"})


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a base makes vectors of texts. They are made of length one in the end.

    Attributes:
        pooling: how the tokens' vectors become one; maybe a way that is not known here.
        max_tokens: of a text, special tokens included; what comes behind them is not read.
    """

    pooling: str
    max_tokens: int

    def known_pooling(self) -> Pooling:
        """The same, as `pooled` takes it.

        Raises:
            BaseModelError: a way that is not known.
        """
        if self.pooling not in ("mean", "cls", "max"):
            raise BaseModelError(
                f"The base makes vectors by '{self.pooling}', which this server cannot.",
                remedy="Embed with a base that takes the mean, the first token or the maximum: QA_BASE=...",
            )
        return self.pooling  # type: ignore[return-value]  # one of the three


def read_recipe(folder: Path) -> Recipe:
    """What a base's folder says of vectors; by default the mean of as many tokens as the base reads.

    Raises:
        BaseModelError: one of its files cannot be read.
    """
    limits, pooling = _object(folder / _LIMIT_FILE), _object(folder / _POOLING_FILE)
    positions = _positions(_object(folder / "config.json"))
    limit = limits.get("max_seq_length")
    if isinstance(limit, int) and limit > 0:
        positions = min(limit, positions)
    return Recipe(_pooling(pooling, _read(folder / _MODULES_FILE)), positions)


def pooled(tokens: NDArray[np.float32], pooling: Pooling) -> NDArray[np.float32]:
    """One vector, shape (hidden,), of those of a text's tokens, shape (tokens, hidden)."""
    if pooling == "cls":
        return np.array(tokens[0])
    found: NDArray[np.float32] = tokens.max(axis=0) if pooling == "max" else tokens.mean(axis=0)
    return found


def _pooling(config: dict[str, Any], modules: object) -> str:
    modes = {short for name, short in _MODES.items() if config.get(name)}
    unknown = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
    unknown = [name for name in unknown if name not in _MODES]
    named = config.get("pooling_mode")
    if isinstance(named, str):
        modes.add(named)
    steps = [
        str(module.get("type", "")).rpartition(".")[2]
        for module in (modules if isinstance(modules, list) else [])
        if isinstance(module, dict)
    ]
    further = [step for step in steps if step not in _OWN_STEPS]
    return "+".join([*sorted(modes), *sorted(unknown), *further]) or "mean"


def _positions(config: dict[str, Any]) -> int:
    """Tokens that the base has places for; those that count from behind the padding's id have fewer."""
    most = config.get("max_position_embeddings", _DEFAULT_LIMIT)
    if config.get("model_type") in ("roberta", "mpnet", "xlm-roberta", "camembert"):
        most -= (config.get("pad_token_id") or 0) + 1
    return int(most)


def _object(path: Path) -> dict[str, Any]:
    found = _read(path)
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        raise BaseModelError(f"{path} cannot be read ({e}).", remedy="Get the base again.") from e
