"""Tell what is installed, which base, engine and precision would serve and why, and what is missing.

Nothing is changed, fetched or loaded into memory. Exit status: 0 when it could serve, 1 when it could not.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from localqa import __version__
from localqa.config import Settings, cache_dir, settings_files, unknown_variables
from localqa.errors import LocalQAError

if TYPE_CHECKING:
    from localqa.extraction.qa_config import QAConfig
    from localqa.model.bases import Base

_PACKAGES: Final = {
    "serve": ("flask", "gunicorn", "openvino", "tokenizers", "safetensors", "numpy"),
    "train": ("torch", "transformers", "peft", "datasets"),
    "documents": ("pypdfium2", "lxml", "mammoth", "python-pptx", "openpyxl"),
    "postgres": ("psycopg",),
    "demo": ("gradio",),
    "ray": ("ray",),
}
"""What shows that an extra is installed; serving has none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        about: what was looked at.
        found: what it is.
        remedy: what to do where something is missing; "": nothing is.
        stops: whether the server could not start without it.
    """

    about: str
    found: str
    remedy: str = ""
    stops: bool = False


def run(args: argparse.Namespace) -> int:
    """Print the report; returns the exit status."""
    del args
    stops = 0
    for finding in findings():
        mark = "FAIL" if finding.stops else "note" if finding.remedy else "ok"
        print(f"{mark:4}  {finding.about:12}  {finding.found}")
        if finding.remedy:
            print(f"{'':20}what to do: {finding.remedy}")
        stops += finding.stops
    print("It could not serve." if stops else "It could serve: localqa serve")
    return 1 if stops else 0


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare no flags: all is looked at."""


def findings() -> Iterator[Finding]:
    """Everything that is looked at, in the order of the report."""
    yield Finding("localqa", f"{__version__}, Python {platform.python_version()}, {sys.prefix}")
    yield from _packages()
    try:
        settings = Settings.load()
        files = settings_files()
    except LocalQAError as e:
        yield Finding("settings", e.message, e.remedy, stops=True)
        return
    yield Finding("settings", ", ".join(map(str, files)) or "the environment alone, no file")
    for name in unknown_variables():
        yield Finding("settings", f"{name} is no setting", "See .env.example for those there are.")
    yield from _address(settings)
    yield from _model(settings)
    yield _library(settings)
    yield _cache()
    yield _ollama(settings)


def _packages() -> Iterator[Finding]:
    for extra, names in _PACKAGES.items():
        found = {name: _version(name) for name in names}
        missing = [name for name, number in found.items() if number is None]
        shown = ", ".join(f"{name} {number}" for name, number in found.items() if number)
        if not missing:
            yield Finding(extra, shown)
        elif extra == "serve":
            remedy = "pip install localqa, or in a checkout make setup-serve."
            yield Finding(extra, f"not installed: {', '.join(missing)}", remedy, stops=True)
        else:
            remedy = f"Where it is wanted: pip install 'localqa[{extra}]'."
            yield Finding(extra, f"not installed: {', '.join(missing)}", remedy)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _address(settings: Settings) -> Iterator[Finding]:
    """Whether it may and can listen where it is told to."""
    from localqa.api.listening import check_exposure, ensure_can_listen

    try:
        check_exposure(settings)
        # Port 0 is any that is free: whether the address is one of this machine.
        ensure_can_listen(settings.host, 0)
    except LocalQAError as e:
        yield Finding("address", e.message, e.remedy, stops=True)
        return
    try:
        ensure_can_listen(settings.host, settings.port)
    except LocalQAError as e:
        # Most likely by the server that is asked about.
        yield Finding("address", e.message, e.remedy)
    else:
        yield Finding("address", f"{settings.host}, port {settings.port}")


def _model(settings: Settings) -> Iterator[Finding]:
    """Adapter, base, engine and precision, each of which the next one needs."""
    from localqa.extraction.qa_config import QAConfig
    from localqa.model.adapter_files import check_named, known_adapters
    from localqa.model.bases import is_packed, resolve_base

    known = ", ".join(known_adapters(settings.models_dirs)) or "none"
    try:
        folder = check_named(settings)
        config = QAConfig.load(folder)
    except LocalQAError as e:
        yield Finding("adapter", e.message, e.remedy, stops=True)
        return
    yield Finding("adapter", f"{settings.adapter} ({folder}); known: {known}")
    bases = {}
    for name in dict.fromkeys([settings.base, config.base]):
        if is_packed(name):
            yield Finding("base", f"{name}: installed; unpacked when it is used for the first time")
            continue
        try:
            bases[name] = base = resolve_base(name, fetch=False)
        except LocalQAError as e:
            yield Finding("base", e.message, e.remedy, stops=True)
        else:
            yield Finding("base", f"{name}: {base.origin}, {base.folder}, sha256 {base.sha256[:12]}")
    if config.base in bases:
        yield _engine(settings, bases[config.base], config)


def _engine(settings: Settings, base: "Base", config: "QAConfig") -> Finding:
    from localqa.engine.choosing import chosen_engine, chosen_precision

    engine, why = chosen_engine(base, config, settings.engine)
    if _version(engine) is None:
        extra = "localqa[train]" if engine == "torch" else "localqa"
        return Finding("engine", f"{engine} is not installed", f"pip install '{extra}'.", stops=True)
    if engine == "torch":
        return Finding("engine", f"torch for {config.base}: {why}")
    precision, reason = chosen_precision(config, settings.precision)
    return Finding("engine", f"openvino for {config.base}: {why}; precision {precision}: {reason}")


def _library(settings: Settings) -> Finding:
    """The library of documents; none is made."""
    from localqa.documents.opening import open_library
    from localqa.documents.places import is_there, shown

    try:
        there = is_there(settings.library)
        where = shown(settings.library)
        if not there:
            return Finding("library", f"{where}: not there yet; `localqa documents add FOLDER` makes it")
        library = open_library(settings.library)
        collections = library.collections()
        library.close()
    except LocalQAError as e:
        return Finding("library", e.message, e.remedy)
    held = f"{sum(one.documents for one in collections):,} documents"
    return Finding("library", f"{where}: {held}, {sum(one.passages for one in collections):,} passages")


def _cache() -> Finding:
    folder = cache_dir()
    # The nearest folder that is there is where the missing ones would be made.
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if not os.access(there, os.W_OK):
        return Finding(
            "cache", f"{folder} cannot be written", "Set QA_CACHE_DIR to a folder that you may write."
        )
    return Finding("cache", str(folder))


def _ollama(settings: Settings) -> Finding:
    from localqa.ollama.finding import Finder

    remedy = "Where open questions are wanted: start Ollama, or set OLLAMA_HOST (https://ollama.com)."
    if settings.ollama == "off":
        return Finding("ollama", "off, as set")
    try:
        server = Finder(settings).found()
        if server is None:
            return Finding("ollama", "none on this machine", remedy)
        names = [str(model.get("name")) for model in server.models()]
    except LocalQAError as e:
        return Finding("ollama", e.message, e.remedy or remedy)
    return Finding("ollama", f"{server.upstream.url}: {', '.join(names) or 'no models yet'}")
