"""A field's own adapter out of one file, in stages: preprocess -> train -> evaluate -> report.

What a stage made is kept with a fingerprint of all it was made from: a stage whose inputs are the same is not
run again, so that a run that was ended goes on where it stopped.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tabulate import tabulate

from localqa.config import ADAPTER_NAME, data_dir, models_dirs
from localqa.datafiles.files import TextFormat, find_file
from localqa.errors import ConfigError, DataError
from localqa.evaluation import seen
from localqa.evaluation.comparison import compare, differing, summary, write_comparison
from localqa.evaluation.outcomes import Outcome, make_outcomes
from localqa.evaluation.report import figures, write_evaluation
from localqa.extraction.pipeline import to_answer
from localqa.model.adapter_files import named_adapter
from localqa.ownership import is_report, refuse_foreign
from localqa.squad.checks import repair
from localqa.squad.hub import is_hub_name
from localqa.squad.readers import read_examples, remedy_of
from localqa.squad.records import Example
from localqa.squad.report import CheckReport
from localqa.squad.split import fingerprint, split_by_context
from localqa.squad.writers import write_squad
from localqa.training.config import LARGEST_SEED, TrainConfig, checked, read_file
from localqa.training.question_data import askable
from localqa.training.questions import run
from localqa.training.saved import SavedAdapter

PARTS: Final = ("train", "validation", "test")
_FIXED: Final = frozenset(("train_data", "validation_data", "output_dir", "overwrite", "finish", "dry_run"))
"""Settings of a training that follow from the field."""


class DomainConfig(BaseModel):
    """What one file says of a field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=ADAPTER_NAME)] = Field(description="of the adapter")
    data: list[str] = Field(min_length=1, description="data files of any supported format, or Hub names")
    columns: dict[str, str] = Field({}, description="field names in the data, such as question: q")
    encoding: str = Field("", description="of the data files; none: found out")
    delimiter: str = Field("", description="between the cells of tables; none: found out")
    validation_share: float = Field(0.1, gt=0, lt=0.5, description="of the questions, by context")
    test_share: float = Field(0.2, gt=0, lt=0.9, description="of the questions, by context")
    compare_with: str | None = Field("squad", description="adapter shown beside the new one; null: none")
    models_dir: str | None = Field(
        None, description="where the adapter's folder is made; null: QA_MODELS_DIR, else models/"
    )
    work_dir: str = Field("runs", description="where the parts of the data are kept")
    seed: int = Field(13, ge=0, le=LARGEST_SEED, description="of the splits and the training")
    training: dict[str, Any] = Field({}, description="settings as of fine_tune.py, without data and folder")

    @property
    def folders(self) -> list[Path]:
        """Where adapters are looked for by name; the first one is where the new one is made."""
        own, *shipped = models_dirs()
        # Without a folder of one's own it is made where one works, not among the shipped ones.
        made = Path(self.models_dir or (own if shipped else "models"))
        return [made, own, *shipped]

    @property
    def adapter(self) -> Path:
        """The new adapter's folder."""
        return self.folders[0] / self.name

    @property
    def work(self) -> Path:
        """Where the parts of the data lie."""
        return Path(self.work_dir) / self.name


def is_domain_file(path: Path) -> bool:
    """Whether a file describes a field, and not a single training."""
    return "name" in (values := read_file(path)) and "data" in values


def run_domain(path: Path, argv: Sequence[str], *, prog: str = "localqa train") -> None:
    """Carry out the stages that the arguments ask for.

    Raises:
        LocalQAError: the file, its data or its training cannot be used.
        InterruptedTraining: after SIGINT or SIGTERM, with a checkpoint written.
    """
    args = _parser(prog).parse_args(list(argv))
    config = _read(path)
    for name in STAGES if args.stage == "all" else (args.stage,):
        print(f"== {name}")
        STAGES[name](config, args.overwrite)


def preprocess(config: DomainConfig, overwrite: bool) -> None:
    """Read, repair and split the data; what cannot be used is told by file, line and reason."""
    state = _fingerprint(
        [
            config.columns,
            config.encoding,
            config.delimiter,
            config.validation_share,
            config.test_share,
            config.seed,
            # Files tell by what is in them.
            *filter(is_hub_name, config.data),
        ],
        *_inputs(config),
    )
    if not overwrite and _is_done(config, "preprocess", state):
        return
    text_format = TextFormat(config.encoding, config.delimiter)
    examples: list[Example] = []
    unreadable: list[DataError] = []
    for source in config.data:
        found = source if is_hub_name(source) else find_file(source, [Path(), data_dir()]).resolve()
        examples += read_examples(
            found, columns=config.columns or None, faults=unreadable, text_format=text_format
        )
    for fault in unreadable:
        print(fault.message)
    kept, report = repair(examples)
    # All of them: who is to correct a row must know which.
    print(report.summary(len(examples)))
    if not kept:
        remedy = remedy_of(unreadable) if unreadable else "Correct the rows that are named above."
        raise DataError("No usable example is left.", remedy=remedy)
    _check_work(config)
    rest, test = split_by_context(kept, held_out=config.test_share, seed=config.seed)
    share = config.validation_share / (1 - config.test_share)
    train, validation = split_by_context(rest, held_out=share, seed=config.seed + 1)
    config.work.mkdir(parents=True, exist_ok=True)
    # By its record the folder is known, should this be cut off.
    _record(config, "preprocess").write_text("{}\n", encoding="utf-8")
    parts = dict(zip(PARTS, (train, validation, test), strict=True))
    for name, some in parts.items():
        write_squad(some, _part(config, name))
        print(f"{name}: {len(some):,} questions about {len({one.context for one in some}):,} contexts")
    _finish(config, "preprocess", state, _counts(parts, report) | {"unreadable": len(unreadable)})


def train(config: DomainConfig, overwrite: bool) -> None:
    """Train the adapter on its part of the data."""
    _needs(config, "preprocess", "train")
    if fixed := sorted(_FIXED & config.training.keys()):
        raise ConfigError(f"training: {', '.join(fixed)} cannot be set for a field.", remedy="Leave it out.")
    values: dict[str, Any] = {"seed": config.seed, "exclude_data": [], **config.training}
    values |= {"train_data": [str(_part(config, "train"))], "output_dir": str(config.adapter)}
    values |= {"validation_data": [str(_part(config, "validation"))], "overwrite": overwrite}
    if isinstance(values["exclude_data"], list):
        # Pieces of one text overlap: what is near the test part is not learned, like what is near the other.
        values["exclude_data"] = [*values["exclude_data"], str(_part(config, "test"))]
    settings = checked(values, TrainConfig, where="training")
    state = _fingerprint([settings.course()], *(_part(config, name) for name in PARTS))
    if not overwrite and (config.adapter / "report.json").exists() and _is_done(config, "train", state):
        return
    run(settings)
    _finish(config, "train", state, {})


def evaluate(config: DomainConfig, overwrite: bool) -> None:
    """Judge the adapter on the part of the data that nothing was chosen by, beside another one."""
    _needs(config, "train", "evaluate")
    other = named_adapter(config.compare_with, *config.folders) if config.compare_with else None
    weights = [*_weights(config.adapter), *(_weights(other) if other else [])]
    state = _fingerprint([config.compare_with], _part(config, "test"), *weights)
    folder = config.adapter / "evaluation"
    if not overwrite and (folder / "test.json").exists() and _is_done(config, "evaluate", state):
        return
    own, beside_it = SavedAdapter.load(config.adapter), SavedAdapter.load(other) if other else None
    examples = askable(read_examples(_part(config, "test")), own.windower)
    if beside_it:
        # Both are judged by the same questions.
        examples = askable(examples, beside_it.windower)
    if not examples:
        raise DataError("No question of the test part leaves room for its context in a window.")
    after = _outcomes(own, examples)
    about = {"adapter": config.name, "data": ["test.json"], "data_sha256": fingerprint(examples)}
    cautions = [_caution(config, config.adapter, examples)]
    report = about | _told(cautions) | {"through": "fine_tune.py", **figures(after)}
    write_evaluation(folder, "test", report, after)
    found: dict[str, Any] = {"scores": report["scores"], "ece": report["calibration"]["ece"]}
    if config.compare_with and other and beside_it:
        before = _outcomes(beside_it, examples)
        cautions.append(_caution(config, other, examples))
        names = (config.compare_with, config.name)
        beside = {"data": ["test.json"], **_told(cautions), **compare(names, before, after)}
        name = f"against-{Path(config.compare_with).name}"
        write_comparison(folder, name, beside, differing(before, after))
        print(summary(beside, "simple"))
        found["comparison"] = {key: beside[key] for key in ("models", "differences", "changed")}
    _finish(config, "evaluate", state, found | _told(cautions))


def report(config: DomainConfig, overwrite: bool) -> None:
    """Write one page about all of it into the adapter's folder."""
    _needs(config, "evaluate", "report")
    prepared, judged = (_made(config, name) for name in ("preprocess", "evaluate"))
    counts = [[name, *prepared["parts"][name].values()] for name in PARTS]
    problems = [[kind, count] for kind, count in prepared["problems"].items()]
    sections = [
        f"# Adapter `{config.name}`",
        "Written by `fine_tune.py` out of one file; the training is in [report.md](report.md).",
        "## Data",
        tabulate(counts, ["part", "questions", "contexts", "without an answer"], tablefmt="github"),
        f"{prepared['repaired']} examples were repaired, {prepared['unusable']} left out, "
        f"{prepared['unreadable']} could not be read."
        + (f"\n\n{tabulate(problems, ['problem', 'examples'], tablefmt='github')}" if problems else ""),
        "## On the test part",
        *([f"**{judged['caution']}**"] if "caution" in judged else []),
        f"EM {judged['scores']['exact']:.1f}, F1 {judged['scores']['f1']:.1f}, calibration error "
        f"{judged['ece']:.1f} % ([test.md](evaluation/test.md)).",
    ]
    if "comparison" in judged:
        name = f"against-{Path(config.compare_with or '').name}"
        sections += [
            summary(judged["comparison"], "github"),
            f"What differs: [{name}.md](evaluation/{name}.md).",
        ]
    target = config.adapter / "domain.md"
    refuse_foreign([target], ours=is_report(target), remedy="Move it away.")
    target.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    print(f"written to {target}")


STAGES: Final[Mapping[str, Callable[[DomainConfig, bool], None]]] = {
    "preprocess": preprocess,
    "train": train,
    "evaluate": evaluate,
    "report": report,
}


def _read(path: Path) -> DomainConfig:
    try:
        return DomainConfig.model_validate(read_file(path))
    except ValidationError as e:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in e.errors())
        known = ", ".join(DomainConfig.model_fields)
        raise ConfigError(
            f"{path}: {wrong}.", remedy=f"See configs/domain_example.json; keys: {known}."
        ) from e


def _outcomes(saved: SavedAdapter, examples: Sequence[Example]) -> list[Outcome]:
    """What becomes of the questions with an adapter, in the arithmetic of the torch engine."""
    decoded = saved.predict(examples, top_k=2)
    answers = [
        to_answer(one.context, found, saved.config, top_k=2)
        for one, found in zip(examples, decoded, strict=True)
    ]
    return make_outcomes(examples, answers)


def _caution(config: DomainConfig, folder: Path, examples: Sequence[Example]) -> str:
    """What to say, and is printed, where an adapter was trained on some of the questions; "" otherwise."""
    rows = [(one.question, one.context) for one in examples]
    text = seen.caution(folder, rows, config.data, fingerprint(examples))
    if text:
        print(f"warning: {text}", file=sys.stderr)
    return text


def _told(cautions: Sequence[str]) -> dict[str, str]:
    text = " ".join(filter(None, cautions))
    return {"caution": text} if text else {}


def _weights(folder: Path) -> list[Path]:
    """The files of an adapter that decide what it answers."""
    return [*sorted(folder.glob("*.safetensors")), folder / "qa_config.json"]


def _counts(parts: Mapping[str, Sequence[Example]], report: CheckReport) -> dict[str, Any]:
    return {
        "parts": {
            name: {
                "questions": len(some),
                "contexts": len({one.context for one in some}),
                "unanswerable": sum(one.is_impossible for one in some),
            }
            for name, some in parts.items()
        },
        "repaired": report.repairable,
        "unusable": report.unusable,
        "problems": report.counts,
    }


def _part(config: DomainConfig, name: str) -> Path:
    return config.work / f"{name}.json"


def _inputs(config: DomainConfig) -> list[Path]:
    return [find_file(one, [Path(), data_dir()]) for one in config.data if not is_hub_name(one)]


def _check_work(config: DomainConfig) -> None:
    """Refuse to write the parts over files that no earlier run made, or over the data themselves.

    Raises:
        ConfigError: naming them.
    """
    parts = [_part(config, name) for name in PARTS]
    remedy = "Choose another name or work_dir."
    refuse_foreign(parts, ours=_record(config, "preprocess").exists(), remedy=remedy)
    inputs = {file.resolve() for file in _inputs(config)}
    refuse_foreign([part for part in parts if part.resolve() in inputs], ours=False, remedy=remedy)


def _fingerprint(values: Sequence[Any], *files: Path) -> str:
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _record(config: DomainConfig, stage: str) -> Path:
    return config.work / f"{stage}.stage.json"


def _made(config: DomainConfig, stage: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(_record(config, stage).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _is_done(config: DomainConfig, stage: str, state: str) -> bool:
    done = _made(config, stage).get("made_from") == state
    if done:
        print("done already, from the same inputs (--overwrite does it again)")
    return done


def _needs(config: DomainConfig, stage: str, next_stage: str) -> None:
    if not _made(config, stage):
        raise ConfigError(
            f"The stage {stage} of '{config.name}' was not run.",
            remedy=f"Run it before {next_stage}: --stage {stage}.",
        )


def _finish(config: DomainConfig, stage: str, state: str, found: Mapping[str, Any]) -> None:
    text = json.dumps({"made_from": state, **found}, indent=2) + "\n"
    _record(config, stage).write_text(text, encoding="utf-8")


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{prog} FIELD.json",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stage", choices=["all", *STAGES], default="all", help="which to run [all]")
    parser.add_argument("--overwrite", action="store_true", help="do again what is done already")
    return parser
