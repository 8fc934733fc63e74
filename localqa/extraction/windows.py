"""Text to windows: tokenise a question with its context and slide over long contexts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from localqa.errors import BaseModelError, InvalidInputError
from localqa.extraction.tokens import Tokens, tokens_of

IntArray = NDArray[np.int32]
_CHARS_OF_A_TOKEN = 40
"""More than tokens have, with the white space between them."""


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

    Args:
        tokenizer: of the base, without truncation or padding; windowers of any sizes can share it.
        max_length: most tokens in a window.
        stride: tokens that neighbouring windows share.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_length: int = 384, stride: int = 128) -> None:
        self.max_length = max_length
        self.stride = stride
        self._tokenizer = tokenizer
        self._frame = _Frame.of(tokenizer)
        self.max_question_tokens = max_length - stride - len(self._frame) - 1

    @property
    def mask_id(self) -> int | None:
        """Id of the token that stands for a hidden one, if the tokenizer has it."""
        found = (self._tokenizer.token_to_id(token) for token in ("[MASK]", "<mask>"))
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
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as e:  # tokenizers has no error class of its own
            raise BaseModelError(
                f"{path} is not a tokenizer ({e}).", remedy="Restore the file, or save the tokenizer again."
            ) from e
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer, max_length=max_length, stride=stride)

    def of_sizes(self, *, max_length: int, stride: int) -> "Windower":
        """One with windows of other sizes over the same tokenizer, of which a copy takes megabytes."""
        return Windower(self._tokenizer, max_length=max_length, stride=stride)

    def windows(
        self, pairs: Sequence[tuple[str, str]], *, apart: Sequence[Sequence[int]] = ()
    ) -> list[list[Window]]:
        """The windows of each (question, context) pair, in reading order.

        Args:
            pairs: any number.
            apart: code points of each context, ascending, that no window reaches across; empty: none.

        Raises:
            InvalidInputError: a question too long to leave room for context, or text that is not Unicode.
        """
        _check_unicode(pairs)
        # Questions about the same text come together: it is taken apart once.
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        tokens = dict(zip(texts, tokens_of(self._tokenizer, texts), strict=True))
        for question, _ in pairs:
            self._check_room(question, len(tokens[question]))
        return [
            list(self._slide(tokens[question], tokens[context], cuts))
            for (question, context), cuts in zip(pairs, apart or [()] * len(pairs), strict=True)
        ]

    def alone(
        self, texts: Sequence[str], *, truncate: bool = True, names: Sequence[int] | None = None
    ) -> list[Window]:
        """One window for each text by itself, without a question.

        Args:
            texts: any.
            truncate: cut a text that is too long for a window; else it is refused.
            names: the numbers of the texts, for errors; None: from 0 on.

        Raises:
            InvalidInputError: a text that is too long, or not Unicode.
        """
        if truncate:
            # What is cut off is not taken apart first.
            texts = [text[: self.max_length * _CHARS_OF_A_TOKEN] for text in texts]
        _check_unicode([(text, "") for text in texts], fields=("text", ""))
        windows = []
        for at, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            if len(encoding) > self.max_length and not truncate:
                name = names[at] if names else at
                raise InvalidInputError(
                    f"Text {name} has {len(encoding)} tokens, at most {self.max_length} are allowed.",
                    remedy="Send it in parts.",
                )
            kept = np.arange(len(encoding))
            if len(encoding) > self.max_length:
                # The special tokens behind the text stay.
                behind = 1 + int(np.flatnonzero(np.array(encoding.sequence_ids) == 0)[-1])
                room = self.max_length - (len(encoding) - behind)
                kept = np.concatenate([kept[:room], kept[behind:]])
            ids, types = (np.array(one, dtype=np.int32) for one in (encoding.ids, encoding.type_ids))
            offsets = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)
            windows.append(Window(ids[kept], types[kept], offsets[kept], 0, 0))
        return windows

    def question_tokens(self, questions: Sequence[str]) -> list[int]:
        """How many tokens each question has; more than `max_question_tokens` leave no room for context."""
        encoded = self._tokenizer.encode_batch(list(questions), add_special_tokens=False)
        return [len(one) for one in encoded]

    def _check_room(self, question: str, tokens: int) -> None:
        # Counted, never guessed from characters: some scripts have several tokens in one character.
        if tokens > self.max_question_tokens:
            raise InvalidInputError(
                f"The question '{question[:40]}...' has {tokens} tokens; "
                f"{self.max_question_tokens} at most leave room for context.",
                remedy="Ask one short question and put background text into the context.",
            )

    def _slide(self, question: Tokens, context: Tokens, cuts: Sequence[int]) -> Iterator[Window]:
        room = self.max_length - len(self._frame) - len(question)
        inner = np.searchsorted(context.offsets[:, 0], cuts).tolist() if cuts else []
        for begin, end in pairwise([0, *inner, len(context)]):
            if begin == end and len(context):
                continue
            # A last window that lay wholly in the one before it would add nothing.
            for first in range(begin, max(begin + 1, end - self.stride), room - self.stride):
                yield self._frame.window(question, context, first, min(room, end - first))


@dataclass(frozen=True, slots=True)
class _Frame:
    """The special tokens before, between and after question and context, with the segments of all five."""

    before: IntArray
    between: IntArray
    after: IntArray
    types: IntArray

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "_Frame":
        """Read off what the tokenizer makes of a pair."""
        pair = tokenizer.encode("a", "a")
        question, context = (
            [at for at, text in enumerate(pair.sequence_ids) if text == number] for number in (0, 1)
        )
        cuts = [0, question[0], question[-1] + 1, context[0], context[-1] + 1, len(pair)]
        ids = [np.array(pair.ids[a:b], dtype=np.int32) for a, b in pairwise(cuts)]
        types = [next(iter(pair.type_ids[a:b]), 0) for a, b in pairwise(cuts)]
        return cls(ids[0], ids[2], ids[4], np.array(types, dtype=np.int32))

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)

    def window(self, question: Tokens, context: Tokens, first: int, room: int) -> Window:
        """The window with up to `room` tokens of the context from the token `first` on."""
        part = slice(first, first + room)
        ids = (self.before, question.ids, self.between, context.ids[part], self.after)
        types = np.repeat(self.types, [len(one) for one in ids])
        context_at = sum(len(one) for one in ids[:3])
        return Window(np.concatenate(ids), types, context.offsets[part], context_at, first)


def _check_unicode(
    pairs: Sequence[tuple[str, str]], fields: tuple[str, str] = ("question", "context")
) -> None:
    for pair in pairs:
        for field, text in zip(fields, pair, strict=True):
            try:
                text.encode()
            except UnicodeEncodeError as e:
                raise InvalidInputError(
                    f"The {field} holds a lone surrogate at code point {e.start}, which is no text.",
                    remedy="Decode the source with the right encoding.",
                ) from e
