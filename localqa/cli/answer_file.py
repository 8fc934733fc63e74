"""Answer every row of a file: JSONL, CSV, TSV, JSON or Parquet in, JSONL, CSV, TSV or Parquet out.

Each row has a question and a context, and comes out with the answer, its offsets and its score beside its
own fields. A row that cannot be answered comes out with its error. A run that was ended, by Ctrl-C or the
power cord, goes on where it stopped when you give the same command again. The exit status is 0 once every row
has come out; how many with an error is told at the end.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from localqa.bert_qa import BertQA
from localqa.bulk.answering import Columns, answer_rows
from localqa.bulk.cluster import start_ray
from localqa.bulk.parts import OUTPUTS, BadLine, Part, Row, Work, check_output, find_parts, read_part
from localqa.bulk.sources import INPUTS, check_input, rows_file
from localqa.cli.flags import add_adapter_flag, add_base_flag, add_columns_flags, add_verdict_flags, positive
from localqa.config import Settings, models_dirs
from localqa.datafiles.files import format_of
from localqa.errors import ConfigError, ResourceError
from localqa.model.adapter_files import damage_named, locate_adapter
from localqa.model.versions import identity_of
from localqa.squad.parsing import parse_columns

EPILOG = """examples:
  localqa answer-file questions.jsonl answers.jsonl
  localqa answer-file questions.csv                         writes questions-answered.csv
  localqa answer-file rows.parquet out.parquet --adapter contracts --columns question=q,context=text
  localqa answer-file rows.parquet out.parquet --ray        on every machine of a Ray cluster
"""


def run(args: argparse.Namespace) -> int:
    """Answer the file; returns the exit status.

    Raises:
        LocalQAError: see `answer_whole`, and an output that cannot be written.
    """
    try:
        answer_whole(args)
    except BrokenPipeError:
        # Of what is printed, not of the output.
        raise
    except OSError as e:
        raise ResourceError(
            f"{args.output} cannot be written: {e.strerror or e}.",
            remedy="Free some disk space, or check the path; the same command goes on where it stopped.",
        ) from e
    except KeyboardInterrupt:
        print("Ended. Give the same command again, without --overwrite, to go on.", file=sys.stderr)
        return 130
    return 0


def answer_whole(args: argparse.Namespace) -> None:
    """Answer a file, alone with it: no second run works at the same output.

    Raises:
        LocalQAError: files that cannot be read or written, an unknown adapter.
    """
    check_input(args.input)
    if args.output is None:
        kind = ".jsonl" if args.input.suffix.lower() == ".json" else args.input.suffix
        args.output = args.input.with_name(f"{args.input.stem}-answered{kind}")
    check_output(args.output)
    # By its name: a run goes on with the adapter that it began with, or not at all.
    args.adapter = Settings.load().adapter if args.adapter is None else args.adapter
    work = Work(args.output.resolve(), _run_note(args))
    _check_output(args, work)
    with work.alone():
        if work.is_joined() and not args.overwrite:
            done = work.is_of_this_run()
            work.clear()
            if done:
                print(f"{args.output} is done already")
                return
        _check_output(args, work)
        answer(args, work)


def answer(args: argparse.Namespace, work: Work) -> None:
    """Find the parts, answer those that are missing, and join them; see `answer_whole`."""
    if args.overwrite:
        work.forget()
    work.begin(replaces=args.overwrite)
    columns = _columns(args)
    needed = (columns.question, columns.context)
    source = rows_file(args.input, work.folder, needed, format_of(args))
    parts = find_parts(source, args.part_rows)
    _check_columns(args.input, read_part(source, parts[0]) if parts else [], columns)
    work.check(source, parts, columns.added())
    missing = work.missing(parts)
    total, left = (sum(part.rows for part in some) for some in (parts, missing))
    if left < total:
        print(f"{total - left:,} of {total:,} rows are answered already")
    answering = _by_ray if args.ray else _here
    done = answering(args, source, work, missing)
    with tqdm(total=total, initial=total - left, desc="answer", unit="row", disable=None) as bar:
        for rows in done:
            bar.update(rows)
    errors = work.count(parts, columns.error())
    work.join(source, parts, columns.added())
    print(f"{args.output}: {total:,} rows, {errors:,} of them with an error")


def _check_output(args: argparse.Namespace, work: Work) -> None:
    """Refuse to write over what is not to be replaced.

    Raises:
        ConfigError: saying what.
    """
    if args.output.is_dir():
        raise ConfigError(f"{args.output} is a folder.", remedy="Name a file as the output.")
    if args.output.exists() and args.output.samefile(args.input):
        raise ConfigError(f"{args.output} is the input.", remedy="Name another file as the output.")
    if args.output.exists() and not args.overwrite and not (work.is_joined() or work.may_replace()):
        raise ConfigError(f"{args.output} exists.", remedy="Choose another name, or --overwrite.")


def _here(args: argparse.Namespace, source: Path, work: Work, parts: Sequence[Part]) -> Iterator[int]:
    """Answer parts in this process; gives the rows of each when it is written."""
    qa = BertQA.load(base=args.base, adapter=args.adapter) if parts else None
    for part in parts:
        if qa is not None:
            work.write(part, answered(qa, source, part, args))
        yield part.rows


def answered(qa: BertQA, source: Path, part: Part, args: argparse.Namespace) -> list[Row]:
    """What is added to the rows of a part."""
    columns = _columns(args)
    rows = read_part(source, part, (columns.question, columns.context))
    return answer_rows(qa.reader, rows, columns, abstain=args.abstain, min_score=args.min_score)


def _by_ray(args: argparse.Namespace, source: Path, work: Work, parts: Sequence[Part]) -> Iterator[int]:
    """Answer parts on the machines of a Ray cluster, which see the same files; gives rows as `_here` does.

    Raises:
        ConfigError: Ray is not installed.
    """
    ray = start_ray()
    if not parts:
        return
    # Workers may start in another folder, on a machine that sees the same files.
    source, adapter, base = source.resolve(), _named(args.adapter), args.base and _named(args.base)
    ray.data.DataContext.get_current().enable_progress_bars = False
    cores = int(ray.cluster_resources().get("CPU", 1))
    threads = min(args.worker_cpus, cores)

    class Answering:
        """A worker: one base in memory, one part after the other."""

        def __init__(self) -> None:
            self.qa = BertQA.load(base=base, adapter=adapter, threads=threads)

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            for part in batch["item"]:
                work.write(part, answered(self.qa, source, part, args))
            return {"rows": [part.rows for part in batch["item"]]}

    workers = max(1, min(len(parts), cores // threads))
    done = ray.data.from_items(list(parts), override_num_blocks=len(parts)).map_batches(
        Answering, batch_size=1, num_cpus=threads, compute=ray.data.ActorPoolStrategy(size=workers)
    )
    for row in done.iter_rows():
        yield int(row["rows"])


def _named(name: str) -> str:
    """A folder by its whole path; a name as it is."""
    return str(Path(name).resolve()) if "/" in name and Path(name).exists() else name


def _check_columns(source: Path, rows: Sequence[Row | BadLine], columns: Columns) -> None:
    """Look at the first rows before a long run.

    Raises:
        ConfigError: none has the two texts, or they have fields that the answers would need.
    """
    names = {name for row in rows if not isinstance(row, BadLine) for name in row}
    missing = [name for name in (columns.question, columns.context) if name not in names]
    if names and missing:
        raise ConfigError(
            f"The rows of {source} have no field {missing[0]!r}; they have {', '.join(sorted(names)[:20])}.",
            remedy="Name the fields, as in --columns question=q,context=passage.",
        )
    taken = [name for name in columns.added() if name in names]
    if taken:
        raise ConfigError(
            f"The rows of {source} have a field {taken[0]!r} already.",
            remedy="Give the answer's fields other names, as in --prefix found_.",
        )


def _columns(args: argparse.Namespace) -> Columns:
    given = parse_columns(args.columns) if args.columns else {}
    return Columns(given.get("question", "question"), given.get("context", "context"), args.prefix)


def _run_note(args: argparse.Namespace) -> dict[str, Any]:
    """What a run that goes on must have in common with the one that began.

    Raises:
        LocalQAError: no such adapter, or a damaged one.
    """
    stat = args.input.stat()
    folder = locate_adapter(models_dirs(), args.adapter)
    with damage_named(folder):
        # Its settings name the base by its checksum.
        identity = identity_of(folder)
    names = ["adapter", "base", "abstain", "min_score", "columns", "prefix"]
    names += ["part_rows", "encoding", "delimiter"]
    return {name: getattr(args, name) for name in names} | {
        # Of parts that count no blank lines.
        "layout": 2,
        "adapter_sha256": identity,
        "input": str(args.input.resolve()),
        "bytes": stat.st_size,
        "changed": stat.st_mtime_ns,
    }


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb."""
    parser.add_argument("input", type=Path, metavar="IN", help=f"rows to answer: {', '.join(INPUTS)}")
    parser.add_argument(
        "output",
        type=Path,
        nargs="?",
        metavar="OUT",
        help=f"answered rows: {', '.join(OUTPUTS)} [IN-answered, of the same kind]",
    )
    add_adapter_flag(parser)
    add_base_flag(parser)
    add_verdict_flags(parser)
    add_columns_flags(parser)
    parser.add_argument("--prefix", default="", metavar="TEXT", help="before the names of the added fields")
    parser.add_argument(
        "--part_rows",
        type=positive,
        default=1000,
        metavar="N",
        help="rows answered and saved at a time [1000]",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT, forget an unfinished run")
    parser.add_argument("--ray", action="store_true", help="share the parts among the workers of Ray Data")
    parser.add_argument(
        "--worker_cpus", type=positive, default=2, metavar="N", help="cores of each Ray worker [2]"
    )
