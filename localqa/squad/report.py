"""What the checker found: one `Problem` each, counted and told in a `CheckReport`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from localqa.errors import DataError
from localqa.squad.records import Example

Kind = Literal[
    "misaligned_offset",
    "answer_not_in_context",
    "empty_answer",
    "answer_start_missing",
    "answer_start_ambiguous",
    "empty_context",
    "blank_question",
    "duplicate_id",
    "bad_characters",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one example.

    Attributes:
        kind: what sort of problem.
        source: the example's file and record.
        example_id: the example's id as read.
        message: what is wrong, and what the repair would change.
        repair: the example with all its problems mended, or None where one of them cannot be.
        index: the example's place in what was checked.
    """

    kind: Kind
    source: str
    example_id: str
    message: str
    repair: Example | None
    index: int


@dataclass(frozen=True, slots=True)
class FileCounts:
    """How much one file holds."""

    name: str
    questions: int
    contexts: int
    unanswerable: int


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All problems of what was checked, in its order, with the size of every file.

    `unreadable` are the records that could not even be read as examples.
    """

    problems: tuple[Problem, ...]
    files: tuple[FileCounts, ...]
    unreadable: tuple[DataError, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no problem at all."""
        return not self.problems and not self.unreadable

    @property
    def total(self) -> int:
        """How many examples were checked."""
        return sum(file.questions for file in self.files)

    @property
    def counts(self) -> dict[str, int]:
        """How many problems of each kind, most frequent first."""
        return dict(Counter(problem.kind for problem in self.problems).most_common())

    @property
    def repairable(self) -> int:
        """How many examples have problems that can all be mended."""
        return len({problem.index for problem in self.problems if problem.repair is not None})

    @property
    def unusable(self) -> int:
        """How many examples have a problem that cannot be mended."""
        return len({problem.index for problem in self.problems if problem.repair is None})

    def summary(self, limit: int = 20) -> str:
        """Text for people: sizes and counts per file, then each file's first `limit` problems.

        Behind them come the first `limit` records that could not be read.
        """
        by_file: dict[str, list[Problem]] = {}
        for problem in self.problems:
            by_file.setdefault(file_of(problem.source), []).append(problem)
        lines: list[str] = []
        for file in self.files:
            problems = by_file.get(file.name, [])
            lines.append(_headline(file, problems))
            lines.extend(f"  {_line(problem)}" for problem in problems[:limit])
            if len(problems) > limit:
                lines.append(f"  ... and {len(problems) - limit:,} more")
        lines.extend(f"  {fault.message} [cannot be read]" for fault in self.unreadable[:limit])
        if len(self.unreadable) > limit:
            lines.append(f"  ... and {len(self.unreadable) - limit:,} more that cannot be read")
        # Text under judgement may hold what no terminal can print.
        return "\n".join(lines).encode("utf-8", "backslashreplace").decode("utf-8")


def file_of(source: str) -> str:
    """The file part of an example's "file:record"."""
    return source.rpartition(":")[0] or source or "(no file)"


def count_files(examples: Iterable[Example]) -> tuple[FileCounts, ...]:
    """The size of every file, in order of first appearance."""
    questions: Counter[str] = Counter()
    unanswerable: Counter[str] = Counter()
    contexts: dict[str, set[str]] = {}
    for example in examples:
        name = file_of(example.source)
        questions[name] += 1
        unanswerable[name] += example.is_impossible
        contexts.setdefault(name, set()).add(example.context)
    return tuple(
        FileCounts(name, questions[name], len(contexts[name]), unanswerable[name]) for name in contexts
    )


def _headline(file: FileCounts, problems: list[Problem]) -> str:
    size = f"{file.questions:,} questions, {file.contexts:,} contexts, {file.unanswerable:,} unanswerable"
    if not problems:
        return f"{file.name}: {size}; no problems"
    kinds = Counter(problem.kind for problem in problems).most_common()
    told = ", ".join(f"{kind} {count:,}" for kind, count in kinds)
    return f"{file.name}: {size}; {len(problems):,} problems: {told}"


def _line(problem: Problem) -> str:
    verdict = "can be repaired" if problem.repair is not None else "no repair"
    return f"{problem.source} id {problem.example_id}: {problem.kind}: {problem.message} [{verdict}]"
