"""A text that is cut for the tokenizer has the tokens of the whole."""

import random

import numpy as np
import pytest
from tokenizers import Tokenizer

from localqa.extraction.tokens import Tokens, tokens_of

ALPHABETS = {
    "words": "fox dog, the. 1999\n\t",
    "signs": "!?.,;",
    "han": "漢字語、。",
    "marks": "cafe\u0301 x ",
    "wide": "🙂 fox ",
    "spaces": "  \n",
}


@pytest.fixture(scope="module", params=["bert", "roberta"])
def tokenizer(request, tiny_bases):
    found = Tokenizer.from_file(str(tiny_bases[request.param] / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


@pytest.mark.parametrize("name", ["words", "marks"])
def test_tokens_are_those_of_the_whole(tokenizer, name):
    rng = random.Random(1)
    texts = ["".join(rng.choice(ALPHABETS[name]) for _ in range(size)) for size in (50_000, 10, 0, 33_000)]
    for text, found in zip(texts, tokens_of(tokenizer, texts), strict=True):
        whole = Tokens.of(tokenizer.encode(text, add_special_tokens=False))
        assert np.array_equal(found.ids, whole.ids)
        assert np.array_equal(found.offsets, whole.offsets)


@pytest.mark.parametrize("name", ALPHABETS)
def test_offsets_are_places_in_the_whole_text(tokenizer, name):
    rng = random.Random(2)
    text = "".join(rng.choice(ALPHABETS[name]) for _ in range(40_000))
    (found,) = tokens_of(tokenizer, [text])
    assert np.all(np.diff(found.offsets[:, 0]) >= 0)
    assert len(found) == 0 or found.offsets[-1, 1] <= len(text)
