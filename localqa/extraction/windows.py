"""Text to windows: tokenise a question with its context and slide over long contexts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from localqa.errors import BaseModelError, InvalidInputError

IntArray = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Window:
    """One model input: the question and a stretch of the context.

    Attributes:
        input_ids: token ids, shape (T,); position 0 is the null position ([CLS] or <s>).
        token_type_ids: segment ids, shape (T,), for the bases that take them.
        offsets: code points of the context's tokens, shape (C, 2), C = context tokens in this window.
        context_at: index in `input_ids` of the first context token.
        first_token: index of that token in the whole context; neighbouring windows overlap in it.
    """

    input_ids: IntArray
    token_type_ids: IntArray
    offsets: IntArray
    context_at: int
    first_token: int

    def __len__(self) -> int:
        return len(self.input_ids)


class Windower:
    """Turns (question, context) pairs into windows with a base's own tokenizer.

    A context longer than a window is covered by several that share `stride` tokens, as in the
    run_qa example scripts of transformers. Thread-safe: its settings never change after construction.
    """

    def __init__(self, tokenizer_json: str, *, max_length: int = 384, stride: int = 128) -> None:
        self.max_length = max_length
        self.stride = stride
        self._plain = Tokenizer.from_str(tokenizer_json)
        self._plain.no_truncation()
        self._plain.no_padding()
        self._sliding = Tokenizer.from_str(tokenizer_json)
        self._sliding.no_padding()
        self._sliding.enable_truncation(max_length, stride=stride, strategy="only_second")
        self.max_question_tokens = max_length - stride - self._sliding.num_special_tokens_to_add(True) - 1

    @property
    def mask_id(self) -> int | None:
        """Id of the token that stands for a hidden one, if the tokenizer has it."""
        found = (self._plain.token_to_id(token) for token in ("[MASK]", "<mask>"))
        return next((token for token in found if token is not None), None)

    @classmethod
    def from_folder(cls, folder: Path, *, max_length: int = 384, stride: int = 128) -> "Windower":
        """Use the `tokenizer.json` of a base's folder.

        Raises:
            BaseModelError: the folder has none.
        """
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise BaseModelError(
                f"The base folder '{folder}' has no tokenizer.json.",
                remedy="Save its fast tokenizer there with AutoTokenizer's save_pretrained(folder).",
            )
        text = path.read_text(encoding="utf-8")
        try:
            return cls(text, max_length=max_length, stride=stride)
        except Exception as e:  # tokenizers has no error class of its own
            raise BaseModelError(
                f"{path} is not a tokenizer ({e}).", remedy="Restore the file, or save the tokenizer again."
            ) from e

    def windows(self, pairs: Sequence[tuple[str, str]]) -> list[list[Window]]:
        """The windows of each (question, context) pair, in reading order.

        Raises:
            InvalidInputError: a question too long to leave room for context, or text that is not Unicode.
        """
        self._check(pairs)
        encodings = self._sliding.encode_batch(list(pairs))
        return [self._slide(encoding) for encoding in encodings]

    def question_tokens(self, questions: Sequence[str]) -> list[int]:
        """How many tokens each question has; more than `max_question_tokens` leave no room for context."""
        return [len(one.ids) for one in self._plain.encode_batch(list(questions), add_special_tokens=False)]

    def _check(self, pairs: Sequence[tuple[str, str]]) -> None:
        for question, context in pairs:
            for field, text in (("question", question), ("context", context)):
                try:
                    text.encode()
                except UnicodeEncodeError as e:
                    raise InvalidInputError(
                        f"The {field} holds a lone surrogate at code point {e.start}, which is no text.",
                        remedy="Decode the source with the right encoding.",
                    ) from e
        # Counted, never guessed from characters: some scripts have several tokens in one character.
        for (question, _), tokens in zip(pairs, self.question_tokens([q for q, _ in pairs]), strict=True):
            if tokens > self.max_question_tokens:
                raise InvalidInputError(
                    f"The question '{question[:40]}...' has {tokens} tokens; "
                    f"{self.max_question_tokens} at most leave room for context.",
                    remedy="Ask one short question and put background text into the context.",
                )

    def _slide(self, encoding: Encoding) -> list[Window]:
        windows: list[Window] = []
        first_token = 0
        for part in (encoding, *encoding.overflowing):
            window = _window(part, first_token)
            windows.append(window)
            first_token += len(window.offsets) - self.stride
        return windows


def _window(encoding: Encoding, first_token: int) -> Window:
    is_context = np.array([sequence == 1 for sequence in encoding.sequence_ids])
    (positions,) = np.nonzero(is_context)
    offsets = np.asarray(encoding.offsets, dtype=np.int32).reshape(-1, 2)
    return Window(
        input_ids=np.asarray(encoding.ids, dtype=np.int32),
        token_type_ids=np.asarray(encoding.type_ids, dtype=np.int32),
        offsets=offsets[positions],
        context_at=int(positions[0]) if len(positions) else 0,
        first_token=first_token,
    )
