"""Judge an adapter on a data file: EM, F1, and how far its scores can be trusted.

Exact match and F1 are counted as the official SQuAD scripts do. --output FOLDER writes the whole
evaluation as Markdown, JSON and PNG: confidence intervals, calibration, the risk-coverage curve, and
scores by question word and length of the context. --worst 10 shows the surest of the wrong answers.
With --task summarization it judges an adapter that summarises, by ROUGE and BLEU.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import requests
from tqdm import tqdm

from localqa.bert_qa import Answer, BertQA
from localqa.cli.flags import (
    add_base_flag,
    add_data_flags,
    add_key_flag,
    add_task_flag,
    key_headers,
    positive,
    server_address,
)
from localqa.config import DEFAULT_ADAPTER, Precision, models_dirs
from localqa.datafiles.files import format_of
from localqa.errors import ConfigError, LocalQAError, NotReadyError
from localqa.evaluation import seen
from localqa.evaluation.outcomes import Outcome, accepted, make_outcomes, told, worst
from localqa.evaluation.report import figures, score_table, write_evaluation
from localqa.model.adapter_files import locate_adapter
from localqa.ownership import check_report
from localqa.squad.load import load_reported
from localqa.squad.parsing import parse_columns
from localqa.squad.records import Example
from localqa.squad.split import fingerprint

_CHUNK = 32
_TOP_K = 2
"""An abstaining adapter's best span is the first alternative."""


EPILOG = "example: localqa evaluate --adapter squad --data dev-v1.1.json --output results"


def run(args: argparse.Namespace) -> int:
    """Evaluate as the flags say; returns the exit status.

    Raises:
        LocalQAError: see `evaluate` and `evaluate_summaries`.
    """
    name = args.name or "-".join(_stem(source) for source in args.data)
    if args.output:
        # Before the work: what it would be written over is not known to be ours afterwards either.
        check_report(Path(args.output), name)
    if args.task == "summarization":
        evaluate_summaries(args, name)
        return 0
    report, outcomes, seconds = evaluate(args)
    print_scores(report)
    print(f"{len(outcomes) / seconds:.1f} questions/s through {report['through']}")
    if args.worst:
        print_worst(outcomes, args.worst)
    if args.output:
        write_evaluation(Path(args.output), name, report, outcomes)
        print(f"written to {args.output}/{name}.md, .json and .png")
    return 0


def evaluate(args: argparse.Namespace) -> tuple[dict[str, Any], list[Outcome], float]:
    """Answer every question of the data and judge the answers; also the seconds that the answers took.

    Raises:
        LocalQAError: unreadable data, an unknown adapter, a server that does not answer.
    """
    if args.url and (args.base or args.precision != "fp32"):
        raise ConfigError(
            "--base and --precision are the server's, where one is asked.",
            remedy="Leave them out, or leave out --url.",
        )
    columns = parse_columns(args.columns) if args.columns else None
    examples = load_reported(args.data, columns=columns, limit=args.limit, text_format=format_of(args))
    began = time.perf_counter()
    answers = _over_http(args, examples) if args.url else _in_process(args, examples)
    seconds = time.perf_counter() - began
    outcomes = make_outcomes(examples, answers)
    name = Path(args.adapter).name
    caution = _caution(args, examples)
    if caution:
        print(f"warning: {caution}", file=sys.stderr)
    report = {
        "adapter": name,
        **({"caution": caution} if caution else {}),
        "data": [Path(source).name for source in args.data],
        "data_sha256": fingerprint(examples),
        "through": "http" if args.url else f"BertQA, {args.precision}",
        **figures(outcomes),
    }
    return report, outcomes, seconds


def evaluate_summaries(args: argparse.Namespace, file: str) -> None:
    """Summarise every text of the data and print, and where asked for write into a file, ROUGE and BLEU.

    Raises:
        LocalQAError: unreadable data, or an adapter that cannot be used.
    """
    # Here, not above: questions need none of it.
    from localqa.model.summary_config import FILE_NAME
    from localqa.summarization import evaluation as judging
    from localqa.summarization.pairs import FIELDS, fingerprint, read_pairs
    from localqa.summarization.scores import score

    if args.url or args.precision != "fp32" or args.worst:
        raise ConfigError(
            "--url, --precision and --worst are for questions.",
            remedy="Leave them out: summaries are made here, in fp32.",
        )
    columns = parse_columns(args.columns, FIELDS) if args.columns else None
    pairs = read_pairs(args.data, columns=columns, limit=args.limit, text_format=format_of(args))
    name = Path(args.adapter).name
    rows = [(pair.document, pair.summary) for pair in pairs]
    folder = locate_adapter(models_dirs(), args.adapter, FILE_NAME)
    caution = seen.caution(folder, rows, args.data, fingerprint(pairs))
    if caution:
        print(f"warning: {caution}", file=sys.stderr)
    found = judging.summaries(judging.load(args.adapter, like=args.adapter, base=args.base), pairs, name)
    scores = score(found, [pair.references for pair in pairs])
    print(judging.table({name: scores}, "simple"))
    if args.output:
        report = {"adapter": name, "data_sha256": fingerprint(pairs), "scores": scores}
        report |= {"caution": caution} if caution else {}
        columns_shown = {"wanted": [pair.summary for pair in pairs], name: found}
        judging.write(Path(args.output), file, report, judging.table({name: scores}, "github"), columns_shown)
        print(f"written to {args.output}/{file}.md and .json")


def _caution(args: argparse.Namespace, examples: Sequence[Example]) -> str:
    """What to say where the adapter was trained on these questions; of a server's, if it lies here, too."""
    try:
        folder = locate_adapter(models_dirs(), args.adapter)
    except LocalQAError:
        return ""
    rows = [(example.question, example.context) for example in examples]
    return seen.caution(folder, rows, args.data, fingerprint(examples))


def print_scores(report: dict[str, Any]) -> None:
    """A short table of the figures that matter."""
    print(score_table(report, "simple"))
    calibration, risk = report["calibration"], report["risk_coverage"]
    print(
        f"calibration error {calibration['ece']:.2f} %, Brier score {calibration['brier']:.3f}, "
        f"area under the risk-coverage curve {risk['area']:.3f}"
    )


def print_worst(outcomes: Sequence[Outcome], count: int) -> None:
    """The answers that were surest and least right, each beside the accepted ones."""
    print("\nthe surest of the wrong answers")
    for one in worst(outcomes, count):
        print(f"\n{one.example.question}\n  accepted: {accepted(one.example)}\n  answered: {told(one)}")
        if one.span != one.text:
            print(f"  made to answer: {one.span}")


def _stem(source: str) -> str:
    """A name for files: of squad_v1/dev-v1.1.json it is dev-v1.1, of squad:validation squad-validation."""
    return Path(source.replace(":", "-")).stem


def _in_process(args: argparse.Namespace, examples: Sequence[Example]) -> list[Answer]:
    qa = BertQA.load(base=args.base, adapter=args.adapter, precision=args.precision)
    pairs = [(example.question, example.context) for example in examples]
    with tqdm(total=len(pairs), desc="answer", unit="window", disable=None) as bar:
        answers = qa.answer_batch(pairs, _TOP_K, on_batch=bar.update)
        # Long contexts make several windows.
        bar.total = bar.n
    return answers


def _over_http(args: argparse.Namespace, examples: Sequence[Example]) -> list[Answer]:
    answers: list[Answer] = []
    progress = tqdm(total=len(examples), desc="answer", unit="question", disable=None)
    with requests.Session() as session, progress as bar:
        # Settings of the environment for other programs send no text to a proxy, and no other key.
        session.trust_env = False
        session.headers.update(key_headers(args.key))
        for at in range(0, len(examples), _CHUNK):
            chunk = examples[at : at + _CHUNK]
            pairs = [
                {"question": e.question, "context": e.context, "adapter": args.adapter, "top_k": _TOP_K}
                for e in chunk
            ]
            try:
                response = session.post(f"{args.url}/api/qa/batch", json={"qa_pairs": pairs}, timeout=300)
            except requests.RequestException as e:
                raise NotReadyError(
                    f"{args.url} does not answer ({type(e).__name__}).",
                    remedy="Start it with `localqa serve`, or correct --url.",
                ) from e
            answers += [_answer(result) for result in _results(args.url, response)]
            bar.update(len(chunk))
    return answers


def _results(url: str, response: requests.Response) -> list[dict[str, Any]]:
    """What a batch was answered.

    Raises:
        ConfigError: it was refused, or this is another server.
    """
    try:
        body = response.json()
        if response.ok:
            return list(body["results"])
        error = body["error"]
        message, remedy = str(error["message"]), str(error["remedy"])
    except (ValueError, LookupError, TypeError) as e:
        raise ConfigError(
            f"{url} answers {response.status_code}, but not as a server of this project.",
            remedy="Correct --url.",
        ) from e
    if response.status_code == requests.codes.unauthorized:
        remedy = "Give one of the server's QA_API_KEYS with --key, or in LOCALQA_KEY."
    raise ConfigError(f"{url} answers {response.status_code}: {message}", remedy=remedy)


def _answer(result: dict[str, Any]) -> Answer:
    """An answer out of the API's JSON."""
    names = ("answer", "score", "start", "end", "answerable", "null_score")
    others = result.get("alternatives", [])
    alternatives = tuple(_answer({**result, "alternatives": [], **other}) for other in others)
    return Answer(**{name: result[name] for name in names}, alternatives=alternatives)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb."""
    add_task_flag(parser, "what the adapter does; summaries are judged by ROUGE and BLEU")
    parser.add_argument(
        "--adapter", default=DEFAULT_ADAPTER, help=f"adapter name, or folder [{DEFAULT_ADAPTER}]"
    )
    add_data_flags(parser)
    add_base_flag(parser)
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        help="arithmetic of the openvino engine; only fp32 gives the same figures on every processor [fp32]",
    )
    parser.add_argument(
        "--worst", metavar="N", type=positive, help="show the N surest of the wrong answers, to look at"
    )
    parser.add_argument(
        "--url", type=server_address, help="ask a running server instead of loading the model here"
    )
    add_key_flag(parser)
    parser.add_argument("--limit", type=positive, metavar="N", help="score a fixed sample of N questions")
    parser.add_argument(
        "--output", metavar="FOLDER", help="write NAME.md, NAME.json and, of questions, NAME.png there"
    )
    parser.add_argument("--name", help="what these files are called [as the data]")
