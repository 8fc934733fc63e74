"""The bases in memory: each with its engine, all of them with one turn to run."""

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

from localqa.engine.memory import give_back
from localqa.engine.running import NOBODY, Engine, OnBatch, Portions, Ready, one_by_one
from localqa.errors import BaseModelError, OverloadedError
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Window, Windower
from localqa.model.adapter_files import HEAD, check_trained_on
from localqa.model.bases import WEIGHTS_FILE, Base, how_to_install, is_installed, resolve_base
from localqa.model.pooling import Recipe, read_recipe
from localqa.model.snapshot import AdapterFiles
from localqa.model.tensor_file import TensorFile
from localqa.reading.batcher import NO_ADAPTER
from localqa.reading.told import BaseInfo

MakeEngine: TypeAlias = Callable[[Base, QAConfig | None], Engine]
"""An engine for a base and the adapter that it will run first; None: it will embed first."""
MOST_BASES: Final = 2
_log = logging.getLogger("localqa.reading")


@dataclass(slots=True, eq=False)
class LoadedBase:
    """A base in memory.

    Attributes:
        base: that it is.
        engine: runs it.
        windower: cuts texts for it; those of other sizes share its tokenizer.
        family: its architecture, such as "bert".
        users: requests that it answers now, and adapters that are being loaded.
        used: time (`time.monotonic`) of the last one.
        stays: whether it is never unloaded.
    """

    base: Base
    engine: Engine
    windower: Windower
    family: str
    users: int = 0
    used: float = 0.0
    stays: bool = False

    def info(self) -> BaseInfo:
        """What is told of it."""
        of = self.base
        return BaseInfo(of.name, of.sha256, of.origin, self.family, loaded=True, **self.engine.info())


class Pool:
    """Loads bases when they are first needed; the one not used longest goes where there are too many.

    Runs take turns over all bases, for each of them already uses all cores.

    Args:
        make: builds engines.
        base: that embeds, and of the adapters trained on it; others are found by what adapters say.
        most: bases in memory at a time.
        on_drop: told the keys of the adapters that went with a base.
    """

    def __init__(self, make: MakeEngine, base: Base, *, most: int = MOST_BASES) -> None:
        self.base = base
        self.on_drop: Callable[[set[str]], object] = lambda keys: None
        self._make = make
        self._most = most
        self._only = False
        self._found: dict[str, Base] = {base.sha256: base}
        self._told: dict[str, BaseInfo] = {}
        self._loaded: dict[str, LoadedBase] = {}
        self._of_key: dict[str, LoadedBase] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._running = threading.Lock()

    @classmethod
    def of(cls, engine: Engine) -> "Pool":
        """One of a single engine, for the adapters of its base alone."""
        pool = cls(lambda base, config: engine, engine.base, most=1)
        pool._only = True
        return pool

    @cached_property
    def recipe(self) -> Recipe:
        """How the base that embeds does it; raises as `read_recipe` does."""
        return read_recipe(self.base.folder)

    @cached_property
    def length(self) -> int:
        """Of the vectors that the base makes."""
        return _hidden(_config(self.base))

    def offers(self, config: QAConfig) -> bool:
        """Whether adapters of that base can be asked for here at all."""
        return not self._only or config.base_sha256 == self.base.sha256

    def lacks(self, config: QAConfig) -> str | None:
        """Why an adapter's base cannot be loaded, in a few words; None: it seems that it can."""
        if config.base_sha256 in self._found or is_installed(config.base):
            return None
        return f"its base '{config.base}' is not on this machine ({how_to_install(config.base)})"

    def load_adapter(
        self, key: str, files: AdapterFiles, *, replaces: str | None = None, stays: bool = False
    ) -> Windower:
        """Load an adapter into the engine of its base, and the base first if need be.

        Args:
            key: to run it by; never used before.
            files: of the adapter.
            replaces: key of an earlier version of it.
            stays: whether the base is never unloaded from now on.

        Returns:
            The base's windower.

        Raises:
            AdapterError: it cannot be used.
            BaseModelError: its base is not on this machine.
            OverloadedError: there is no room for it, and all bases in memory are in use.
        """
        config = files.config()
        home = self._enter(self._base_of(config, files.folder), config)
        try:
            before = self._of_key.get(replaces) if replaces else None
            if before is home and replaces:
                home.engine.load_adapter(key, files, replaces=replaces)
            else:
                home.engine.load_adapter(key, files)
            with self._lock:
                self._of_key[key] = home
                home.stays |= stays
        finally:
            self._leave(home)
        return home.windower

    def remove_adapter(self, key: str) -> None:
        """Free an adapter's weights; no run of it is going on."""
        with self._lock:
            home = self._of_key.pop(key, None)
        if home is not None:
            home.engine.remove_adapter(key)

    def enter(self, key: str) -> bool:
        """Keep an adapter's base in memory until `leave`; False: it went meanwhile, with the adapter."""
        with self._lock:
            home = self._of_key.get(key)
            if home is not None:
                home.users += 1
                home.used = time.monotonic()
            return home is not None

    def leave(self, key: str) -> None:
        """Undo one `enter`."""
        self._leave(self._of_key[key])

    @contextmanager
    def embedding(self) -> Iterator[LoadedBase]:
        """The base that embeds, in memory until the block ends; raises as `load_adapter` does."""
        home = self._enter(self.base, None)
        try:
            yield home
        finally:
            self._leave(home)

    def run(self, windows: Sequence[Window], key: str, on_batch: OnBatch = NOBODY) -> list[Any]:
        """Logits of each window by an adapter; its vector where the key is `NO_ADAPTER`.

        Whoever calls it has entered the adapter, or is within `embedding`.
        """
        if key == NO_ADAPTER:
            with self.embedding() as home, self._running:
                return home.engine.embed(windows, self.recipe.known_pooling())
        engine = self._of_key[key].engine
        with self._running:
            return engine.run(windows, key, on_batch)

    def run_each(self, portions: Portions, key: str) -> Ready:
        """What `run` gives, as it is ready, while more windows come; see `Engine.run_each`."""
        if key == NO_ADAPTER:
            yield from one_by_one(lambda windows: self.run(windows, key), portions)
            return
        engine = self._of_key[key].engine
        with self._running:
            yield from engine.run_each(portions, key)

    def tokens_at_once(self, key: str) -> int:
        """Padded tokens of a portion, of an adapter or of none, above which windows come no faster."""
        home = self._loaded.get(self.base.sha256) if key == NO_ADAPTER else self._of_key.get(key)
        return home.engine.tokens_at_once if home else 1

    def loaded(self) -> tuple[BaseInfo, ...]:
        """The bases in memory, in the order they came."""
        with self._lock:
            return tuple(home.info() for home in self._loaded.values())

    def describe(self, config: QAConfig | None = None) -> BaseInfo:
        """What is known of an adapter's base; None: of the one that embeds."""
        name, sha256 = (config.base, config.base_sha256) if config else (self.base.name, self.base.sha256)
        home = self._loaded.get(sha256)
        if home is not None:
            return home.info()
        if sha256 not in self._told:
            base = self._found.get(sha256)
            if base is None:
                return BaseInfo(name, sha256, origin="", family="", parameters=0)
            self._told[sha256] = _told(base)
        return self._told[sha256]

    def _base_of(self, config: QAConfig, folder: Path) -> Base:
        """The base that an adapter was trained on; nothing is fetched for a question.

        Raises:
            BaseModelError: it is not on this machine.
            AdapterError: another one lies there under its name.
        """
        known = self._found.get(config.base_sha256)
        if known is not None:
            return known
        if self._only:
            check_trained_on(self.base, folder, config.base, config.base_sha256)
        try:
            found = resolve_base(config.base, fetch=False)
        except BaseModelError as e:
            raise BaseModelError(
                f"The adapter '{folder.name}' needs the base '{config.base}': {e.message}", remedy=e.remedy
            ) from e
        check_trained_on(found, folder, config.base, config.base_sha256)
        self._found[found.sha256] = found
        return found

    def _enter(self, base: Base, config: QAConfig | None) -> LoadedBase:
        """A base that stays in memory until `_leave`, loaded if need be."""
        home = self._taken(base)
        if home is not None:
            return home
        with self._loading:
            # Another request may have loaded it meanwhile.
            home = self._taken(base)
            if home is not None:
                return home
            self._make_room(base)
            family = _config(base).get("model_type", "")
            windower = Windower.from_folder(base.folder)
            home = LoadedBase(base, self._make(base, config), windower, family, 1, time.monotonic())
            with self._lock:
                self._loaded[base.sha256] = home
            return home

    def _taken(self, base: Base) -> LoadedBase | None:
        with self._lock:
            home = self._loaded.get(base.sha256)
            if home is not None:
                home.users += 1
                home.used = time.monotonic()
            return home

    def _leave(self, home: LoadedBase) -> None:
        with self._lock:
            home.users -= 1
            home.used = time.monotonic()

    def _make_room(self, wanted: Base) -> None:
        """Unload the base that was not used longest, unless there is room for another one."""
        with self._lock:
            if len(self._loaded) < self._most:
                return
            idle = [home for home in self._loaded.values() if not home.users and not home.stays]
            if not idle:
                raise OverloadedError(
                    f"There is no room for the base '{wanted.name}': at most {self._most} are in memory, "
                    "and those are in use.",
                    remedy="Ask again, or start the server with a larger QA_MAX_BASES.",
                )
            oldest = min(idle, key=lambda home: home.used)
            del self._loaded[oldest.base.sha256]
            keys = {key for key, home in self._of_key.items() if home is oldest}
            for key in keys:
                del self._of_key[key]
        _log.info("the base '%s' goes to make room for '%s'", oldest.base.name, wanted.name)
        self.on_drop(keys)
        del oldest, idle
        give_back()


def _told(base: Base) -> BaseInfo:
    """What is known of a base that is not in memory."""
    config = _config(base)
    infos = TensorFile(base.folder / WEIGHTS_FILE).infos
    count = sum(math.prod(info.shape) for info in infos.values())
    if not any(HEAD in name.split(".") for name in infos):
        count += 2 * _hidden(config) + 2
    return BaseInfo(base.name, base.sha256, base.origin, config.get("model_type", ""), count)


def _hidden(config: dict[str, Any]) -> int:
    """Length of a token's vector; DistilBERT calls it otherwise."""
    return int(config.get("hidden_size", config.get("dim", 0)))


def _config(base: Base) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    return found
