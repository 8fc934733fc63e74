"""Which sentences state a fact that could answer a question, and which are plainly said to the assistant.

Orders to an assistant and rules for people begin alike: "Keep it short." and "Keep a distance of 5 cm."
What tells them apart is what they are about.
"""

import re
from typing import Final

from localqa.api.protocol.parts import Part, stripped, words

_LABEL: Final = 4
"""Words of the longest label before a colon."""
_VALUE_CHARS: Final = 100
"""Characters behind a label that are looked at."""
_NUMBER: Final = r"(?<![\w.,])\d[\d.,]*"
_SYMBOLS: Final = (
    r"(?:[kMGT]?(?:Hz|[Bb]its?|B|Wh?|V|A|Pa|cal|bps)|[mµμcdk]?m[²³23]?|[mk]?g|t|[mcd]?l|[mµμn]?s|min|h|hrs?|"
    r"m[AVW]|Nm?|bar|psi|[kM]?Ω|lbs?|oz|ft|yd|mph|km/h|kph|rpm|dB|px|dpi|ppm|ha|K|EUR|USD|GBP|CHF|JPY)(?!\w)|"
    r"[%‰°€£$¥]"
)
_UNITS: Final = (
    r"(?:(?:milli|centi|kilo)?(?:met(?:er|re)|lit(?:er|re)|gram)s?|kilos?|tons?|tonnes?|inch(?:es)?|feet|foot|"
    r"miles?|yards?|pounds?|ounces?|seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|degrees?|"
    r"volts?|watts?|amps?|percent|euros?|dollars?|cents?|francs?|yen|people|persons?|guests?|"
    r"sekunden?|minuten?|stunden?|tagen?|wochen?|monaten?|jahren?|uhr|grad|prozent|personen)\b"
)
_COUNTS: Final = (
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|"
    r"hundred|thousand)"
)
_MONTHS: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_FACT: Final = re.compile(
    "|".join(
        (
            rf"{_NUMBER}[ \u00a0\u202f-]?(?:{_SYMBOLS}|(?i:{_UNITS}))",
            rf"(?i:{_COUNTS}[ -]{_UNITS})",
            r"[$€£¥₹] ?\d",
            # dates and times
            r"\b\d{4}-\d\d|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b",
            rf"(?i:\b\d{{1,2}}(?:st|nd|rd|th|\.)? (?:of )?{_MONTHS}\b|\b{_MONTHS}\.? \d)",
            r"(?i:\b(?:in|since|before|after|until|by|from|of|to) (?:early |late |mid-)?(?:1\d|20)\d\d\b)",
            r"\b\d{1,2}:\d\d\b|(?i:\b\d{1,2} ?(?:[ap]m\b|[ap]\.m\.|o['’]clock))",
            r"(?i:\bat (?!least\b|most\b)(?:[a-z]+ )?\d)",
            # telephone numbers
            r"(?<![\w+])\+?\d(?:[ ()/.-]{0,2}\d){6,14}(?!\w)",
        )
    )
)
_TO_ASSISTANT: Final = re.compile(
    r"助手|助理|アシスタント|어시스턴트|"
    r"\b(?:respon(?:d|ds|ding|ses?)\b(?! times?\b)|repl(?:y|ies)\b|answering\b|"
    r"(?<!know the )(?<!have the )answers?\b"
    r"(?! to (?:the|your|a) (?!user|given|following|original)\w+ question)|"
    r"(?:json|xml|html|markdown|bullet|emojis?|citations?|cite|hallucinat\w*|prompts?|contexts?|tone|"
    r"assistant|assistent\w*|ассистент\w*|помощник\w*|chatbot|bot|ai|language model|step by step)\b|"
    r"(?:\d|two|three|four|five|ten|one|few)[ -](?:\w+ )?"
    r"(?:words?|sentences?|paragraphs?|characters|tokens?)\b|"
    r"knowledge (?:cutoff|date)\b|today(?:['’]?s)? date\b|"
    r"current (?:date|time)(?: and time)?(?: is\b|\s*[:=]))|"
    r"^(?:you(?:['’]re| are) (?:an?|my|our|the|(?-i:[A-Z])\w*)\b|"
    r"your (?:task|job|role|goal|name|purpose|mission)\b|act\b|behave\b|pretend\b|imagine\b|role-?play\b|"
    r"(?:speak|talk|explain)\b.*\blike\b|"
    r"(?:du bist|sie sind|tu es|vous êtes|eres|usted es|sei|você é|je bent|(?:be)?antworte\w*|répond\w+|"
    r"responde|rispondi|antwoord)\b)",
    re.IGNORECASE,
)
_TERM: Final = re.compile(
    r"\b(?:within|at least|more than|no later than|up to) "
    r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten|twelve|\w+teen|twenty|thirty|sixty|ninety) "
    r"(?:calendar |business |working )?"
    r"(?:days?|weeks?|months?|years?)\b(?!['’]? (?:of )?experience)",
    re.IGNORECASE,
)
"""Of a duty or a right of people: "You must respond within 14 days."."""
# What else orders to an assistant are about.
_OF_ASSISTANTS: Final = re.compile(
    r"\b(?:answers?|users?|questions?|quer(?:y|ies)|tools?|conversation|history|documents?|sources?|passages?|"
    r"excerpts?|articles?|texts?|the information|knowledge|instructions (?:to|above|below|exactly|carefully|"
    r"closely)|following|make (?:\w+ )?up|invent|guess|speculate|reveal|writ\w+|summari\w+|translat\w+|style|"
    r"plain|simple|concise\w*|brief\w*|polite\w*|friendly|helpful|honest\w*|truthful\w*|factual|creative|"
    r"professional\w*|respectful\w*)\b|^(?:you|your)\b",
    re.IGNORECASE,
)
# Before a colon these ask for something, and behind it stands what for.
_ASKING_LABEL: Final = re.compile(
    r"\b(?:me|us|this|that|these|the|following|my|you|your|it|in|into|to|as|for|with|about)\b", re.IGNORECASE
)


def speaks_to_assistant(head: str) -> bool:
    """Whether an order is plainly one to an assistant, about how to answer or who to be; none has a term."""
    return bool(_TO_ASSISTANT.search(head)) and not _TERM.search(head)


def may_be_for_people(head: str) -> bool:
    """Whether nothing in an order is what orders to an assistant are about."""
    return not speaks_to_assistant(head) and not _OF_ASSISTANTS.search(head)


def states_fact(text: str, part: Part) -> bool:
    """Whether a sentence, with the value where it is a label, has an amount, a date or a telephone number."""
    if _FACT.search(text, part.start, part.end):
        return True
    value = stripped(text, _value(text, part))
    return is_label(text, part) and bool(_FACT.match(text, value.start, value.end))


def is_label(text: str, part: Part) -> bool:
    """Whether a sentence is no more than a label before a value: "List price:"."""
    value = _value(text, part)
    said = text[value.start : value.end].strip()
    count = words(text, part, most=_LABEL + 1)
    if not said or said.endswith("?") or count > _LABEL or _ASKING_LABEL.search(text, part.start, part.end):
        return False
    return count > 1 or not said[0].isalpha()


def _value(text: str, part: Part) -> Part:
    """What stands in a line behind a sentence that ends with a colon."""
    # The marks of a bold label stand behind its colon.
    if not text[max(part.start, part.end - 4) : part.end].rstrip("*_").endswith(":"):
        return Part(part.end, part.end)
    most = min(len(text), part.end + _VALUE_CHARS)
    end = text.find("\n", part.end, most)
    return Part(part.end, most if end < 0 else end)
