"""Conversations written into one text: with a model's own marks between the turns, or with speakers' names.

What stands before the first speaker tells of the conversation, as a system message does. A model's marks are
read where the text begins with them, names where the text begins or ends as a conversation: inside another
text both may be spoken of.
"""

import re
from typing import Final, TypeAlias

from localqa.api.protocol.parts import Part, stripped

Turn: TypeAlias = tuple[str, Part]
"""Who speaks, and where what is said lies in the text."""

# Where a turn begins, by the models whose marks they are; the group is the role.
_BEGINS: Final = (
    r"<\|im_start\|>[ \t]*(\w+)[^\n<]{0,100}",  # ChatML: Qwen, SmolLM and others
    r"<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>",  # Llama 3
    r"<\|header_start\|>\s*(\w+)\s*<\|header_end\|>",  # Llama 4
    r"<start_of_turn>[ \t]*(\w+)",  # Gemma
    r"<\|turn>[ \t]*(\w+)",  # Gemma 4
    r"<\|start\|>(\w+)(?:<\|channel\|>\w+)?<\|message\|>",  # gpt-oss
    r"<\|start_of_role\|>(\w+)<\|end_of_role\|>",  # Granite
    r"<\|START_OF_TURN_TOKEN\|><\|(\w+?)_TOKEN\|>",  # Command R
    r"<[|｜]((?i:system|user|assistant|tool|observation))[|｜]>",  # Phi, Zephyr, GLM, DeepSeek
    r"\[(SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|/?INST)\]",  # Mistral
    r"<<(/?SYS)>>",  # Llama 2
)
_ENDS: Final = (
    r"<\|im_end\|>|<\|eo[tm]_id\|>|<\|eot\|>|<end_of_turn>|<turn\|>|<\|end\|>|<\|return\|>|<\|call\|>|"
    r"<\|END_OF_TURN_TOKEN\|>|<\|end_?of_?text\|>|<｜end▁of▁sentence｜>|"
    r"\[/(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\]|"
    # In other text these tags strike words out.
    r"</s>(?=\s*(?:<s>|<[|｜]|\[INST\]|$))|(?<!\S)<s>(?=\s*\[INST\])"
)
_MARK: Final = re.compile("|".join((*_BEGINS, _ENDS)))
_PREFIX: Final = re.compile(
    r"(?:\s|<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<\|endoftext\|>|<BOS_TOKEN>|<｜begin▁of▁sentence｜>|"
    r"\[gMASK\]|<sop>)*"
)
_SPEAKERS: Final = re.compile(
    r"^(?:#{2,3} ?(system|user|assistant|tool)s?:?[ \t]*\r?$|"
    r"(system|human|user|assistant|ai|tool):(?: |[ \t]*\r?$))",
    re.I | re.M,
)
# In one line, as Vicuna's prompts have them.
_LOUD: Final = re.compile(r"(?:^|(?<=\s))(USER|ASSISTANT):(?=\s|$)")
_ASKED_TO_SPEAK: Final = re.compile(
    r"(?:(?:^|\n)[ \t]*(?:#{2,3} ?)?(?:assistant|ai|Assistant|AI|### Assistant)|\sASSISTANT):?\s*$"
)
_ROLES: Final = {
    "human": "user",
    "ai": "assistant",
    "inst": "user",
    "/inst": "assistant",
    "sys": "system",
    "/sys": "user",
    "system_prompt": "system",
    "available_tools": "assistant",
    "tool_results": "tool",
}


def turns(text: str, *, whole: bool) -> list[Turn]:
    """The turns of a conversation written into a text; [] where it is none.

    Args:
        text: all of it.
        whole: whether the text is a prompt, which is a conversation as soon as it begins like one; in a
            message of a chat, speakers' names make one only where the assistant is asked to go on.
    """
    return _marked(text) or _named(text, whole=whole)


def _marked(text: str) -> list[Turn]:
    prefix = _PREFIX.match(text)
    start = prefix.end() if prefix else 0
    marks = list(_MARK.finditer(text, start))
    # DeepSeek's system message has no mark of its own.
    if not marks or marks[0].lastindex is None or (marks[0].start() > start and not text[:start].strip()):
        return []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    found = [_turn(text, "system", Part(start, marks[0].start()))]
    found += [
        _turn(text, mark[mark.lastindex], Part(mark.end(), end))
        for mark, end in zip(marks, ends, strict=True)
        if mark.lastindex is not None
    ]
    return [turn for turn in found if turn[1].start < turn[1].end]


def _named(text: str, *, whole: bool) -> list[Turn]:
    asked_to_speak = bool(_ASKED_TO_SPEAK.search(text[-100:]))
    marks = list(_SPEAKERS.finditer(text))
    if asked_to_speak and len(marks) < 2:
        marks = list(_LOUD.finditer(text)) or marks
    if not marks:
        return []
    first = marks[0].start()
    begins = not text[:first].strip()
    if not (asked_to_speak and len(marks) > 1) and not (whole and begins):
        return []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    found = [] if begins else [_turn(text, "system", Part(0, first))]
    for mark, end in zip(marks, ends, strict=True):
        found.append(_turn(text, mark[mark.lastindex or 1], Part(mark.end(), end)))
    return found


def _turn(text: str, speaker: str, part: Part) -> Turn:
    role = speaker.lower()
    return _ROLES.get(role, role), stripped(text, part)
