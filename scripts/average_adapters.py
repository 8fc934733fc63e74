"""Average LoRA adapters: one, and those trained further from it, become one that generalises better."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localqa.errors import ConfigError, LocalQAError, report_and_exit
from localqa.model.adapters import LORA_FILE, average_lora
from localqa.model.bases import file_sha256


def main(argv: Sequence[str] | None = None) -> int:
    """Average as the arguments say; returns the exit status."""
    args = _parser().parse_args(argv)
    folders, output = [Path(folder) for folder in args.adapters], Path(args.output)
    try:
        if (output / LORA_FILE).exists() and not args.overwrite:
            raise ConfigError(
                f"{output} holds an adapter.", remedy="Choose another --output, or --overwrite."
            )
        output.mkdir(parents=True, exist_ok=True)
        average_lora(folders, output)
    except LocalQAError as e:
        report_and_exit(e)
    sources = {str(folder): file_sha256(folder / LORA_FILE) for folder in folders}
    report = {"mean_of": sources, "adapter_bytes": (output / LORA_FILE).stat().st_size}
    (output / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (output / "report.md").write_text(_markdown(output.name, sources), encoding="utf-8")
    print(f"{output}: the mean of {', '.join(args.adapters)}")
    return 0


def _markdown(name: str, sources: dict[str, str]) -> str:
    rows = [f"| `{Path(folder).name}` | {checksum} |" for folder, checksum in sources.items()]
    head = f"# Adapter `{name}`\n\nThe mean of these adapters, by `scripts/average_adapters.py`."
    table = "\n".join(["| adapter | sha256 of its weights |", "|---|---|", *rows])
    return f"{head}\n\n{table}\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python scripts/average_adapters.py models/one models/further --output models/both",
    )
    parser.add_argument("adapters", nargs="+", help="adapter folders, all of one rank and base")
    parser.add_argument("--output", required=True, help="folder of the new adapter")
    parser.add_argument("--overwrite", action="store_true", help="replace the adapter in --output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
