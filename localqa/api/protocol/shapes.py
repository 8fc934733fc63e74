"""The shapes in which frameworks put text and question into one message, and how each is read.

Every reader takes a message and says where text and question lie in it, or None: not its shape. The first
that knows a message reads it. What the shapes look like is in the tables; nothing else has to change for
one more of a known kind.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, TypeAlias

from localqa.api.protocol.parts import Part, sentences, stripped, words
from localqa.api.protocol.phrases import (
    QUESTIONS,
    asks_alone,
    is_instruction,
    is_question,
    last_sentence,
    trimmed,
    without_instructions,
    without_thanks,
)
from localqa.api.protocol.tags import PAST_TAGS, QUESTION_TAGS, TEXT_TAGS, elements, inner_texts

# Labels at the start of a line or behind a sentence, with a colon, or as headings.
_LABELS: Final = {
    "text": r"(?:(?:new|retrieved|relevant|provided|given|additional|background|reference|search) )?"
    r"(?:contexts?|documents?|passages?|texts?|articles?|paragraphs?|excerpts?|sources|results|knowledge|"
    r"information|facts|background|input|content|kontext|dokument)"
    r"(?: information)?(?: ?[\[(#]?\d{1,3}[\])]?)?",
    "question": r"(?:(?:user|human|current|input|new|final|follow[- ]?up) )?(?:question|query|q|frage)"
    r"(?: \d{1,3})?|current task|follow[- ]?up (?:input|message)|the original query is as follows|"
    r"respond to this prompt",
    "answer": r"(?:(?:helpful|refined|new|final|your|short) )?(?:answer|response|a)(?: \d{1,3})?|"
    r"standalone (?:question|query)",
    "past": r"(?:original|existing) answer|we have provided an existing answer|(?:chat|conversation) history|"
    r"(?:current|previous) conversation|instructions?|(?:conversation|chat|messages|discussion) so far|"
    r"(?:previous|last|earlier|prior) (?:answer|response)s?",
}
# The same in other words.
_LEADS: Final = {
    "text": r"context information(?: from multiple sources)? is below\.?|"
    r"we have the opportunity to refine the existing answer[^\n:]{0,60} below\.|"
    r"this is the context you(?:['’]re| are) working with:?",
}
_ORDERS: Final = re.compile(r"instruction", re.I)
_ANSWERED: Final = re.compile(r"answer", re.I)
_FOLLOW_UP: Final = re.compile(
    r"^[ \t]*<?(?:follow[- ]?up (?:input|question|message)|latest (?:user )?question)>?[ \t]*:?[ \t]*",
    re.I | re.M,
)
_STANDALONE: Final = re.compile(r"^[ \t]*<?standalone (?:question|query)>?[ \t]*:?", re.I | re.M)
_REPHRASES: Final = re.compile(
    r"\bstandalone (?:question|query)\b.*\b(?:do not answer|don['’]t answer|reformulate|rephrase)\b",
    re.I | re.S,
)
_ASKING: Final = re.compile(
    r"\s*(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|should)\b"
    r"[^.:\n]*:[ \t]*$",
    re.I,
)
"""The first half of a question with a colon in it: "Which law applies: German or Swiss?"."""
_USER: Final = re.compile(r"^[ \t]*(?:user|human):", re.I | re.M)
_ASSISTANT: Final = re.compile(r"^[ \t]*(?:assistant|ai|bot|chatbot):", re.I | re.M)
"""Lines of a conversation as people write it down."""
_RULE: Final = re.compile(r"^[ \t]*(?:-{5,}|={5,})[ \t]*\r?$", re.M)
_BRACKETS: Final = re.compile(r"\[(END )?CONTEXT \d{1,4}\]:?")
Kind: TypeAlias = Literal["text", "question", "answer", "past"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Where text and question lie in a message.

    Attributes:
        texts: the parts that hold the text, each a source of its own.
        question: the part that asks; None: the message holds a text alone.
        repeats: whether the question shall be said again instead of answered, as chat engines ask for when
            they look for what it refers to.
    """

    texts: tuple[Part, ...] = ()
    question: Part | None = None
    repeats: bool = False


def shape_of(text: str) -> Shape | None:
    """The shape of a message; None: none that is known."""
    readers: Sequence[Callable[[str], Shape | None]] = (_follow_up, _bracketed, _tagged, _labelled)
    return next((shape for reader in readers if (shape := reader(text)) is not None), None)


def free_shape(text: str, part: Part | None = None) -> Shape | None:
    """Text and question one after the other without a mark, in a text or a part of it.

    That is what ends, or begins, with a question.
    """
    whole = without_thanks(text, trimmed(text, Part(0, len(text)) if part is None else part))
    question = at = last_sentence(text, whole)
    for _ in range(QUESTIONS):
        if not is_question(text, at) or at.start == whole.start:
            break
        question = at
        at = last_sentence(text, stripped(text, Part(whole.start, at.start)))
    if is_question(text, question) or asks_alone(text, question):
        if _ASKING.match(text, at.start, question.start):
            question = Part(at.start, question.end)
        rest = Part(whole.start, question.start)
    else:
        question = next(sentences(text, whole), whole)
        if not is_question(text, question):
            return None
        rest = Part(question.end, whole.end)
    rest = trimmed(text, rest)
    return Shape((rest,), stripped(text, question)) if words(text, rest, most=2) > 1 else None


def marked(text: str) -> tuple[Part, ...]:
    """The marked texts in a message that need not ask anything: all of it is text where none is."""
    shape = _bracketed(text) or _tagged(text)
    if shape is None:
        marks = _marks(text)
        before, _ = without_instructions(text, Part(0, marks[0][1].start)) if marks else ([], False)
        # A word with a colon may stand in any text; behind nothing but instructions it is a label.
        shape = _labelled(text) if marks and marks[0][0] == "text" and not before else None
    if shape is None and (fenced := _fenced(text, Part(0, len(text)))) is not None:
        shape = Shape(_sources(text, [fenced]))
    return shape.texts if shape else ()


def beside_the_past(text: str) -> list[Part]:
    """What stands beside earlier conversations in tags, and before others, or answers, that are told of."""
    beside, start = [], 0
    for _, _, whole in elements(text, PAST_TAGS, Part(0, len(text))):
        beside.append(Part(start, whole.start))
        start = whole.end
    beside.append(Part(start, len(text)))
    told = [mark for kind, mark in _marks(text) if kind == "past" and not _is_label(text, mark, _ORDERS)]
    starts = [one.start for one in told]
    if (asked := _USER.search(text)) and _ASSISTANT.search(text, asked.end()):
        starts.append(asked.start())
    end = min((at for at in starts if any(part.start <= at < part.end for part in beside)), default=len(text))
    return [Part(part.start, min(part.end, end)) for part in beside if part.start < min(part.end, end)]


def earlier_answer(text: str) -> Part | None:
    """The answer that other texts gave, where a message goes on to ask for a better one."""
    marks = _marks(text)
    told = [mark for kind, mark in marks if kind == "past" and _is_label(text, mark, _ANSWERED)]
    return _until_next(text, marks, told[-1]) if told else None


def _is_label(text: str, mark: Part, pattern: re.Pattern[str]) -> bool:
    return bool(pattern.search(text, mark.start, mark.end))


def rephrases(text: str) -> bool:
    """Whether an instruction asks for the last question once more, so that it can be understood alone."""
    return bool(_REPHRASES.search(text[:2000]))


def _follow_up(text: str) -> Shape | None:
    """A conversation and a follow-up question, to be made one that stands alone."""
    if (alone := _STANDALONE.search(text)) is None:
        return None
    asked = list(_FOLLOW_UP.finditer(text, 0, alone.start()))
    if not asked:
        return None
    return Shape(question=stripped(text, Part(asked[-1].end(), alone.start())), repeats=True)


def _bracketed(text: str) -> Shape | None:
    """`[CONTEXT 0]: ... [END CONTEXT 0]`, as AnythingLLM marks its sources."""
    texts, start, behind = [], None, 0
    for mark in _BRACKETS.finditer(text):
        if mark[1] is None:
            start = mark.end()
        elif start is not None:
            texts.append(Part(start, mark.start()))
            start, behind = None, mark.end()
    if not texts:
        return None
    texts = [stripped(text, part) for part in texts]
    return Shape(tuple(texts), _asked(text, [Part(behind, len(text))]))


def _tagged(text: str) -> Shape | None:
    """`<context><source id="1">...</source></context>`, and the question in tags or beside them."""
    outer = list(elements(text, f"{QUESTION_TAGS}|{PAST_TAGS}|{TEXT_TAGS}", Part(0, len(text))))
    texts = [part for name, part, _ in outer if re.fullmatch(TEXT_TAGS, name)]
    if not texts:
        return None
    asked = [part for name, part, _ in outer if re.fullmatch(QUESTION_TAGS, name)]
    if asked:
        question: Part | None = stripped(text, asked[-1])
    else:
        edges = [0, *(edge for _, _, whole in outer for edge in whole), len(text)]
        beside = [Part(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        # What follows the text is the question, else what comes before it.
        question = _asked(text, beside[::-1])
    sources = (stripped(text, inner) for part in texts for inner in inner_texts(text, part))
    return Shape(tuple(sources), question)


def _labelled(text: str) -> Shape | None:
    """`Context: ...` and `Question: ...`, in either order, or a question behind an unmarked text."""
    marks = _without_examples(text, _marks(text))
    texts = [mark for mark in marks if mark[0] == "text"]
    asking = [mark for mark in marks if mark[0] == "question"]
    if not texts and not asking:
        return None
    if not texts:
        return _behind_unmarked_text(text, marks, asking[-1])
    first = texts[0][1]
    # A question right before the text stands for all; labels within the text are the text's own.
    asked_first = bool(asking) and asking[0][1].start < first.start and asking[-1][1].start < first.start
    if asking and asking[0][1].start < first.start and not asked_first:
        asked_first = marks[0] == asking[0] and marks[1] == texts[0]
    question = (asking[0] if asked_first else asking[-1]) if asking else None
    end = len(text) if question is None or asked_first else _before_examples(text, marks, texts[-1], question)
    end = _end_of_text(text, marks, Part(first.end, end), to_the_end=end == len(text))
    cuts = [first.end, *(mark.start for _, mark in texts[1:] if mark.start < end), end]
    behind = {mark.start: mark.end for _, mark in texts}
    parts = [Part(behind.get(a, a), b) for a, b in zip(cuts, cuts[1:], strict=False)]
    if question is not None:
        asked: Part | None = _until_next(text, marks, question[1])
    else:
        asked = _asked(text, [Part(end, len(text)), Part(0, first.start)])
        if asked is None and (free := free_shape(text, parts[-1])) is not None:
            asked = free.question
            parts[-1:] = free.texts
    return Shape(_sources(text, parts), asked)


def _behind_unmarked_text(text: str, marks: list[tuple[Kind, Part]], mark: tuple[Kind, Part]) -> Shape | None:
    """`Question: ...` with the text before it, or in the paragraphs behind it."""
    asked = _until_next(text, marks, mark[1])
    past = [part.start for kind, part in marks if kind == "past" and part.start < mark[1].start]
    # Questions before it are examples, and so are their answers.
    past += [part.start for kind, part in marks if kind == "question"]
    whole = Part(0, min(past))
    before = trimmed(text, _fenced(text, whole) or whole)
    if words(text, before, most=2) > 1:
        return Shape(_sources(text, [before]), asked)
    line = text.find("\n", asked.start, asked.end)
    behind = trimmed(text, Part(line, asked.end)) if line > 0 else Part(asked.end, asked.end)
    if words(text, behind, most=2) > 1:
        return Shape(_sources(text, [behind]), stripped(text, Part(asked.start, line)))
    return Shape((), asked)


def _without_examples(text: str, marks: list[tuple[Kind, Part]]) -> list[tuple[Kind, Part]]:
    """The marks of the last of several texts, each with a question and, but for the last, its answer."""
    texts = [mark for kind, mark in marks if kind == "text"]
    if len(texts) < 2 or marks[0][0] != "text" or _name(text, texts[0]) != _name(text, texts[-1]):
        return marks
    at = marks.index(("text", texts[-1]))
    kinds = [kind for kind, _ in marks[:at]]
    answered = "question" in kinds and kinds[-1] == "answer"
    return marks[at:] if answered and any(kind == "question" for kind, _ in marks[at:]) else marks


def _name(text: str, mark: Part) -> str:
    return re.sub(r"[\W\d]+", " ", text[mark.start : mark.end]).strip().lower()


def _before_examples(
    text: str, marks: list[tuple[Kind, Part]], last: tuple[Kind, Part], question: tuple[Kind, Part]
) -> int:
    """Where the texts end before a question: before the answered ones that stand between as examples.

    Questions with which a text begins are its own.
    """
    between = [mark for mark in marks if last[1].end <= mark[1].start < question[1].start]
    asked = next((mark.start for kind, mark in between if kind == "question"), question[1].start)
    answered = any(kind == "answer" and mark.start > asked for kind, mark in between)
    return asked if answered and words(text, Part(last[1].end, asked), most=1) else question[1].start


def _marks(text: str) -> list[tuple[Kind, Part]]:
    found: list[tuple[Kind, Part]] = []
    for mark in _MARK.finditer(text):
        kind = mark.lastgroup or ""
        found.append((kind.partition("_")[0], Part(mark.start(), mark.end())))  # type: ignore[arg-type]  # a group's
    return found


def _mark_pattern() -> re.Pattern[str]:
    labels = "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _LABELS.items())
    leads = "|".join(f"(?P<{kind}_lead>{pattern})" for kind, pattern in _LEADS.items())
    headings = "|".join(f"(?P<{kind}_heading>{pattern})" for kind, pattern in _LABELS.items())
    # Of marks of quoting the first is an edge, and not each: what follows goes on to the end of the run.
    edge = r"(?:^|(?<=[.!?:;\"”’)\]}>][ \t])(?<![>#*]>[ \t])(?<![ \t>#*][ \t]>[ \t]))"
    return re.compile(
        rf"{edge}[ \t>#*]*(?![ \t>#*])(?:(?:{labels})[ \t]*\*{{0,2}}:[ \t*]*|(?:{leads}))"
        rf"|^[ \t]*#{{1,6}}[ \t]*(?:{headings})[ \t]*\r?$",
        re.I | re.M,
    )


_MARK: Final = _mark_pattern()


def _end_of_text(text: str, marks: list[tuple[Kind, Part]], region: Part, *, to_the_end: bool) -> int:
    """Where a text ends: before what was said earlier, and before an empty `Answer:` at the end."""
    inside = [(kind, mark) for kind, mark in marks if region.start <= mark.start < region.end]
    end = next((mark.start for kind, mark in inside if kind == "past"), region.end)
    answers = [mark for kind, mark in inside if kind == "answer" and mark.start < end]
    if to_the_end and answers and not text[answers[-1].end :].strip():
        end = answers[-1].start
    return end


def _until_next(text: str, marks: list[tuple[Kind, Part]], mark: Part) -> Part:
    end = next((other.start for _, other in marks if other.start >= mark.end), len(text))
    whole = stripped(text, Part(mark.end, end))
    asked = trimmed(text, whole)
    return asked if asked.start < asked.end else whole


def _fenced(text: str, part: Part) -> Part | None:
    """What stands between the first two lines of dashes behind an instruction."""
    first = next(sentences(text, stripped(text, part)), None)
    if first is None or not is_instruction(text, first):
        return None
    rules = list(islice(_RULE.finditer(text, first.end, part.end), 2))
    return Part(rules[0].end(), rules[1].start()) if len(rules) > 1 else None


def _asked(text: str, beside: Sequence[Part]) -> Part | None:
    """What asks in what stands beside a text: the first of these parts that holds more than instructions."""
    for part in beside:
        kept, _ = without_instructions(text, stripped(text, part))
        kept = [one for one in kept if text[one.start : one.end].strip(" \n.:-#*")]
        kept = [one for one in kept if not _MARK.fullmatch(text, *one)]
        if kept:
            asking = [one for one in kept if is_question(text, one)]
            return _unlabelled(text, (asking or kept)[-1])
    return None


def _unlabelled(text: str, part: Part) -> Part:
    mark = _MARK.match(text, part.start, part.end)
    return (
        stripped(text, Part(mark.end(), part.end))
        if mark and (mark.lastgroup or "").startswith("question")
        else part
    )


def _sources(text: str, parts: Sequence[Part]) -> tuple[Part, ...]:
    kept = (trimmed(text, part) for part in parts)
    return tuple(part for part in kept if part.start < part.end)
