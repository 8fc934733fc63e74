"""An adapter that is judged: what it says of questions is found out once and kept in the cache folder."""

import time
from collections.abc import Sequence

from tqdm import tqdm

from localqa.config import Precision, models_dirs
from localqa.engine.choosing import chosen_precision, make_engine
from localqa.engine.running import Engine
from localqa.errors import ConfigError
from localqa.extraction.decodings import Decodings, Pair, weights_sha256
from localqa.extraction.pipeline import decode_pairs
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded
from localqa.extraction.windows import Windower
from localqa.model.adapter_files import locate_adapter
from localqa.model.bases import resolve_base
from localqa.model.snapshot import AdapterFiles

_AT_A_TIME = 256
"""Questions between two writes: enough of them that windows of like lengths share batches."""
_TOP_K = 2
"""An abstaining adapter's best span is the first alternative."""
_KEY = "judged"


class Judged:
    """An adapter with its own settings, loaded when a question is new.

    Args:
        name: of an adapter; or LABEL=FOLDER, an adapter's folder under a name of one's own.
        precision: of the engine's arithmetic; "auto": as the server would choose it here.

    Raises:
        LocalQAError: no such adapter, or a damaged one.
    """

    def __init__(self, name: str, precision: Precision) -> None:
        label, _, folder = name.rpartition("=")
        self.folder = locate_adapter(models_dirs(), folder)
        self.label = label or self.folder.name
        self.config = QAConfig.load(self.folder)
        self.precision = chosen_precision(self.config, precision)[0]
        self.sha256 = weights_sha256(self.folder)
        self.megabytes = sum(file.stat().st_size for file in self.folder.glob("*.safetensors")) / 1e6
        self._kept = Decodings.of_adapter(self.sha256, self.config, self.precision)
        self._loaded: tuple[Engine, Windower] | None = None

    def decoded(self, pairs: Sequence[Pair], title: str) -> list[Decoded]:
        """What it says of each question, in order, with a progress bar of that title."""
        with tqdm(total=len(pairs), desc=f"{self.label}: {title}", unit="question") as bar:
            return self._kept.of(pairs, self._decode, at_a_time=_AT_A_TIME, on_done=bar.update)

    def timed(self, pairs: Sequence[Pair], title: str) -> tuple[list[Decoded], list[float]]:
        """The same, asked one by one, and the milliseconds that each took."""
        self._load()
        with tqdm(total=len(pairs), desc=f"{self.label}: {title}", unit="question") as bar:
            decoded = self._kept.of(
                pairs, self._decode, at_a_time=1, on_done=bar.update, clock=time.perf_counter
            )
        return decoded, [self._kept.milliseconds(pair) or 0.0 for pair in pairs]

    def _decode(self, pairs: Sequence[Pair]) -> list[Decoded]:
        engine, windower = self._load()
        return decode_pairs(
            pairs,
            windower=windower,
            run=lambda windows: engine.run(windows, _KEY),
            config=self.config,
            top_k=_TOP_K,
        )

    def _load(self) -> tuple[Engine, Windower]:
        if self._loaded is None:
            base = resolve_base(self.config.base)
            engine = make_engine(base, self.config, precision=self.precision)
            engine.load_adapter(_KEY, AdapterFiles(self.folder))
            config = self.config
            windower = Windower.from_folder(base.folder, max_length=config.max_length, stride=config.stride)
            self._loaded = engine, windower
        return self._loaded


def judged_ones(names: Sequence[str], precision: Precision) -> list[Judged]:
    """The adapters of these names, each label once.

    Raises:
        ConfigError: two of the same label.
    """
    found = [Judged(name, precision) for name in names]
    labels = [one.label for one in found]
    if len(set(labels)) < len(labels):
        raise ConfigError("Two adapters have the same name.", remedy="Give one as LABEL=FOLDER.")
    return found
