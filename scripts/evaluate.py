"""Score an adapter on a data file: exact match and F1, as the official SQuAD scripts count them."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# The project's own folder has to be on the path first.
import requests
from tqdm import tqdm

from bert_qa import BertQA
from localqa.config import data_dir
from localqa.errors import ConfigError, LocalQAError, NotReadyError, report_and_exit
from localqa.squad.load import load_training_data
from localqa.squad.metrics import score
from localqa.squad.parsing import parse_columns
from localqa.squad.records import Example
from localqa.squad.split import fingerprint, subset

_CHUNK = 32


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate as the arguments say; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        report = evaluate(args)
    except LocalQAError as e:
        report_and_exit(e)
    print_scores(report)
    if args.output:
        Path(args.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(f"written to {args.output}")
    return 0


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Answer every question of the data and score the answers.

    Raises:
        LocalQAError: unreadable data, an unknown adapter, a server that does not answer.
    """
    columns = parse_columns(args.columns) if args.columns else None
    examples, problems = load_training_data(args.data, columns=columns, data_dir=data_dir())
    if not problems.ok:
        print(problems.summary())
    if args.limit:
        examples = subset(examples, args.limit, seed=0)
    began = time.perf_counter()
    answers = _over_http(args, examples) if args.url else _in_process(args, examples)
    seconds = time.perf_counter() - began
    scores = score(examples, {example.id: text for example, text in zip(examples, answers, strict=True)})
    return {
        "adapter": args.adapter,
        "data": [Path(source).name for source in args.data],
        "data_sha256": fingerprint(examples),
        "through": "http" if args.url else "BertQA",
        "scores": {key: round(value, 3) for key, value in scores.as_dict().items()},
        "questions_per_second": round(len(examples) / seconds, 1),
    }


def print_scores(report: dict[str, Any]) -> None:
    """A short table of the figures that matter."""
    scores = report["scores"]
    rows = [("all", scores["total"], scores["exact"], scores["f1"])]
    for prefix, name in (("has_ans", "HasAns"), ("no_ans", "NoAns")):
        if f"{prefix}_total" in scores and "no_ans_total" in scores:
            rows.append((name, *(scores[f"{prefix}_{part}"] for part in ("total", "exact", "f1"))))
    print(f"{'':8}{'questions':>10}{'EM':>8}{'F1':>8}")
    for name, total, exact, f1 in rows:
        print(f"{name:8}{total:>10,}{exact:>8.2f}{f1:>8.2f}")
    print(f"{report['questions_per_second']:.1f} questions/s through {report['through']}")


def _in_process(args: argparse.Namespace, examples: Sequence[Example]) -> list[str]:
    qa = BertQA.load(base=args.base, adapter=args.adapter)
    pairs = [(example.question, example.context) for example in examples]
    with tqdm(total=len(pairs), desc="answer", unit="window") as bar:
        answers = qa.answer_batch(pairs, on_batch=bar.update)
        # Long contexts make several windows.
        bar.total = bar.n
    return [answer.answer for answer in answers]


def _over_http(args: argparse.Namespace, examples: Sequence[Example]) -> list[str]:
    url = args.url.rstrip("/") + "/api/qa/batch"
    answers: list[str] = []
    with requests.Session() as session, tqdm(total=len(examples), desc="answer", unit="question") as bar:
        for at in range(0, len(examples), _CHUNK):
            chunk = examples[at : at + _CHUNK]
            pairs = [{"question": e.question, "context": e.context, "adapter": args.adapter} for e in chunk]
            try:
                response = session.post(url, json={"qa_pairs": pairs}, timeout=300)
            except requests.RequestException as e:
                raise NotReadyError(
                    f"{args.url} does not answer ({type(e).__name__}).", remedy="Run make serve."
                ) from e
            if response.status_code != requests.codes.ok:
                raise ConfigError(f"{url} answered {response.status_code}: {response.text[:300]}")
            answers += [result["answer"] for result in response.json()["results"]]
            bar.update(len(chunk))
    return answers


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python scripts/evaluate.py --adapter squad --data dev-v1.1.json --output out.json",
    )
    parser.add_argument("--adapter", default="squad", help="adapter name, or folder [squad]")
    parser.add_argument(
        "--data", nargs="+", required=True, help="data files (any supported format), or squad:validation"
    )
    parser.add_argument("--columns", metavar="NAME=COLUMN,...", help="field names, e.g. question=q,context=c")
    parser.add_argument("--base", help="base model: Hub name or folder [the adapter's own]")
    parser.add_argument("--url", help="ask a running server instead of loading the model here")
    parser.add_argument("--limit", type=int, metavar="N", help="score a fixed sample of N questions only")
    parser.add_argument("--output", metavar="FILE", help="write the figures as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
