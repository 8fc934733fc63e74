"""Summarises texts with a T5 and an adapter, without torch: greedy decoding over two OpenVINO graphs."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from tokenizers import Tokenizer

from localqa.config import Settings
from localqa.engine.base_weights import Array, BaseWeights
from localqa.errors import BaseModelError
from localqa.model.adapter_files import adapter_folder, check_trained_on, damage_named
from localqa.model.bases import Base, resolve_base
from localqa.model.lora_weights import read_matrices
from localqa.model.summary_config import FILE_NAME, SummaryConfig
from localqa.summarization.graph import GraphBuilder, attention_bias, read_shape
from localqa.summarization.splitting import split, within

_NO_REPEAT: Final = 3
"""No three tokens come twice in a summary, against loops (Paulus et al. 2018)."""
_LOOK_S: Final = 0.25
"""How often who waits for a turn asks whether to go on."""
_TOKENS_OF_A_WORD: Final = 4
"""Rather many, so that generation does not end before the words are enough."""

OnStep = Callable[[], object]
"""Called before every token, and now and then while others have their turn; ends the work by raising."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of a text.

    Attributes:
        text: the summary.
        parts: how many parts the text was summarised in.
        cut: whether it was longer than the words that were wanted.
    """

    text: str
    parts: int
    cut: bool


class Summarizer:
    """One base with one adapter, or alone.

    Thread-safe: summaries take turns, for each uses all cores.

    Args:
        base: found and verified, of the T5 family.
        config: how its texts are given to it.
        adapter: folder of LoRA matrices; None: the base as it is.
        threads: processor threads; 0: all cores.

    Raises:
        BaseModelError: the base is no T5, or has no tokenizer.json.
        AdapterError: the adapter's files are damaged or do not fit the base.
    """

    def __init__(
        self, base: Base, config: SummaryConfig, adapter: Path | None = None, *, threads: int = 0
    ) -> None:
        self.config = config
        self._shape = read_shape(base.folder)
        self._tokenizer = load_tokenizer(base)
        weights = BaseWeights(base.folder, "")
        down, up = read_matrices(adapter) if adapter else ({}, {})
        with damage_named(adapter or base.folder):
            builder = GraphBuilder(weights, self._shape, down, up)
            self._encoder, self._decoder = (
                _compiled(graph, threads) for graph in (builder.encoder(), builder.decoder())
            )
        self._tables = {
            side: weights[f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
            for side in ("encoder", "decoder")
        }
        self._turn = threading.Lock()

    @classmethod
    def load(cls, folder: Path, *, base: str | None = None, threads: int = 0) -> "Summarizer":
        """Load an adapter with the base it was trained on.

        Args:
            folder: written by `fine_tune.py --task summarization`.
            base: Hub name or folder of the base; None: the adapter's own.
            threads: processor threads; 0: all cores.

        Raises:
            AdapterError, BaseModelError: what of it cannot be used.
        """
        config = SummaryConfig.load(folder)
        found = resolve_base(base or config.base)
        check_trained_on(found, folder, config.base, config.base_sha256)
        return cls(found, config, folder, threads=threads)

    def summarize(
        self, text: str, *, max_words: int | None = None, on_step: OnStep = lambda: None
    ) -> Summary:
        """Summarise a text of any length; one longer than the model reads at once, in parts.

        Args:
            text: what to summarise.
            max_words: most words of the summary. Where the parts' summaries together have more, they are
                summarised in turn; what is still longer ends with the last sentence that fits.
            on_step: called before every token.
        """
        parts = split(text, self._tokenizer, self._room)
        count = len(parts)
        found = self._joined(parts, max_words, on_step)
        while max_words and len(found.split()) > max_words:
            again = split(found, self._tokenizer, self._room)
            # Summaries of summaries, as long as each has fewer parts than the one before.
            if len(parts) == 1 or len(again) >= len(parts):
                break
            parts = again
            found = self._joined(parts, max_words, on_step)
        kept = within(found, max_words) if max_words else found
        return Summary(kept, count, kept != found)

    @property
    def _room(self) -> int:
        """Tokens of a text that go into the model at once, beside the prefix and the end."""
        own = len(self._tokenizer.encode(self.config.prefix, add_special_tokens=False).ids) + 1
        return max(1, self.config.max_input_tokens - own)

    def _joined(self, parts: Sequence[str], max_words: int | None, on_step: OnStep) -> str:
        most = self.config.max_summary_tokens
        if max_words and len(parts) == 1:
            most = min(most, max_words * _TOKENS_OF_A_WORD)
        return " ".join(filter(None, (self._one(part, most, on_step) for part in parts)))

    def _one(self, text: str, most: int, on_step: OnStep) -> str:
        ids = input_ids(self._tokenizer, self.config, text, self._shape.end_id)
        while not self._turn.acquire(timeout=_LOOK_S):
            on_step()
        try:
            tokens = self._generated(ids, most, on_step)
        finally:
            self._turn.release()
        return str(self._tokenizer.decode(tokens)).strip()

    def _generated(self, ids: Sequence[int], most: int, on_step: OnStep) -> list[int]:
        """The most likely token after each, to the end or `most` of them."""
        state = self._encoded(ids)
        tokens = [self._shape.start_id]
        while len(tokens) <= most:
            on_step()
            place = np.arange(len(tokens))
            state["ids"] = np.array([tokens[-1:]])
            state["bias"] = attention_bias(
                self._tables["decoder"], place[-1:], place, self._shape, both_ways=False
            )
            logits, state = self._stepped(state)
            logits[list(_repeating(tokens))] = -np.inf
            best = int(logits.argmax())
            if best == self._shape.end_id:
                break
            tokens.append(best)
        return tokens[1:]

    def _encoded(self, ids: Sequence[int]) -> dict[str, NDArray[Any]]:
        """What the decoder begins with: the text's keys and values, and none of its own."""
        place = np.arange(len(ids))
        self._encoder.infer(
            {
                "ids": np.array([ids]),
                "bias": attention_bias(self._tables["encoder"], place, place, self._shape, both_ways=True),
            }
        )
        state = _outputs(self._encoder)
        nothing = np.zeros((1, self._shape.heads, 0, self._shape.head_size), dtype=np.float32)
        for number in range(self._shape.decoder_layers):
            state |= {f"key.{number}": nothing, f"value.{number}": nothing}
        return state

    def _stepped(self, state: dict[str, NDArray[Any]]) -> tuple[Array, dict[str, NDArray[Any]]]:
        """The logits of the next token, shape (words,), and the state after this one."""
        self._decoder.infer(state)
        found = _outputs(self._decoder)
        logits: Array = found.pop("logits")[0, 0]
        return logits, state | {name.removeprefix("new_"): values for name, values in found.items()}


def load_named(settings: Settings) -> Summarizer:
    """The summariser that the settings name.

    Raises:
        AdapterNotFoundError: no such adapter in the folder of adapters.
        AdapterError, BaseModelError: it cannot be used.
    """
    folder = adapter_folder(settings.models_dir, settings.summary_adapter, FILE_NAME)
    return Summarizer.load(folder, base=settings.summary_base or None, threads=settings.threads)


def load_tokenizer(base: Base) -> Tokenizer:
    """The tokenizer of a base.

    Raises:
        BaseModelError: it has none that this project reads.
    """
    try:
        tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    # The tokenizers library raises nothing more precise.
    except Exception as e:
        raise BaseModelError(
            f"The tokenizer.json of the base '{base.name}' in '{base.folder}' cannot be read ({e}).",
            remedy="Give a base with a tokenizer.json, as transformers saves it.",
        ) from e
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def input_ids(tokenizer: Tokenizer, config: SummaryConfig, text: str, end_id: int) -> list[int]:
    """A text as the encoder reads it: prefix, text, end; cut where it is too long."""
    ids: list[int] = tokenizer.encode(config.prefix + text, add_special_tokens=False).ids
    return [*ids[: config.max_input_tokens - 1], end_id]


def _repeating(tokens: Sequence[int]) -> set[int]:
    """The tokens that would make three in a row come a second time."""
    last = tuple(tokens[1 - _NO_REPEAT :])
    runs = zip(*(tokens[at:] for at in range(_NO_REPEAT)), strict=False)
    return {run[-1] for run in runs if run[:-1] == last}


def _compiled(graph: ov.Model, threads: int) -> Any:
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    return ov.Core().compile_model(graph, "CPU", settings).create_infer_request()


def _outputs(request: Any) -> dict[str, NDArray[Any]]:
    """Copies of what a request has found, by name."""
    model = request.get_compiled_model()
    return {port.any_name: request.get_tensor(port).data.copy() for port in model.outputs}
