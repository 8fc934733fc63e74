"""However often a mark is repeated in a message, it is read in a moment."""

import json
import time
from contextlib import suppress

import pytest

from localqa.api.protocol.extracting import from_chat
from localqa.errors import InvalidInputError

CHARS = 100_000
SOON_S = 2.0
MARKS = [
    *("> ", ">", "\n> ", "x> > ", ".", "!", "…", ":", ". ", "a? ", "#", "\n# ", "*", "* ", "-", "- ", "_"),
    *("-----\n", "`", "```\n", '"', '"""', '."', "'", "”", "(", "[", "[1]", "}", "<", "\\", "\n", "\r\n"),
    *(" ", "a", "a ", "1", "Question:", "Context:", "Context: a\nQuestion: b\n", "Answer:\n", "<context>"),
    *("</context>", "<context>a</context>", "[CONTEXT 0]:", "please, ", "Be concise. ", "User: a\n", "</s> "),
    *("Keep clear 5 ", "Mode: ", "1 1-"),
]  # fmt: skip
MESSAGES = {
    "within a text": "The bridge was built by Ann in 1891{run}x",
    "before a question": "{run}Who built it?",
    "labelled": "Context: The bridge is old. {run}\n\nQuestion: Who built it?",
    "as a turn": "<|im_start|>user\n{run}<|im_end|>",
}


def seconds(read):
    began = time.process_time()
    with suppress(InvalidInputError):
        read()
    return time.process_time() - began


def read(content, role="user"):
    asked = [] if role == "user" else [{"role": "user", "content": "Who built it?"}]
    return lambda: from_chat([{"role": role, "content": content}, *asked], most=10**7)


@pytest.mark.alone
@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_run_of_a_mark_is_read_in_a_moment(message):
    slow = {}
    for mark in MARKS:
        run = mark * (CHARS // len(mark))
        sent = message.format(run=run)
        for content, role in ((sent, "user"), (sent, "system"), (json.dumps([sent]), "tool")):
            if (took := seconds(read(content, role))) > SOON_S:
                slow[mark, role] = took
    assert slow == {}


@pytest.mark.alone
@pytest.mark.parametrize(
    "text", ["The bridge is old.\n\n", "<context>a b</context>\n", "Human: a\n", "Be kind. "]
)
@pytest.mark.parametrize("role", ["system", "user", "tool"])
def test_many_parts_are_read_in_a_moment(text, role):
    parts = [{"type": "text", "text": one} for one in [text] * 10_000 + ["Who built it?\nAI:"]]
    assert seconds(read(parts, role)) < SOON_S
