"""Show two models side by side on the same questions: what the second gains, and whether that is chance.

EM and F1 with confidence intervals, a paired permutation test, calibration, and the answers that differ
beside the accepted ones. --output FOLDER writes all of it as Markdown, JSON and PNG. The model "untrained"
is the base with a head that has learned nothing yet. With --task summarization two adapters that summarise
are compared, by ROUGE and BLEU; "untrained" is the base itself then.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from localqa.bert_qa import BertQA
from localqa.cli.flags import add_base_flag, add_data_flags, add_task_flag, positive
from localqa.config import Precision, models_dirs
from localqa.datafiles.files import format_of
from localqa.evaluation import seen
from localqa.evaluation.comparison import compare, differing, summary, write_comparison
from localqa.evaluation.outcomes import Outcome, accepted, make_outcomes, told
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import locate_adapter
from localqa.model.bases import DEFAULT_BASE, resolve_base
from localqa.ownership import check_report
from localqa.squad.load import load_reported
from localqa.squad.parsing import parse_columns
from localqa.squad.records import Example
from localqa.squad.split import fingerprint

UNTRAINED = "untrained"
EPILOG = """examples:
  localqa compare --before squad --after faq --data faq-test.csv --columns question=q
  localqa compare --before untrained --after squad --data dev.json --output results
"""
_SHOWN = 10


def run(args: argparse.Namespace) -> int:
    """Compare as the flags say; returns the exit status.

    Raises:
        LocalQAError: unreadable data, or a model that cannot be loaded.
    """
    args.before = args.before or ("squad" if args.task == "question-answering" else UNTRAINED)
    names = _names(args.before, args.after)
    name = args.name or f"{names[1]}-against-{names[0]}"
    if args.output:
        # Before the work: what it would be written over is not known to be ours afterwards either.
        check_report(Path(args.output), name)
    if args.task == "summarization":
        compare_summaries(args, name)
        return 0
    columns = parse_columns(args.columns) if args.columns else None
    examples = load_reported(args.data, columns=columns, limit=args.limit, text_format=format_of(args))
    for given in (args.before, args.after):
        if given != UNTRAINED:
            locate_adapter(models_dirs(), given)
    outcomes = [judge(name, args, examples) for name in (args.before, args.after)]
    cautions = [found for name in (args.before, args.after) if (found := caution(name, args, examples))]
    for text in cautions:
        print(f"warning: {text}", file=sys.stderr)
    report: dict[str, Any] = {
        "data": [Path(source).name for source in args.data],
        "data_sha256": fingerprint(examples),
        "precision": args.precision,
        **({"caution": " ".join(cautions)} if cautions else {}),
        **compare(names, *outcomes),
    }
    pairs = differing(*outcomes)
    print(summary(report, "simple"))
    changed = report["changed"]
    print(f"\nanswered differently: {changed['differently']} of {report['questions']};", end=" ")
    print(f"{changed['gained']} became right, {changed['lost']} became wrong")
    for one, other in pairs[:_SHOWN]:
        print(f"\n{one.example.question}\n  accepted: {accepted(one.example)}")
        for model, outcome in zip(names, (one, other), strict=True):
            print(f"  {model}: {told(outcome)}")
    if args.output:
        write_comparison(Path(args.output), name, report, pairs)
        print(f"\nwritten to {args.output}/{name}.md, .json and .png")
    return 0


def compare_summaries(args: argparse.Namespace, file: str) -> None:
    """Summarise the same texts with both and show, and where asked for write into a file, what differs.

    Raises:
        LocalQAError: unreadable data, or a model that cannot be loaded.
    """
    # Here, not above: questions need none of it.
    from localqa.model.summary_config import FILE_NAME
    from localqa.summarization import evaluation as judging
    from localqa.summarization.pairs import FIELDS, fingerprint, read_pairs

    columns = parse_columns(args.columns, FIELDS) if args.columns else None
    pairs = read_pairs(args.data, columns=columns, limit=args.limit, text_format=format_of(args))
    names, given = _names(args.before, args.after), (args.before, args.after)
    rows = [(pair.document, pair.summary) for pair in pairs]
    adapters = [locate_adapter(models_dirs(), name, FILE_NAME) for name in given if name != UNTRAINED]
    cautions = [
        found for one in adapters if (found := seen.caution(one, rows, args.data, fingerprint(pairs)))
    ]
    for text in cautions:
        print(f"warning: {text}", file=sys.stderr)
    likes = (args.after, args.before if args.before != UNTRAINED else args.after)
    first, second = (
        judging.summaries(judging.load(model, like=like, base=args.base), pairs, name)
        for name, model, like in zip(names, given, likes, strict=True)
    )
    report = {
        "data": [Path(source).name for source in args.data],
        "data_sha256": fingerprint(pairs),
        **({"caution": " ".join(cautions)} if cautions else {}),
        **judging.compare(names, (first, second), pairs),
    }
    print(judging.summary(report, "simple"))
    for pair, one, other in list(zip(pairs, first, second, strict=True))[:_SHOWN]:
        print(f"\nwanted: {pair.summary}\n  {names[0]}: {one}\n  {names[1]}: {other}")
    if args.output:
        texts = {"wanted": [pair.summary for pair in pairs], names[0]: first, names[1]: second}
        judging.write(Path(args.output), file, report, judging.summary(report, "github"), texts)
        print(f"\nwritten to {args.output}/{file}.md, .json and .png")


def caution(name: str, args: argparse.Namespace, examples: Sequence[Example]) -> str:
    """What to say where a model was trained on these questions; "" otherwise."""
    if name == UNTRAINED:
        return ""
    folder = locate_adapter(models_dirs(), name)
    rows = [(example.question, example.context) for example in examples]
    return seen.caution(folder, rows, args.data, fingerprint(examples))


def judge(name: str, args: argparse.Namespace, examples: Sequence[Example]) -> list[Outcome]:
    """What becomes of the questions with one of the models.

    Raises:
        LocalQAError: the model cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as folder:
        adapter = untrained(Path(folder), args) if name == UNTRAINED else name
        qa = BertQA.load(base=args.base, adapter=adapter, precision=args.precision)
        pairs = [(example.question, example.context) for example in examples]
        with tqdm(total=len(pairs), desc=name, unit="window", disable=None) as bar:
            answers = qa.answer_batch(pairs, 2, on_batch=bar.update)
            # Long contexts make several windows.
            bar.total = bar.n
    return make_outcomes(examples, answers)


def untrained(folder: Path, args: argparse.Namespace) -> Path:
    """An adapter as training begins with it: it changes nothing, and its head is drawn at random.

    It is made over the base of the other model, with the same windows.
    """
    # Here, not above: other comparisons need no torch.
    import torch

    from localqa.model.adapters import add_lora, save_adapter
    from localqa.model.loading import load_model

    other = args.after if args.before == UNTRAINED else args.before
    like = QAConfig.load(locate_adapter(models_dirs(), other)) if other != UNTRAINED else None
    base = resolve_base(args.base or (like.base if like else DEFAULT_BASE))
    config = QAConfig(base=base.name, base_sha256=base.sha256, method="lora")
    if like:
        sizes = ("max_length", "stride", "max_answer_tokens")
        config = replace(config, **{name: getattr(like, name) for name in sizes})
    torch.manual_seed(0)
    save_adapter(add_lora(load_model(base), rank=1), folder, config)
    config.save(folder)
    return folder


def _names(before: str, after: str) -> tuple[str, str]:
    first, second = Path(before).name, Path(after).name
    return (first, second) if first != second else (f"{first} (before)", f"{second} (after)")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb."""
    add_task_flag(parser, "what the models do; summaries are judged by ROUGE and BLEU")
    parser.add_argument(
        "--before", help='adapter name or folder, or "untrained" [squad; of summaries untrained]'
    )
    parser.add_argument("--after", required=True, help="the one to compare with it")
    add_data_flags(parser)
    add_base_flag(parser)
    parser.add_argument(
        "--precision", choices=get_args(Precision), default="fp32", help="arithmetic of the engine [fp32]"
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="use a fixed sample of N questions only")
    parser.add_argument("--output", metavar="FOLDER", help="write NAME.md, NAME.json and NAME.png there")
    parser.add_argument("--name", help="what these files are called [AFTER-against-BEFORE]")
