"""Questions about invented appliances and their makers' policies, for trying all without a download.

Each paragraph is a page of a manual: facts of one appliance, each in one of several wordings, beside facts
of its predecessor that look like answers. Questions about facts that a page leaves out have no answer.
Fields answer in their own way here, too: a fault code is answered with what to do, word for word, which
is what an adapter for the field has to learn.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from localqa.squad.records import Example, GoldAnswer

_FACTS_ON_A_PAGE: Final = (5, 8)
_QUESTIONS_ABOUT_A_PAGE: Final = 5
_NAMES: Final = 30_000
"""Names that are drawn; there are not many more of their kind, and further ones get a number of their own."""


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";"))


_SYLLABLES: Final = _list(
    "ar; bel; cor; dan; el; fen; gar; hol; is; jun; kal; lor; mer; nov; or; pel; quin; ros; sel; tor; ul; vex"
)
_KINDS: Final = _list(
    "kettle; dishwasher; heat pump; drill; air purifier; sewing machine; label printer; water filter; "
    "ice maker; coffee grinder; floor polisher; garden shredder; milking unit; tile cutter; dehumidifier"
)
_PARTS: Final = _list(
    "drain filter; drive belt; carbon cartridge; seal ring; fan grille; inlet sieve; brush head"
)
_CAUSES: Final = _list(
    "a blocked inlet; an open lid; a worn belt; low water pressure; an overheated motor; a flat backup cell; "
    "a loose connector; a full drip tray"
)
_STEPS: Final = _list(
    "hold the rear key until the lamp turns green; unplug the unit and wait for ten minutes; "
    "turn the dial to zero and close the lid twice; remove the tray and press the float down; "
    "rinse the sieve under warm water; slide the lock to the left and pull the handle; "
    "press both arrow keys until a tone sounds; open the side flap and reseat the plug"
)
_EXCLUDED: Final = _list(
    "damage by lime; wear of belts and brushes; use in rental shops; repairs by others; damage in transit; "
    "scratches on the housing"
)
_CHANNELS: Final = _list(
    "by the form on the maker's page; by letter to the service office; at the shop where it was bought; "
    "by telephone on weekdays"
)


@dataclass(frozen=True, slots=True)
class _Fact:
    """A kind of fact: how its value is made, and how it is told and asked.

    `{name}` is the appliance, `{value}` the answer, `{code}` a fault code of its own.
    """

    value: Callable[[random.Random], str]
    told: tuple[str, ...]
    asked: tuple[str, ...]
    decoy: str = ""


def _number(low: int, high: int, unit: str, step: int = 1) -> Callable[[random.Random], str]:
    return lambda draw: f"{draw.randrange(low, high + 1, step)} {unit}"


def _one_of(*values: str) -> Callable[[random.Random], str]:
    return lambda draw: draw.choice(values)


_FACTS: Final[dict[str, _Fact]] = {
    "power": _Fact(
        _number(90, 2400, "W", 10),
        ("The {name} draws {value} at full load.", "Rated input: {value}.", "At full load it takes {value}."),
        ("How much power does the {name} draw?", "What is the rated input of the {name}?"),
        "The {other} drew {value}.",
    ),
    "weight": _Fact(
        _number(2, 48, "kg"),
        (
            "It weighs {value} without accessories.",
            "Net weight is {value}.",
            "Empty, the {name} weighs {value}.",
        ),
        ("How heavy is the {name}?", "What does the {name} weigh?"),
        "With packaging it comes to {value}.",
    ),
    "warranty": _Fact(
        _one_of("two years", "three years", "five years", "eighteen months", "thirty months"),
        ("The maker warrants it for {value} from the day of purchase.", "A warranty of {value} applies."),
        ("How long is the warranty of the {name}?", "For how long is the {name} warranted?"),
        "The {other} was warranted for {value}.",
    ),
    "excluded": _Fact(
        _one_of(*_EXCLUDED),
        ("The warranty does not cover {value}.", "Not covered: {value}.", "Claims for {value} are refused."),
        ("What does the warranty of the {name} not cover?", "Which claims are refused for the {name}?"),
    ),
    "claims": _Fact(
        _one_of(*_CHANNELS),
        ("Claims are made {value}.", "Send a claim {value}."),
        ("How are claims for the {name} made?", "Where does one send a claim for the {name}?"),
    ),
    "interval": _Fact(
        _number(20, 600, "hours", 20),
        ("Clean the {part} every {value}.", "After every {value} the {part} has to be cleaned."),
        ("How often must the {part} be cleaned?", "After what time is the {part} to be cleaned?"),
        "The {spare} lasts {value}.",
    ),
    "fault": _Fact(
        _one_of(*_STEPS),
        ("Code {code}: {value}.", "When {code} shows, {value}.", "{code} ({cause}): {value}."),
        ("What has to be done when {code} shows?", "How is fault {code} cleared?"),
        "Code {second}: {value}.",
    ),
    "cause": _Fact(
        _one_of(*_CAUSES),
        ("Code {third} points to {value}.", "{third} means {value}."),
        ("What does code {third} mean?", "What is the cause of {third}?"),
    ),
    "temperature": _Fact(
        _number(28, 95, "degrees", 1),
        ("Above {value} it switches itself off.", "A guard stops it at {value}."),
        ("At what temperature does the {name} switch off?", "When does the guard stop the {name}?"),
        "It works best below {value}.",
    ),
    "noise": _Fact(
        _number(31, 88, "dB(A)"),
        ("Noise at one metre: {value}.", "At one metre {value} are heard."),
        ("How loud is the {name}?", "What noise does the {name} make at one metre?"),
        "The {other} reached {value}.",
    ),
    "torque": _Fact(
        _number(2, 36, "Nm"),
        ("Tighten the base screws to {value}.", "The base screws take {value}."),
        ("To what torque are the base screws tightened?", "How tight are the base screws of the {name}?"),
        "The lid screws take {value}.",
    ),
    "storage": _Fact(
        lambda draw: f"{draw.randrange(2, 9)} to {draw.randrange(24, 41)} degrees",
        ("Store it dry at {value}.", "Storage: dry, {value}."),
        ("At what temperatures is the {name} stored?", "How warm may the {name} be stored?"),
    ),
}


def make_mock(questions: int, *, seed: int = 0, unanswerable: float = 0.25) -> list[Example]:
    """Examples of a made-up field, the same for the same arguments.

    Args:
        questions: how many.
        seed: of everything that is drawn.
        unanswerable: share of questions whose page does not hold the answer.
    """
    draw = random.Random(seed)
    names = _names(draw)
    examples: list[Example] = []
    missing = 0
    while len(examples) < questions:
        page = _Page(draw, next(names), next(names))
        for _ in range(min(_QUESTIONS_ABOUT_A_PAGE, questions - len(examples))):
            # Kept to the share at every point, so that every part of the set has it.
            wanted = missing < unanswerable * (len(examples) + 1) - 0.5
            number = f"mock-{seed}-{len(examples):05}"
            examples.append(page.example(number, answerable=not wanted))
            missing += wanted
    return examples


def _names(draw: random.Random) -> Iterator[str]:
    """Names of appliances, each once."""
    seen: set[str] = set()
    while True:
        name = "".join(draw.sample(_SYLLABLES, 2)).capitalize() + f" {draw.randrange(100, 1000, 10)}"
        if len(seen) >= _NAMES:
            name += f"/{len(seen)}"
        if name not in seen:
            seen.add(name)
            yield name


class _Page:
    """A page of a manual, and the questions that can be asked about it."""

    def __init__(self, draw: random.Random, name: str, other: str) -> None:
        self._draw = draw
        codes = draw.sample([f"{letter}{number:02}" for letter in "EFH" for number in range(1, 60)], 3)
        parts = draw.sample(_PARTS, 2)
        self._words = {
            "name": name,
            "other": other,
            "part": parts[0],
            "spare": parts[1],
            "cause": draw.choice(_CAUSES),
            **dict(zip(("code", "second", "third"), codes, strict=True)),
        }
        self._title = name
        told = draw.sample(list(_FACTS), draw.randint(*_FACTS_ON_A_PAGE))
        self._spans: dict[str, GoldAnswer] = {}
        self._context = self._written(told)
        self._open = draw.sample(told, len(told))
        self._left_out = [fact for fact in _FACTS if fact not in told]
        draw.shuffle(self._left_out)

    def example(self, number: str, *, answerable: bool) -> Example:
        """The next question about the page, with or without an answer in it."""
        pool = self._open if answerable else self._left_out
        fact = pool[0]
        # Another wording when all facts were asked about.
        pool.append(pool.pop(0))
        question = self._draw.choice(_FACTS[fact].asked).format(**self._words)
        answers = (self._spans[fact],) if answerable else ()
        return Example(number, question, self._context, answers, self._title)

    def _written(self, told: list[str]) -> str:
        """The page; where each answer stands is kept."""
        kind = self._draw.choice(_KINDS)
        article = "an" if kind[0] in "aeiou" else "a"
        text = f"The {self._words['name']} is {article} {kind}; it replaces the {self._words['other']}."
        for name in told:
            fact = _FACTS[name]
            value = fact.value(self._draw)
            sentences = [(self._draw.choice(fact.told), value, name)]
            if fact.decoy and self._draw.random() < 0.6:
                sentences.append((fact.decoy, fact.value(self._draw), ""))
                self._draw.shuffle(sentences)
            for sentence, shown, owner in sentences:
                before, after = sentence.split("{value}")
                text += f" {before.format(**self._words)}"
                if owner:
                    self._spans[owner] = GoldAnswer(shown, len(text))
                text += shown + after.format(**self._words)
        return text
