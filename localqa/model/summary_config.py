"""`summary_config.json`: what makes an adapter's folder one that summarises, and how it wants its texts."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from localqa.errors import AdapterError
from localqa.extraction.qa_config import MOST_TOKENS
from localqa.extraction.settings_file import read_file
from localqa.writing import write_text

FILE_NAME = "summary_config.json"


@dataclass(frozen=True, slots=True)
class SummaryConfig:
    """Settings of one adapter that summarises.

    Attributes:
        base: Hub name or folder of the base it was trained on.
        base_sha256: checksum of that base's weights file.
        prefix: stands before every text.
        max_input_tokens: of a text at once, prefix and end included; longer ones are summarised in parts.
        max_summary_tokens: of a summary.
    """

    base: str
    base_sha256: str
    prefix: str = "summarize: "
    max_input_tokens: int = 512
    max_summary_tokens: int = 128

    def save(self, folder: Path) -> None:
        """Write `summary_config.json` into a folder."""
        write_text(folder / FILE_NAME, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "SummaryConfig":
        """Read `summary_config.json` from an adapter folder.

        Raises:
            AdapterError: the file is missing, malformed, or a value is out of its range.
        """
        path = folder / FILE_NAME
        try:
            config = TypeAdapter(cls).validate_json(read_file(path), strict=True)
        except FileNotFoundError as e:
            raise AdapterError(
                f"'{folder}' is not a summarisation adapter: it has no {FILE_NAME}.",
                remedy="Name a folder written by fine_tune.py --task summarization.",
            ) from e
        except OSError as e:
            raise AdapterError(
                f"{path} cannot be read ({e.strerror or e}).", remedy="Restore the file or train again."
            ) from e
        except ValidationError as e:
            wrong = e.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            raise AdapterError(
                f"{path}: {where} {wrong['msg']}.".replace(":  ", ": "),
                remedy="Restore the file or train again.",
            ) from e
        if not (
            16 <= config.max_input_tokens <= MOST_TOKENS and 2 <= config.max_summary_tokens <= MOST_TOKENS
        ):
            raise AdapterError(
                f"{path} holds a value out of its range.", remedy="Restore the file or train again."
            )
        return config
