"""Fine-tune a small question-answering adapter: data -> adapter folder with its report."""

import sys
from collections.abc import Sequence
from pathlib import Path

from localqa.training.config import SummaryTrainConfig, TrainConfig, parse_config
from localqa.training.domain import is_domain_file, run_domain
from localqa.training.loop import InterruptedTraining
from localqa.training.questions import run

DESCRIPTION = (
    "Train an adapter for extractive question answering, or with --task summarization one that summarises. "
    "Give flags, or one JSON/YAML file with the same "
    "names. A run that was ended in the middle continues when the same command is given again. A file that "
    "describes a whole field, as configs/domain_example.json, is carried out in stages: preprocess, train, "
    "evaluate, report; --stage carries out one of them."
)


def main(arguments: Sequence[str], prog: str) -> int:
    """Train as the arguments say; returns the exit status.

    Raises:
        LocalQAError: settings, data or models that cannot be used.
    """
    field = bool(arguments) and not arguments[0].startswith("-") and is_domain_file(Path(arguments[0]))
    try:
        if field:
            run_domain(Path(arguments[0]), list(arguments[1:]), prog=prog)
        else:
            config = parse_config(arguments, prog=prog, description=DESCRIPTION)
            if isinstance(config, TrainConfig):
                run(config)
            elif isinstance(config, SummaryTrainConfig):
                # Here, not above: questions need none of what it imports.
                from localqa.training.summaries import run as run_summaries

                run_summaries(config)
    except InterruptedTraining as e:
        finish = "" if field else ", or with --finish to keep what it has learned so far"
        print(f"{e}: checkpoint written; give the same command again to continue{finish}.", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("Ended at once; the same command continues from the newest checkpoint.", file=sys.stderr)
        return 130
    return 0
