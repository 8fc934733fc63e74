"""The questions of a run: read, split and kept apart, so that none is judged by what it was taught."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from localqa.errors import ConfigError, DataError
from localqa.extraction.windows import Windower
from localqa.squad.load import load_reported
from localqa.squad.negatives import make_negatives
from localqa.squad.neighbours import Paragraphs, join_paragraphs, make_retrieved
from localqa.squad.overlap import without_overlap
from localqa.squad.records import Example
from localqa.squad.split import split_by_context, subset
from localqa.training.config import TrainConfig


@dataclass(frozen=True, slots=True)
class RunData:
    """The examples of a run; no context is on both sides.

    Attributes:
        rehearsed: sources of those in `train` that repeat what was learned before.
        alone: those in `train` before some of their paragraphs were put among others.
    """

    train: list[Example]
    validation: list[Example]
    rehearsed: frozenset[str] = frozenset()
    alone: Sequence[Example] = ()


def load_data(config: TrainConfig) -> RunData:
    """Read, check and split the examples of a run; what is left out is printed.

    Raises:
        DataError: a file that cannot be read, or nothing usable in it.
    """
    train = _learned(config, config.train_data)
    excluded = _read(config, config.exclude_data) if config.exclude_data else []
    if excluded:
        # Before anything is held out of it: thresholds must not be fitted on these texts either.
        train = _keep_out(train, excluded, "--exclude_data")
    if config.validation_data:
        validation = _of_titles(_learned(config, config.validation_data), config.validation_titles)
        if excluded:
            validation = _keep_out(validation, excluded, "--exclude_data", "validation")
        train = _keep_out(train, validation, "the validation data")
    elif config.validation_size:
        train, validation = split_by_context(
            train, held_out=min(config.validation_size, len(train) // 5), seed=config.seed
        )
    else:
        validation = []
    if config.subset_size:
        train = subset(train, config.subset_size, seed=config.seed)
    rehearsed = _rehearsed(config, validation) if config.rehearsal_size else []
    train = train + rehearsed
    if config.negatives:
        train = train + make_negatives(train, config.negatives, config.seed)
        if not config.validation_data:
            validation = validation + make_negatives(validation, config.negatives, config.seed)
    alone, train = train, _among_neighbours(config, train)
    if not config.validation_data:
        validation = _among_neighbours(config, validation)
    if not train:
        raise DataError("No usable training example is left.", remedy="See localqa check FILE.")
    return RunData(train, validation, frozenset(example.source for example in rehearsed), alone)


def askable(examples: Sequence[Example], windower: Windower) -> list[Example]:
    """The examples whose question leaves room for context in a window; the others are named."""
    counts = windower.question_tokens([example.question for example in examples])
    kept = []
    for example, tokens in zip(examples, counts, strict=True):
        if tokens <= windower.max_question_tokens:
            kept.append(example)
        else:
            print(f"{example.source}: left out, its question has {tokens} tokens; raise --max_length")
    return kept


def fitting(data: RunData, windower: Windower) -> RunData:
    """The examples of a run that are `askable`.

    Raises:
        DataError: none is left to learn from.
    """
    fitted = replace(data, train=askable(data.train, windower), validation=askable(data.validation, windower))
    if not fitted.train:
        raise DataError("No question leaves room for its context in a window.", remedy="Raise --max_length.")
    return fitted


def check_validation(config: TrainConfig, data: RunData) -> None:
    """Evaluations and thresholds need questions to be measured on.

    Raises:
        ConfigError: the settings ask for what the validation data cannot give.
    """
    hint = "Give --validation_data, or hold out more with --validation_size."
    if config.eval_steps and not data.validation:
        raise ConfigError("There is no validation data for --eval_steps.", remedy=hint)
    if may_abstain(config, data) and not any(example.is_impossible for example in data.validation):
        message = "The validation data has no unanswerable question to choose the no-answer threshold by"
        if config.abstain:
            raise ConfigError(f"{message}.", remedy=hint)
        print(f"{message}: this adapter will always answer. {hint}")


def may_abstain(config: TrainConfig, data: RunData) -> bool:
    """Whether the adapter may say that there is no answer."""
    return any(example.is_impossible for example in data.train) if config.abstain is None else config.abstain


def _rehearsed(config: TrainConfig, validation: list[Example]) -> list[Example]:
    """A sample of what was learned before, under the same exclusions as the training data."""
    examples = _keep_out(_learned(config, config.rehearsal_data), validation, "the validation data")
    if config.exclude_data:
        examples = _keep_out(examples, _read(config, config.exclude_data), "--exclude_data")
    chosen = subset(examples, config.rehearsal_size, seed=config.seed)
    # A file of the same name in another folder may be learned from.
    return [replace(example, source=f"{example.source} (rehearsal)") for example in chosen]


def _among_neighbours(config: TrainConfig, examples: list[Example]) -> list[Example]:
    """The examples beside, and among, paragraphs that look right and are not."""
    if not examples or not (config.retrieved_negatives or config.joined):
        return examples
    paragraphs = Paragraphs(examples)
    retrieved = make_retrieved(examples, paragraphs, config.retrieved_negatives, config.seed)
    joined = join_paragraphs(examples, paragraphs, config.joined, config.joined_paragraphs, config.seed)
    return joined + retrieved


def _learned(config: TrainConfig, sources: list[str]) -> list[Example]:
    """The examples of files that a run is to learn from, or to be judged on."""
    examples = _read(config, sources)
    return [e for e in examples if not e.is_impossible] if config.answerable_only else examples


def _read(config: TrainConfig, sources: list[str]) -> list[Example]:
    return load_reported(sources, columns=config.columns or None, text_format=config.text_format)


def _of_titles(examples: list[Example], titles: list[str]) -> list[Example]:
    """The examples of these articles; all where none is named.

    Raises:
        DataError: an article that is not there.
    """
    known = {example.title for example in examples}
    for title in titles:
        if title not in known:
            names = ", ".join(sorted(known)[:10])
            raise DataError(
                f"The validation data has no article '{title}'.", remedy=f"It has {names or 'no titles'}."
            )
    return [example for example in examples if example.title in titles] if titles else examples


def _keep_out(
    some: list[Example], held_back: list[Example], where: str, what: str = "training"
) -> list[Example]:
    kept, overlapping = without_overlap(some, held_back)
    if overlapping:
        print(f"{len(overlapping)} {what} questions left out: their context stands in {where} too")
    return kept
