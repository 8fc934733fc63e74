"""An app with an Ollama server behind it that can be broken."""

import pytest

from app import create_app
from localqa.config import Settings


@pytest.fixture
def app_of(reader):
    """Builds apps around one reader."""
    return lambda **settings: create_app(Settings.load(**settings), reader)


@pytest.fixture
def both(app_of, ollama_server):
    """A client of an app with a server behind it."""
    app = app_of(ollama="on", ollama_host=ollama_server.url, ollama_model="tiny:1b", ollama_timeout_s=0.5)
    with app.test_client() as client:
        yield client
