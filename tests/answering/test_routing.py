"""Who answers."""

from dataclasses import replace

import pytest

from localqa.answering.routing import Ask, Extracted, Generated, Support, route, support
from localqa.errors import AdapterNotFoundError, InvalidInputError, OverloadedError
from localqa.extraction.answers import Answer
from localqa.ollama.client import Ollama
from localqa.ollama.errors import OllamaDownError
from localqa.ollama.upstream import Upstream
from tests.ollama.fake_server import PIECES

FOUND = Answer("Ada", 0.9, 0, 3, True, -2.0, "squad")
NOT = Answer("", 0.8, 0, 0, False, 3.0, "squad", (FOUND,))


@pytest.fixture
def ollama(ollama_server):
    return Ollama(Upstream(ollama_server.url, timeout_s=5, max_requests=4), model="tiny:1b")


def routed(ask, ollama, answer=FOUND):
    return asked(ask, lambda queries: [answer] * len(queries), ollama)


def asked(ask, read, ollama):
    (found,) = route([ask], read=read, ollama=ollama, gone=lambda: False)
    return found


@pytest.mark.parametrize(
    ("ask", "answer", "because", "generated"),
    [
        (Ask("Who?", "Ada did."), FOUND, "context_given", False),
        (Ask("Who?", "Ada did."), NOT, "context_given", False),
        (Ask("Who?", "Ada did.", fallback=True), FOUND, "context_given", False),
        (Ask("Who?", "Ada did.", fallback=True), NOT, "not_answerable", True),
        (Ask("Who?", "Ada did.", route="extractive", fallback=True), NOT, "requested", False),
        (Ask("Who?", "Ada did.", route="ollama"), FOUND, "requested", True),
        (Ask("Who?"), FOUND, "no_context", True),
        (Ask("Who?", route="ollama"), FOUND, "requested", True),
    ],
)
def test_who_answers_and_why(ollama, ask, answer, because, generated):
    found = routed(ask, ollama, answer)
    assert found.because == because
    if generated:
        assert list(found.pieces) == PIECES
        assert found.model == "tiny:1b"
    else:
        assert found.answer.answer == answer.answer


@pytest.mark.parametrize("ask", [Ask("Who?"), Ask("Who?", "Ada.", route="ollama")])
def test_without_a_server_open_questions_are_refused(ask):
    with pytest.raises(InvalidInputError) as raised:
        routed(ask, None)
    assert "OLLAMA_HOST" in raised.value.remedy


def test_extractive_route_needs_a_context(ollama):
    with pytest.raises(InvalidInputError, match="context"):
        routed(Ask("Who?", route="extractive"), ollama)


def test_fallback_that_fails_leaves_the_honest_answer(ollama, ollama_server):
    ollama_server.fault = "500"
    found = routed(Ask("Who?", "Ada did.", fallback=True), ollama, NOT)
    honest = replace(NOT, alternatives=())
    assert found == Extracted("ollama_failed", honest)


def test_open_question_that_fails_is_an_error(ollama, ollama_server):
    ollama_server.fault = "500"
    with pytest.raises(OllamaDownError):
        routed(Ask("Who?"), ollama)


@pytest.mark.parametrize("fault", ["cut", "error_line", "unfinished"])
def test_fallback_that_breaks_off_leaves_the_honest_answer(ollama, ollama_server, fault):
    ollama_server.fault = fault
    ask = Ask("Who?", "Ada did.", fallback=True)
    found = routed(ask, ollama, NOT)
    with pytest.raises(OllamaDownError) as raised:
        list(found.pieces)
    assert found.broken_off(raised.value) == Extracted("ollama_failed", replace(NOT, alternatives=()))
    asked_for = routed(Ask("Who?", "Ada did.", route="ollama"), ollama)
    with pytest.raises(OllamaDownError):
        asked_for.broken_off(raised.value)


def test_what_is_wrong_with_the_question_is_found_before_anything_is_generated(ollama, ollama_server):
    def refuses(queries):
        raise AdapterNotFoundError("There is no adapter 'nope'.")

    with pytest.raises(AdapterNotFoundError):
        asked(Ask("Who?", "Ada.", "nope", route="ollama"), refuses, ollama)
    assert not ollama_server.requests


def test_model_answers_while_bert_has_no_time(ollama):
    def busy(queries):
        raise OverloadedError("too much")

    ask = Ask("Who?", "Ada.", route="ollama")
    found = asked(ask, busy, ollama)
    text = "".join(found.pieces)
    assert text
    assert support(ask, found, text) == Support(False, None)


def test_support_looks_at_the_spans_of_a_text_that_was_found_to_hold_no_answer(ollama):
    ask = Ask("Who?", "Ada did it.", fallback=True)
    found = support(ask, routed(ask, ollama, NOT), "Ada did it.")
    assert found.supported
    assert found.span == FOUND
    assert support(Ask("Who?"), Generated("no_context", "tiny:1b"), "Ada").supported is None


def test_what_has_a_text_is_read_together_and_once(ollama):
    calls = []

    def read(queries):
        calls.append([query.context for query in queries])
        return [NOT if "not" in query.context else FOUND for query in queries]

    asks = [
        Ask("Who?", "Ada did."),
        Ask("Why?"),
        Ask("Who?", "Ada did not.", fallback=True),
        Ask("Who?", "Ada.", route="ollama"),
    ]
    found = list(route(asks, read=read, ollama=ollama, gone=lambda: False))
    assert calls == [["Ada did.", "Ada did not.", "Ada."]]
    assert [one.because for one in found] == ["context_given", "no_context", "not_answerable", "requested"]
    assert [isinstance(one, Generated) for one in found] == [False, True, True, True]


def test_model_answers_beside_an_open_question_while_bert_has_no_time(ollama):
    def busy(queries):
        raise OverloadedError("too much")

    asks = [Ask("Why?"), Ask("Who?", "Ada.", route="ollama")]
    found = route(asks, read=busy, ollama=ollama, gone=lambda: False)
    assert [one.because for one in found] == ["no_context", "requested"]
    with pytest.raises(OverloadedError):
        route([*asks, Ask("Who?", "Ada.")], read=busy, ollama=ollama, gone=lambda: False)


def test_what_was_held_back_supports_what_is_generated_instead(ollama):
    unsure = replace(FOUND, score=0.5)
    ask = Ask("Who?", "Ada did it.", fallback=True, min_score=0.6)
    found = routed(ask, ollama, unsure)
    assert (found.because, found.spans) == ("not_answerable", (unsure,))
    assert (found.refusal.answerable, found.refusal.alternatives) == (False, ())
