"""Look at adapters, and make new ones out of them."""

import argparse
import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from tabulate import tabulate

from localqa.cli.flags import add_base_flag, positive
from localqa.config import ADAPTER_NAME, Combination, models_dirs
from localqa.errors import ConfigError

_ADAPTER_FILE = re.compile(
    # A version; what was being copied there, or written anew, when a process was killed.
    r"(versions/\d{4,}/|versions/\.\d{4,}-\d+/|\.new-\d+/)?"
    r"((adapter_model|prompt_model|model)\.safetensors|(adapter|qa|summary)_config\.json"
    r"|README\.md|report\.(json|md)|curve\.png|domain\.md|evaluation/[^/]+\.(json|md|png))"
    r"|checkpoints/(step-\d{8,}(\.partial)?/)?((trainable|optimizer|best)\.safetensors(\.partial)?|state\.json)"
    # Of the trainings that the shipped `squad` is the mean of.
    r"|(general|articles)/(report\.(json|md)|curve\.png)"
)
"""What lies in the folder of an adapter, as a path in it."""


def run(args: argparse.Namespace) -> int:
    """Do the action that was named; returns the exit status.

    Raises:
        LocalQAError: an adapter that is not there, or cannot be what is asked.
    """
    args.action(args)
    return 0


def list_adapters(args: argparse.Namespace) -> None:
    """Print a table of all adapters, or their descriptions as JSON."""
    from localqa.model.adapter_files import broken_adapters
    from localqa.model.registry import describe_all

    folders = _folders(args)
    found = describe_all(folders)
    for name, problem in broken_adapters(folders).items():
        print(f"{name}: cannot be read: {problem}", file=sys.stderr)
    if args.json:
        print(json.dumps([asdict(info) for info in found], indent=2))
        return
    rows = [
        [
            info.name,
            info.config.base,
            info.does,
            info.method,
            info.rank,
            f"{info.size / 1e6:.1f} MB",
            _short_metrics(info.metrics),
        ]
        for info in found
    ]
    header = ["adapter", "base", "does", "method", "rank", "size", "EM / F1"]
    print(tabulate(rows, header, missingval="-"))


def show_adapter(args: argparse.Namespace) -> None:
    """Print everything that is known about one adapter."""
    from localqa.model.registry import describe, find

    info = describe(find(_folders(args), args.name))
    if args.json:
        print(json.dumps(asdict(info), indent=2))
        return
    rows: list[list[Any]] = [["adapter", info.name], ["size", f"{info.size:,} bytes"]]
    rows += [[key.replace("_", " "), value] for key, value in asdict(info.config).items()]
    rows += [["rank", info.rank], ["target modules", ", ".join(info.target_modules)]]
    rows += [
        [f"on {data}", ", ".join(f"{key} {value}" for key, value in scores.items())]
        for data, scores in info.metrics.items()
    ]
    print(tabulate(rows, tablefmt="plain", missingval="-", disable_numparse=True))


def merge_adapter(args: argparse.Namespace) -> None:
    """Write base and adapter as one full model."""
    from localqa.extraction.qa_config import QAConfig
    from localqa.model.adapter_files import locate_adapter
    from localqa.model.bases import resolve_base
    from localqa.model.combine import merge_into_base

    folder = locate_adapter(_folders(args), args.name)
    output = _output(args)
    with _made(output) as made:
        merge_into_base(resolve_base(args.base or QAConfig.load(folder).base), folder, made)
        _note(made, {"merged": [args.name]})
    print(f"{output}: {args.name} merged into its base; it is used like an adapter, by its name")


def combine_adapters(args: argparse.Namespace) -> None:
    """Write the weighted combination of several adapters."""
    from localqa.extraction.qa_config import QAConfig
    from localqa.model.adapter_files import locate_adapter
    from localqa.model.bases import resolve_base
    from localqa.model.combine import combine

    folders = [locate_adapter(_folders(args), name).resolve() for name in args.names]
    weights = args.weights or [1 / len(folders)] * len(folders)
    if len(weights) != len(folders):
        raise ConfigError(
            f"There are {len(folders)} adapters and {len(weights)} weights.",
            remedy="Give one weight for each.",
        )
    parts = dict(zip(folders, weights, strict=True))
    if len(parts) < len(folders):
        twice = next(name for name, one in zip(args.names, folders, strict=True) if folders.count(one) > 1)
        raise ConfigError(
            f"The adapter '{twice}' is named twice.",
            remedy="Name each adapter once, with the sum of its weights.",
        )
    if args.rank is not None and args.method != "svd":
        raise ConfigError(
            f"--rank has no effect with {args.method}.", remedy="Leave it out, or give --method svd."
        )
    output = _output(args)
    base = resolve_base(args.base or QAConfig.load(folders[0]).base)
    with _made(output) as made:
        combine(base, parts, made, method=args.method, rank=args.rank)
        _note(made, {"combined": dict(zip(args.names, weights, strict=True)), "method": args.method})
    print(
        f"{output}: {args.method} of {', '.join(args.names)}\n"
        f"Its scores are not calibrated: localqa calibrate --adapter {output} --data HELD_OUT_FILE"
    )


def remove_adapter(args: argparse.Namespace) -> None:
    """Delete an adapter's folder."""
    from localqa.model.registry import find_named

    folder = find_named(_folders(args), args.name)
    if folder.parent.resolve() != _own(args).resolve():
        raise ConfigError(
            f"The adapter '{args.name}' is in {folder.parent}: it is shared or shipped, not one of your own.",
            remedy=f"Leave it there; what is in {_own(args)} can be removed, "
            "and an adapter of this name there comes before it.",
        )
    if not args.yes:
        raise ConfigError(f"{folder} would be deleted.", remedy="Add --yes to do so.")
    _refuse_foreign(folder)
    shutil.rmtree(folder)
    print(f"{folder} is deleted")


def list_versions(args: argparse.Namespace) -> None:
    """Print what an adapter is and was."""
    from localqa.model.registry import find
    from localqa.model.versions import versions

    found = versions(find(_folders(args), args.name))
    if args.json:
        values = [asdict(one) | {"folder": str(one.folder)} for one in found]
        print(json.dumps(values, indent=2))
        return
    rows = [
        [one.number, _moment(one.written), one.digest[:12], "answers now" if one.current else ""]
        for one in reversed(found)
    ]
    print(tabulate(rows, ["version", "trained", "sha256 of the weights", ""]))


def roll_back(args: argparse.Namespace) -> None:
    """Make an adapter again what it was before."""
    from localqa.model.registry import find
    from localqa.model.versions import rollback

    folder = find(_folders(args), args.name)
    before, now = rollback(folder, args.to)
    print(
        f"{folder}: version {now.number} ({now.digest[:12]}, of {_moment(now.written)}) answers; "
        f"before it was version {before.number} ({before.digest[:12]}), which is kept.\n"
        "A running server takes it up with the next question."
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def _folders(args: argparse.Namespace) -> tuple[Path, ...]:
    """Where adapters are looked for: the folder of the flag alone, else as everywhere."""
    return (Path(args.models_dir),) if args.models_dir else models_dirs()


def _own(args: argparse.Namespace) -> Path:
    """The folder in which adapters are made and removed."""
    return _folders(args)[0]


def _refuse_foreign(folder: Path) -> None:
    """Keep a folder in which there is more than an adapter.

    Raises:
        ConfigError: naming it.
    """
    if folder.is_symlink():
        raise ConfigError(f"{folder} is a link to {folder.resolve()}.", remedy="Remove the link yourself.")
    found = (str(file.relative_to(folder)) for file in sorted(folder.rglob("*")) if not file.is_dir())
    foreign = [name for name in found if not _ADAPTER_FILE.fullmatch(name)]
    if foreign:
        raise ConfigError(
            f"{folder} holds files that are no adapter's: {', '.join(foreign[:5])}.",
            remedy="Move them away first, or delete the folder yourself.",
        )


def _output(args: argparse.Namespace) -> Path:
    """Where the new adapter goes.

    Raises:
        ConfigError: not a legal name, or there is something already.
    """
    output = Path(args.output) if "/" in args.output else _own(args) / args.output
    if not re.fullmatch(ADAPTER_NAME, output.name):
        raise ConfigError(
            f"'{output.name}' is no adapter name.", remedy="Use small letters, digits, '.', '_' and '-'."
        )
    if output.exists():
        raise ConfigError(f"{output} exists.", remedy="Choose another --output, or remove it first.")
    return output


@contextlib.contextmanager
def _made(output: Path) -> Iterator[Path]:
    """A folder to fill, which appears as `output` once it is whole, and goes when that fails."""
    made = output.with_name(f".{output.name}.new-{os.getpid()}")
    made.mkdir(parents=True)
    try:
        yield made
        made.rename(output)
    except BaseException:
        shutil.rmtree(made)
        raise


def _note(output: Path, origin: Mapping[str, Any]) -> None:
    (output / "report.json").write_text(json.dumps({"origin": origin}, indent=2) + "\n", encoding="utf-8")


def _short_metrics(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    def told(scores: Mapping[str, Any]) -> str:
        if "exact" in scores:
            return f"{scores['exact']:.1f} / {scores['f1']:.1f}"
        return f"ROUGE-L {scores['rougeL']:.1f}"

    return "\n".join(f"{told(scores)}  {data}" for data, scores in metrics.items())


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of this verb and their flags."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, do: Any, text: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        one.add_argument(
            "--models_dir", metavar="FOLDER", help="look there alone [QA_MODELS_DIR, then the shipped ones]"
        )
        one.set_defaults(action=do)
        return one

    one = action("list", list_adapters, "every adapter with its base, rank, size and scores")
    one.add_argument("--json", action="store_true", help="print JSON")
    one = action("info", show_adapter, "everything about one adapter")
    one.add_argument("name", help="adapter name, or folder")
    one.add_argument("--json", action="store_true", help="print JSON")
    one = action("merge", merge_adapter, "write base and adapter as one full model")
    one.add_argument("name", help="adapter name, or folder")
    one = action("combine", combine_adapters, "make a new adapter from several, by weight")
    one.add_argument("names", nargs="+", metavar="name", help="adapter names, or folders")
    one.add_argument("--weights", nargs="+", type=float, metavar="W", help="one for each [equal ones, sum 1]")
    one.add_argument(
        "--method",
        choices=get_args(Combination),
        default="cat",
        help="cat: the exact sum, ranks add up; svd: its nearest of rank --rank; mean: of the matrices, for "
        "an adapter and those trained further from it [cat]",
    )
    one.add_argument("--rank", type=positive, metavar="R", help="rank of the result, for svd [the highest]")
    for name in ("merge", "combine"):
        made = actions.choices[name]
        made.add_argument("--output", required=True, help="name or folder of the new adapter")
        add_base_flag(made)
    one = action("versions", list_versions, "what an adapter is and was")
    one.add_argument("name", help="adapter name, or folder")
    one.add_argument("--json", action="store_true", help="print JSON")
    one = action("rollback", roll_back, "make an adapter again what it was")
    one.add_argument("name", help="adapter name, or folder")
    one.add_argument("--to", type=positive, metavar="VERSION", help="which version [the one before]")
    one = action("remove", remove_adapter, "delete an adapter")
    one.add_argument("name", help="adapter name")
    one.add_argument("--yes", action="store_true", help="really delete it")
