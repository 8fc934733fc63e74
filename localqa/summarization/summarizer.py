"""Summarises texts with a T5 and an adapter, without torch: greedy decoding over two OpenVINO graphs."""

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from tokenizers import Tokenizer

from localqa.config import Settings
from localqa.engine.base_weights import Array, BaseWeights
from localqa.engine.session import settings_of
from localqa.engine.t5_graph import T5Graphs, attention_bias
from localqa.errors import AdapterError, BaseModelError, ConfigError
from localqa.model.adapter_files import adapter_folder, check_trained_on, damage_named
from localqa.model.bases import Base, resolve_base
from localqa.model.lora_weights import read_matrices
from localqa.model.summary_config import FILE_NAME, SummaryConfig
from localqa.model.t5_shape import read_t5_shape
from localqa.summarization.splitting import split, within

_NO_REPEAT: Final = 3
"""No three tokens come twice in a summary, against loops (Paulus et al. 2018)."""
_LOOK_S: Final = 0.25
"""How often who waits for a turn asks whether to go on."""

OnStep = Callable[[], object]
"""Called before every token, and now and then while others have their turn; ends the work by raising."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of a text.

    Attributes:
        text: the summary.
        parts: how many parts the text was summarised in.
        cut: whether it ends before its own end: it has more words than were wanted, or more tokens than the
            adapter gives.
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
        self._shape = read_t5_shape(base.folder)
        self._tokenizer = load_tokenizer(base)
        self._room = room_for_text(self._tokenizer, config)
        weights = BaseWeights(base.folder, "", base.sha256)
        down, up = read_matrices(adapter) if adapter else ({}, {})
        try:
            builder = T5Graphs(weights, self._shape, down, up)
            with damage_named(adapter) if adapter else nullcontext():
                graphs = _built(builder)
            self._tables = {
                side: weights[f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
                for side in ("encoder", "decoder")
            }
        except (KeyError, BaseModelError) as e:
            raise BaseModelError(
                f"The base '{base.name}' in '{base.folder}' lacks weights that its config.json describes "
                f"({e}).",
                remedy="Get the base again.",
            ) from e
        if adapter and builder.unmerged:
            raise AdapterError(
                f"The adapter in '{adapter}' changes layers that the base does not have, or that this engine "
                f"cannot change: {', '.join(sorted(builder.unmerged))}.",
                remedy="Train it with fine_tune.py for this base.",
            )
        self._encoder, self._decoder = (_compiled(graph, threads) for graph in graphs)
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
        found, whole = self._joined(parts, on_step)
        while max_words and len(found.split()) > max_words:
            again = split(found, self._tokenizer, self._room)
            # Summaries of summaries, as long as each has fewer parts than the one before.
            if len(parts) == 1 or len(again) >= len(parts):
                break
            parts = again
            found, whole = self._joined(parts, on_step)
        kept = within(found, max_words) if max_words else found
        return Summary(kept, count, kept != found or not whole)

    def _joined(self, parts: Sequence[str], on_step: OnStep) -> tuple[str, bool]:
        """The parts' summaries as one text, and whether each came to its own end."""
        found = [self._one(part, on_step) for part in parts]
        return " ".join(text for text, _ in found if text), all(ended for _, ended in found)

    def _one(self, text: str, on_step: OnStep) -> tuple[str, bool]:
        ids = input_ids(self._tokenizer, self.config, text, self._shape.end_id)
        while not self._turn.acquire(timeout=_LOOK_S):
            on_step()
        try:
            tokens, ended = self._generated(ids, self.config.max_summary_tokens, on_step)
        finally:
            self._turn.release()
        return str(self._tokenizer.decode(tokens)).strip(), ended

    def _generated(self, ids: Sequence[int], most: int, on_step: OnStep) -> tuple[list[int], bool]:
        """The most likely token after each, to the end or `most` of them, and whether the end came."""
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
                return tokens[1:], True
            tokens.append(best)
        return tokens[1:], False

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
    folder = adapter_folder(settings.models_dirs, settings.summary_adapter, FILE_NAME)
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


def room_for_text(tokenizer: Tokenizer, config: SummaryConfig) -> int:
    """Tokens of a text that go into the model at once, beside the prefix and the end.

    Raises:
        ConfigError: the prefix leaves less than half of them to the text.
    """
    own = len(tokenizer.encode(config.prefix, add_special_tokens=False).ids) + 1
    if own > config.max_input_tokens // 2:
        raise ConfigError(
            f"The prefix takes {own} of {config.max_input_tokens} tokens, which leaves too few to the text.",
            remedy="Shorten --prefix, or raise --max_input_tokens.",
        )
    return config.max_input_tokens - own


def input_ids(tokenizer: Tokenizer, config: SummaryConfig, text: str, end_id: int) -> list[int]:
    """A text as the encoder reads it: prefix, text, end; cut where it is too long."""
    ids: list[int] = tokenizer.encode(config.prefix + text, add_special_tokens=False).ids
    return [*ids[: config.max_input_tokens - 1], end_id]


def _repeating(tokens: Sequence[int]) -> set[int]:
    """The tokens that would make three in a row come a second time."""
    last = tuple(tokens[1 - _NO_REPEAT :])
    runs = zip(*(tokens[at:] for at in range(_NO_REPEAT)), strict=False)
    return {run[-1] for run in runs if run[:-1] == last}


def _built(builder: T5Graphs) -> tuple[ov.Model, ov.Model]:
    try:
        return builder.encoder(), builder.decoder()
    except KeyError as e:
        # Not the adapter's fault: the base lacks it.
        raise BaseModelError(str(e)) from e


def _compiled(graph: ov.Model, threads: int) -> Any:
    return ov.Core().compile_model(graph, "CPU", settings_of(threads)).create_infer_request()


def _outputs(request: Any) -> dict[str, NDArray[Any]]:
    """Copies of what a request has found, by name."""
    model = request.get_compiled_model()
    return {port.any_name: request.get_tensor(port).data.copy() for port in model.outputs}
