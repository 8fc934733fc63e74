"""Which sentences of a message are instructions or small talk, and which are text that can hold an answer."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from localqa.api.protocol.facts import is_label, may_be_for_people, speaks_to_assistant, states_fact
from localqa.api.protocol.parts import RULES, Part, sentences, stripped, words

QUESTIONS: Final = 5
"""Sentences at the end of a message that can ask together."""
_HEAD: Final = 240
"""Characters of a sentence that are looked at: what it is shows at its start."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_TONES: Final = (
    r"(?:concise|brief|short|polite|helpful|friendly|honest|truthful|detailed|professional|accurate|"
    r"factual|kind|"
    r"precise|clear|simple|respectful|funny|creative|harmless|to the point|sentences?|words)"
)
_ABOUT: Final = (
    r"(?:contexts?|documents?|passages?|pieces|information|sources?|texts?|data|excerpts?|knowledge|"
    r"questions?|"
    r"quer(?:y|ies)|prompts?|answers?|conversation|history|articles?|tools?|search results)"
)
_SAYING: Final = r"(?:answer|respond|reply)"

# How sentences begin that tell a model how to behave; from system messages and prompts of many frameworks.
_INSTRUCTIONS: Final = _any(
    # Who it is
    r"you(?:['’]re| are)(?: (?:now|currently|here|going to be|acting as|to act as))* (?:an?|my|our|"
    r"(?-i:[A-Z])\w*)\b",
    rf"you(?:['’]re| are) (?:the |very |always )*(?:\w+ )?(?:assistant|chatbot|bot|model|ai|expert|"
    rf"{_TONES})\b",
    r"(?:du bist|sie sind|tu es|vous êtes|eres|usted es|sei|você é|je bent) (?:ein|un|um|uma|een|ein\w+)",
    r"(?:du är|ni är|du er|jesteś|olet|eşti|ești|ты|вы|sen)\b.{0,40}\b(?:ass?ist[ea]n|pomocn|avustaj|"
    r"ассистент|помощник)\w*|.{0,30}(?:助手|助理|アシスタント|어시스턴트)",
    r"system (?:prompt|message)\s*:.*|detailed thinking (?:on|off)\b",
    r"(?:act|behave|pretend|imagine|role-?play)\b.*\b(?:as|you|like)\b",
    r"i want you to\b|as an? (?:ai|assistant|expert|helpful)\b|(?:the )?(?:ai )?assistant (?:is|gives|"
    r"answers|should)\b|(?:the ai|if the (?:ai|assistant))\b",
    r"(?:i am|i['’]m|this is) (?:an?|your)\b.*\b(?:assistant|chatbot|bot)\b",
    r"(?:an? |the )?(?:\w+ ){0,3}(?:assistant|chatbot)[.!]?$|(?:an? )?(?:chat|conversation|dialog(?:ue)?) "
    r"between an?\b.*\b(?:user|human|assistant|ai)\b",
    r"you (?:have|['’]ve) (?:access|been (?:given|asked|told))\b|you will be (?:given|asked|shown)\b",
    r"(?:speak|talk|write|translate)\b.*\b(?:in|into|like|only) (?-i:[A-Z])\w+[.!]?$",
    r"(?:stay|remain) in character\b|never break character|do your best[.!]?$",
    r"(?:the )?current (?:date|time)\b|today['’]s date\b",
    r"(?:be)?antworte(?:n sie)?\b|réponds\b|répondez\b|responde\b|rispondi\b|antwoord\b",
    r"at the end of (?:the|your|each|every) (?:answer|response|reply)\b",
    r"always (?:say|end|begin|start|return an?)\b.*[\"“].*",
    r"your (?:task|job|role|goal|name|purpose|duty|answers?|responses?|replies|tone|mission|knowledge)\b",
    r"(?:cutting )?knowledge (?:cutoff|date)\b|the following is an? (?:\w+ )?conversation\b",
    # How it answers
    rf"you (?:must|should|shall|will|can|may|have to|need to|are to|do not|don['’]t|never|always|only|"
    rf"cannot)\b.*"
    rf"\b(?:{_SAYING}|assist|cite|output|speak|help|act as|use (?:the|only|this)|make up|{_TONES})\b",
    rf"you (?:{_SAYING}|speak|help|assist|talk)\b",
    rf"(?:then |do not |never |only |just )*{_SAYING}s?\b(?: \w+)? ?(?:only|in|with|as|briefly|concisely|"
    rf"shortly|"
    r"using|based|from|questions?|quer(?:y|ies)|honestly|truthfully|politely|like|directly|accordingly|"
    r"user|it)\b",
    rf"(?:only |just )?{_SAYING} (?:the|this|any|all|every|my|to the)\b.*\b(?:{_ABOUT}|users?)\b",
    rf"(?:always |just |only )?(?:be|stay|remain|keep)\b.*\b{_TONES}\b",
    r"(?:always |only |never |do not |don['’]t )?use (?:markdown|bullet|emojis?|plain|simple|formal|"
    r"informal)\b",
    r"(?:think|reason|work|let['’]s think)\b.*\bstep by step|take a deep breath|think carefully",
    rf"(?:speak|talk|write|communicate|translate|output|format|return|produce|generate|summari[sz]e|"
    rf"explain)\b.*"
    rf"\b(?:in [a-z]+$|in [a-z]+[.!]|like an?|json|markdown|bullet|format|style|tone|rhymes?|user|{_ABOUT}|"
    rf"{_TONES})\b",
    rf"(?:provide|give|write|produce|generate)\b.*\b(?:{_SAYING}s?|responses?|replies|citations?|"
    rf"explanations?)\b",
    r"(?:cite|quote|include|mention|ensure|make sure|remember|note|follow|ignore|treat|limit|begin|start|"
    r"help|assist|"
    rf"maintain|adhere)\b.*\b(?:citations?|responses?|users?|rules?|instructions?|guidelines?|{_ABOUT}|"
    rf"{_TONES})\b",
    r"(?:do not|don['’]t|never|avoid)\b.*\b(?:answers?|make (?:\w+ )?up|invent|hallucinat\w*|contexts?|"
    r"prior knowledge|questions?|cite|citations?|mention|respond|reply|statements|assume|guess|speculate|"
    r"xml|markdown|"
    r"apologi[sz]e|the user|opinions?|reveal|lie)\b",
    r"(?:if|when|whenever|unless) (?:you|the (?:answer|question|context|user|information|text|query)|unsure|"
    r"uncertain|asked|there is no|no)\b.*\b(?:know|answer|say|respond|reply|unsure|not sure|context|"
    r"inform the user|"
    r"clarif\w+|repeat)\b",
    # What it answers from
    rf"(?:use|using|consider|read|refer to|rely (?:only )?on|stick to|here (?:is|are)|below (?:is|are)) "
    rf"(?:only |just )?(?:the|this|these|those|following|above|below|provided|my|your|any|"
    rf"some)?\b.*\b{_ABOUT}\b",
    rf"(?:given|based on|considering|according to)\b.*\b(?:{_SAYING}|provide|refine|rephrase|rewrite|"
    rf"formulate|"
    r"generate|explain|quer(?:y|ies)|give a)\b",
    r"context information\b.*\b(?:below|above)|the original query\b|we have\b.*\b(?:existing answer|"
    r"opportunity)",
    r"(?:task|guidelines?|rules?|some rules to follow|instructions?|output|examples?(?: of citation)?|"
    r"constraints|mode|tone|reasoning|verbosity)\s*:",
    r"instructions?\s*:.*|/\w+$|you (?:work (?:for|at|as)|know)\b",
    r"(?:find|extract|locate|select|return|quote)\b.*\b(?:answers?|spans?)\b",
)
# A date or number behind such a sentence, and how others go on after it.
_VALUE: Final = _any(r"(?:[\d\W]|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\b)+")
_MORE_INSTRUCTIONS: Final = _any(
    r"(?:you|your|always|never|do not|don['’]t|be|if|otherwise|instead|keep|use|avoid|ensure|remember|ask|"
    r"explain|"
    rf"include|help|write|think|speak|current date|today(?:['’]s date)?|it truthfully|{_SAYING})\b",
)
_REQUESTS: Final = _any(
    r"(?:nice|pleased|glad) to meet you",
    r"i (?:have|had) (?:a|an|another|one|two|some|a few|several) (?:\w+ )?questions?\b",
    r"i(?: would|['’]d)? (?:want|need|like|wish|love)\b.{0,15}\b(?:know|ask|learn|talk|chat|test|try|help|"
    r"you|understand)\b",
    r"(?:now |just |then |first |so )*(?:(?:tell|list|show|help|say|give|make|let) (?:me|us)|let['’]?s|"
    r"describe|explain|summari[sz]e|translate|introduce|continue|go on|(?:can|could|would|will) you|"
    r"my question|the question|a question|one question)\b",
    r"(?:now |just |then |first |so )*list (?:\d|the\b|all\b|some\b)",
)
# The same words begin sentences that state something: a price, a date, or a label before a value.
_SMALL_TALK: Final = _any(
    r"(?:hi|hiya|hello|hey|hallo|good (?:morning|afternoon|evening|day|night)|greetings|thanks?|thank you|"
    r"thx|cheers|hola|bonjour|guten (?:tag|morgen|abend)|lol|haha|"
    r"ok(?:ay)?|ye[sp]|yeah|no|nope|sure|great|cool|nice|perfect|awesome|wow|bye|goodbye|see you|please|"
    r"sorry|test(?:ing)?|"
    r"ping|got it|i see|i understand|that['’]s (?:great|nice|all|it|ok|right)|never ?mind|what['’]s up|"
    r"good|well)\b.{0,25}$",
    r"i(?: really)? (?:like|love|enjoy|hate|wonder|hope)\b|i(?: a|['’])m (?:\w+ )?(?:fine|good|well|okay|"
    r"ok|curious|"
    r"interested|looking|wondering|here|writing|doing|trying|learning)\b",
    r"(?:now |just |then |first |so )*(?:tell|list|show|help|say|try|stop|repeat|talk|chat|forget|look at|"
    r"here (?:is|are))\b(?! your)",
)
_COMMANDS: Final = _any(r"(?:name|identify|state|find|extract|give|list|tell|say|determine|specify|quote)\b")
_QUESTION_WORDS: Final = _any(
    r"(?:(?:and|so|but|then|now|please|ok(?:ay)?),? )*(?:who|whom|whose|what|when|where|why|how|which|"
    r"(?:in|at|on|by|for|to|from) (?:which|what|whom)|(?:since|until) when|"
    r"(?:is|are|was|were|do|does|did|can|could|will|would|has|have|had) (?:you|i|we|they|he|she|it|there|"
    r"anyone|somebody))\b[^.:!]*$"
)
# What a short line must have to state something: a number, a colon, a name, or a word that can be its verb.
_STATES: Final = re.compile(
    r"\d|:|(?<=\w )[A-Z]|\b(?i:is|are|was|were|has|have|had|does|did|do|can|may|must|will|costs?|\w{2,}ed)\b|"
    r"\b\w{3,}s (?!please|only)\w"
)
_PROFILE: Final = re.compile(
    r"(?:the )?(?:current )?user(?:['’]s|s are|s? (?:is|was|has|have|likes?|loves?|lives?|works?|prefers?|"
    r"wants?|speaks?|needs?|comes?|knows?|goes by)\b)",
    re.IGNORECASE,
)
_LEAD: Final = re.compile(
    r"\s*(?:</?[\w-]{1,30}>\s*)*[\s>*#_\-–•\"“'‘(\[]*(?:\d{1,2}[.)]\s+)?[*_\"“]*(?:(?:please|and|also),? )*",
    re.IGNORECASE,
)
_ASKED: Final = 25
"""Words of a question without its mark, at most."""
_REMARK: Final = 4
"""Words of a system message up to which one that states nothing is no text."""


def is_instruction(text: str, part: Part, *, goes_on: bool = False) -> bool:
    """Whether a sentence tells a model how to behave; `goes_on`: the one before it did.

    One that states a fact does so only if it plainly speaks of answering.
    """
    head = _head(text, part)
    if goes_on and _VALUE.fullmatch(head):
        return True
    told = _INSTRUCTIONS.match(head) or (goes_on and _MORE_INSTRUCTIONS.match(head))
    return bool(told) and (speaks_to_assistant(head) or not states_fact(text, part))


def is_question(text: str, part: Part) -> bool:
    """Whether a sentence asks something."""
    sentence = text[max(part.start, part.end - _HEAD) : part.end].rstrip(" \t\r\n\"'”’)*_」』）")
    return sentence.endswith(("?", "？", "؟"))


def asks_alone(text: str, part: Part) -> bool:
    """Whether a short line of its own asks for something without a question mark."""
    before = text[: part.start].rstrip(" \t")
    head = _head(text, part)
    asks = _QUESTION_WORDS.match(head) or _REQUESTS.match(head) or _COMMANDS.match(head)
    return bool(asks) and before.endswith("\n") and words(text, part, most=_ASKED + 1) <= _ASKED


def is_talk(text: str, part: Part) -> bool:
    """Whether a sentence of a user is a greeting, request, instruction or question, and states nothing."""
    head = _head(text, part)
    if is_question(text, part) or _QUESTION_WORDS.match(head) or _REQUESTS.match(head):
        return True
    if _SMALL_TALK.match(head) and not states_fact(text, part) and not is_label(text, part):
        return True
    return is_instruction(text, part)


def is_frame(text: str, part: Part) -> bool:
    """Whether a sentence is an instruction or small talk, and asks nothing."""
    head = _head(text, part)
    asks = is_question(text, part) or _QUESTION_WORDS.match(head) or _REQUESTS.match(head)
    return not asks and is_talk(text, part)


def trimmed(text: str, part: Part, dropped: Callable[[str, Part], bool] = is_instruction) -> Part:
    """A part without what frames it, and without the sentences at its ends that are no text."""
    while True:
        part = stripped(text, part)
        first = next(sentences(text, part), None)
        if first is None or not dropped(text, first):
            break
        part = Part(first.end, part.end)
    while part.start < part.end:
        last = last_sentence(text, part)
        if last.start == part.start or not dropped(text, last):
            break
        part = stripped(text, Part(part.start, last.start))
    return part


def without_thanks(text: str, whole: Part) -> Part:
    """A text without what is said behind its last question, such as thanks."""
    part = whole
    for _ in range(QUESTIONS):
        last = last_sentence(text, part)
        if is_question(text, last):
            return part
        if last.start == part.start or not is_frame(text, last):
            break
        part = stripped(text, Part(part.start, last.start))
    return whole


def without_instructions(text: str, part: Part) -> tuple[list[Part], bool]:
    """What is left of a part beside its instructions, in one piece or several, and whether there were any."""
    kept: list[Part] = []
    found = False
    for one, instructs in _judged(text, part):
        if instructs:
            found = True
        elif kept and not text[kept[-1].end : one.start].strip(RULES):
            kept[-1] = Part(kept[-1].start, one.end)
        else:
            kept.append(one)
    pieces = [stripped(text, one) for one in kept]
    return [one for one in pieces if not found or words(text, one) > 1], found


def rules_for_people(text: str, part: Part) -> list[Part]:
    """The instructions in a part that may as well be a text: longer ones, and not about how to answer."""
    told = (stripped(text, one) for one, instructs in _judged(text, part) if instructs)
    longer = (one for one in told if words(text, one, most=_REMARK + 1) > _REMARK)
    return [one for one in longer if may_be_for_people(_head(text, one))]


def _judged(text: str, part: Part) -> Iterator[tuple[Part, bool]]:
    """The sentences of a part that have words, and whether each is an instruction."""
    instructs = False
    for one in sentences(text, part):
        if words(text, one, most=1):
            instructs = is_instruction(text, one, goes_on=instructs)
            yield one, instructs


def is_remark(text: str, parts: Sequence[Part]) -> bool:
    """Whether what is left of a system message is no text, but how to answer or whom.

    That is a line of two to four words that states nothing ("No yapping."), or no more than sentences about
    the user. No list of orders is ever complete, but an order without a fact in it answers no question.
    """
    ones = [one for part in parts for one in sentences(text, part) if words(text, one, most=1)]
    if ones and all(_PROFILE.match(_head(text, one)) for one in ones):
        return True
    said = [" ".join(text[one.start : one.end].split()) for one in ones]
    count = sum(words(text, one, most=_REMARK + 1) for one in ones)
    return 1 < count <= _REMARK and not any(_STATES.search(one) for one in said)


def last_sentence(text: str, part: Part) -> Part:
    """The last sentence of a part that does not end in white space; of an empty part, itself."""
    last = part
    # Only so much is looked at, most often little: longer sentences neither order nor ask.
    for most in (_HEAD // 4, 4 * _HEAD):
        *before, last = part, *sentences(text, Part(max(part.start, part.end - most), part.end))
        if len(before) > 1:
            break
    return last


def _head(text: str, part: Part) -> str:
    lead = _LEAD.match(text, part.start, part.end)
    start = lead.end() if lead else part.start
    return " ".join(text[start : min(part.end, start + _HEAD)].split())
