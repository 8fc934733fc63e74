"""The Flask REST API: `create_app()` builds it, for gunicorn and tests."""

import logging
import threading

from localqa import __version__
from localqa.answering.summaries import Summarizes
from localqa.api import adapters, answering, asking, documents, state, summarizing
from localqa.api.access import register_access
from localqa.api.addresses import Addresses
from localqa.api.docs import register_docs
from localqa.api.errors import register_error_handlers
from localqa.api.hooks import refuse_where_there_is_no_room, register_hooks
from localqa.api.listening import check_exposure
from localqa.api.logs import configure_logging
from localqa.api.origins import register_origins, unused_star
from localqa.api.output import StrictJSONProvider
from localqa.api.protocol.registering import register_protocols
from localqa.api.rate import register_rate_limit
from localqa.api.service import EXTENSION, Service
from localqa.api.spec import Api
from localqa.config import Settings, settings_files, unknown_variables
from localqa.reading.reads import Reads
from localqa.reading.told import ReaderInfo

_log = logging.getLogger("localqa.app")


def create_app(
    settings: Settings | None = None,
    reader: Reads | None = None,
    summarizer: Summarizes | None = None,
    *,
    background: bool = False,
) -> Api:
    """Build the app; without a reader it loads the one the settings name.

    Args:
        settings: what to use; without them they are read from the environment.
        reader: answers the questions; without one it is loaded before this returns, so that no request
            meets a server that is not ready.
        summarizer: summarises; without one, and without a reader, the one in the settings is loaded too.
        background: load on another thread instead; `/readyz` says 503 until that is done.

    Raises:
        LocalQAError: a setting is not usable, or the reader cannot be loaded.
    """
    settings = settings or Settings.load()
    check_exposure(settings)
    configure_logging(settings.log_level)
    _warn_of_settings_without_effect(settings)
    service = Service(settings, reader, summarizer)
    app = Api("localqa", limits=service.limits)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.json = StrictJSONProvider(app)
    app.extensions[EXTENSION] = service
    register_hooks(app)
    register_origins(app, settings)
    register_access(app, settings.keys)
    register_rate_limit(app, settings)
    app.before_request(refuse_where_there_is_no_room)
    register_error_handlers(app)
    app.register_api(answering.blueprint)
    app.register_api(summarizing.blueprint)
    app.register_api(asking.blueprint)
    app.register_api(documents.blueprint)
    app.describers.append(documents.describe)
    app.register_api(adapters.blueprint)
    app.register_api(state.blueprint)
    register_protocols(app)
    register_docs(app)
    app.generate_spec_json()
    app.wsgi_app = Addresses(app.wsgi_app, settings.proxy_hops)  # type: ignore[method-assign]  # Flask's own way
    if reader is None:
        _load(service, background=background)
    return app


def _load(service: Service, *, background: bool) -> None:
    def loader() -> Reads:
        # Here, not above: help, bad flags and tests need not wait for the model's libraries.
        from localqa.reading.loading import load_reader

        if service.settings.summary_adapter:
            from localqa.summarization.summarizer import load_named

            service.answerer.summarizer = load_named(service.settings)
        reader = load_reader(service.settings, service.metrics.batch, service.metrics.lookup)
        _tell_start(service.settings, reader.info())
        return reader

    if background:
        threading.Thread(target=service.loading.load_in_background, args=(loader,), daemon=True).start()
    else:
        service.loading.load(loader)


def _tell_start(settings: Settings, info: ReaderInfo) -> None:
    """One line with what a user asks first."""
    address = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
    fields = {
        "version": __version__,
        "settings": ",".join(map(str, settings_files())) or "environment",
        "keys": "yes" if settings.keys else "no",
        "adapter": settings.adapter,
        "engine": info.base.engine,
        "precision": info.base.precision,
        "address": address,
        "docs": f"{address}/docs",
    }
    _log.info("ready", extra={"fields": fields})


def _warn_of_settings_without_effect(settings: Settings) -> None:
    for name in unknown_variables():
        _log.warning("the variable %s is no setting and has no effect; .env.example lists them", name)
    if unused_star(settings.origins, settings.keys):
        _log.warning("QA_ORIGINS=* has no effect while there are API keys: name the origins that may ask")
