"""An app around a reader without a model, untouched by the environment of whoever runs the tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from localqa.api.spec import Api
from localqa.config import Settings
from tests.api.fake_reader import FakeReader


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name == "PORT" or name.startswith("QA_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


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
