"""Training data from several sources as one checked list."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from localqa.config import data_dir
from localqa.datafiles.files import TextFormat, find_file
from localqa.errors import ConfigError, DataError
from localqa.squad.checks import check
from localqa.squad.hub import is_hub_name
from localqa.squad.readers import read_examples, remedy_of
from localqa.squad.records import Example
from localqa.squad.report import CheckReport, file_of
from localqa.squad.split import subset

_SHOWN = 5
_FOUND_OUT = TextFormat()


def load_training_data(
    sources: Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
    data_dir: Path | None = None,
    text_format: TextFormat = _FOUND_OUT,
) -> tuple[list[Example], CheckReport]:
    """Read, join and check several sources; records with a problem are set aside.

    A relative path is looked for in the working directory first, then in `data_dir`. An id that an
    earlier source already uses gets its own source's name in front ("train.json/17"); other ids stay.
    Nothing is repaired here: `localqa check --repair` writes a repaired file.

    Returns the usable examples in order, and the report that names what was set aside.
    Raises DataError when a source cannot be read or nothing usable is left, ConfigError when no source,
    or the same one twice, is given; see also `read_examples`.
    """
    if not sources:
        raise ConfigError("No data is given.", remedy="Name at least one data file, squad or squad_v2.")
    examples: list[Example] = []
    faults: list[DataError] = []
    known: set[str] = set()
    read: set[str | Path] = set()
    for source in sources:
        found = _resolve(source, data_dir)
        if found in read:
            raise ConfigError(f"{source} is given twice.", remedy="Name every source once.")
        read.add(found)
        one = read_examples(found, columns=columns, faults=faults, text_format=text_format)
        own = _with_own_ids(one, known)
        known.update(example.id for example in own)
        examples.extend(own)
    report = replace(check(examples), unreadable=tuple(faults))
    aside = {problem.index for problem in report.problems}
    kept = [example for index, example in enumerate(examples) if index not in aside]
    if not kept:
        raise DataError(
            f"No usable example in {', '.join(sources)}.\n{report.summary(_SHOWN)}".rstrip(),
            remedy=_remedy(report),
        )
    return kept, report


def _remedy(report: CheckReport) -> str:
    """What helps where nothing is usable."""
    if report.repairable:
        return "Repair the file with `localqa check FILE --repair OUT`."
    if report.unreadable:
        return remedy_of(list(report.unreadable))
    return "Correct the records that are named above, or give another file."


def load_reported(
    sources: Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    text_format: TextFormat = _FOUND_OUT,
) -> list[Example]:
    """`load_training_data` for a command: from the data folder, and what was set aside is printed.

    Args:
        sources: files below the working directory or `data_dir()`, or Hub names.
        columns: field names in the data.
        limit: take a fixed sample of this many only.
        text_format: encoding and delimiter, where they are known.

    Raises:
        DataError, ConfigError: see `load_training_data`.
    """
    examples, problems = load_training_data(
        sources, columns=columns, data_dir=data_dir(), text_format=text_format
    )
    if not problems.ok:
        print(problems.summary())
    return subset(examples, limit, seed=0) if limit else examples


def _resolve(source: str, data_dir: Path | None) -> str | Path:
    if is_hub_name(source):
        return source
    return find_file(source, [Path(), *([data_dir] if data_dir else [])]).resolve()


def _with_own_ids(examples: list[Example], known: set[str]) -> list[Example]:
    """Rename ids that an earlier source uses; an id that occurs twice in this source stays a duplicate."""
    taken = known | {example.id for example in examples}
    renamed: dict[str, str] = {}
    for example in examples:
        if example.id in known and example.id not in renamed:
            renamed[example.id] = _free_id(f"{file_of(example.source)}/{example.id}", taken)
            taken.add(renamed[example.id])
    return [
        replace(example, id=renamed[example.id]) if example.id in renamed else example for example in examples
    ]


def _free_id(wanted: str, taken: set[str]) -> str:
    """The wanted id, numbered where it is itself in use."""
    candidate, number = wanted, 2
    while candidate in taken:
        candidate, number = f"{wanted}-{number}", number + 1
    return candidate
