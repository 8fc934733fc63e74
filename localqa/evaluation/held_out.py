"""Questions to fit thresholds and scores by: several kinds, long texts among them, none trained on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from localqa.errors import ConfigError
from localqa.evaluation.sets import EVALUATION_FILES
from localqa.squad.hub import is_hub_dev
from localqa.squad.neighbours import Paragraphs, surround
from localqa.squad.records import Example
from localqa.squad.split import subset

_SEED = 0


def check_not_judged(sources: Sequence[str], data_dir: Path) -> None:
    """Refuse to fit anything by what adapters are judged by.

    Args:
        sources: of the questions to fit by.
        data_dir: where data files are looked for behind the working directory.

    Raises:
        ConfigError: one of the evaluation files is among them, or SQuAD's development set by its Hub name.
    """
    judged = {_resolved(name, data_dir) for name in EVALUATION_FILES}
    for source in sources:
        if is_hub_dev(source) or _resolved(source, data_dir) in judged:
            raise ConfigError(
                f"Adapters are judged by {source}: what is fitted by it says nothing there any more.",
                remedy="Give questions that are neither trained on nor judged by.",
            )


def with_long(
    kinds: Mapping[str, Sequence[Example]], counts: Sequence[int], limit: int
) -> dict[str, Sequence[Example]]:
    """The kinds, and of each whose texts are many another one for every length: its texts among others.

    Half of a long kind's questions have an answer; of the others half are asked without their paragraph, and
    the rest, where there are such, had none before. A kind with fewer texts than a long one has parts stays
    as it is.

    Args:
        kinds: questions by the name of their kind.
        counts: how many paragraphs a long text has; one or several numbers.
        limit: so many questions of each long kind at most: they cost as much as they are long.
    """
    longer: dict[str, Sequence[Example]] = {}
    for name, examples in kinds.items():
        texts = Paragraphs(examples)
        for count in counts:
            if len(texts.all) > count:
                longer[f"{name}, {count} paragraphs"] = _long(examples, texts, count, limit)
    return {**kinds, **longer}


def _long(examples: Sequence[Example], texts: Paragraphs, count: int, limit: int) -> list[Example]:
    answerable = subset([one for one in examples if not one.is_impossible], limit // 2, _SEED)
    impossible = subset([one for one in examples if one.is_impossible], limit // 4, _SEED)
    left_out = subset(answerable, limit // 2 - len(impossible), _SEED)
    return [
        *surround([*answerable, *impossible], texts, count, _SEED),
        *surround(left_out, texts, count, _SEED, right=False),
    ]


def _resolved(source: str, data_dir: Path) -> Path:
    here = Path(source)
    return (here if here.is_file() else data_dir / source).resolve()
