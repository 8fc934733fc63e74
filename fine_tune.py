"""Fine-tune a small question-answering adapter: data -> adapter folder with its report."""

import sys
from collections.abc import Sequence

from localqa.errors import LocalQAError, report_and_exit
from localqa.training.config import parse_config
from localqa.training.loop import InterruptedTraining
from localqa.training.run import run

DESCRIPTION = (
    "Train an adapter for extractive question answering. Give flags, or one JSON/YAML file with the same "
    "names. A run that was ended in the middle continues when the same command is given again."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the arguments say; returns the exit status."""
    try:
        run(
            parse_config(sys.argv[1:] if argv is None else argv, prog="fine_tune.py", description=DESCRIPTION)
        )
    except LocalQAError as e:
        report_and_exit(e)
    except InterruptedTraining as e:
        print(f"{e}: checkpoint written; give the same command again to continue.", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("Ended at once; the same command continues from the newest checkpoint.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
