"""A server to break, and clients of it."""

import pytest

from tests.ollama.fake_server import fake_ollama


@pytest.fixture
def server():
    with fake_ollama() as server:
        yield server
