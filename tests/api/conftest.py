"""An app around a reader without a model, untouched by the environment of whoever runs the tests."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from app import create_app
from localqa.api.spec import Api
from localqa.config import Settings
from tests.api.fake_reader import FakeReader


@pytest.fixture(autouse=True)
def _untouched(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test of this folder; an Ollama server that happens to run here is left alone."""
    monkeypatch.setenv("QA_OLLAMA", "off")


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader()


@pytest.fixture
def app(reader: FakeReader) -> Api:
    return create_app(Settings.load(), reader)


@pytest.fixture
def client(app: Api) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client
