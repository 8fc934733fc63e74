"""Long texts are read in part only where their words tell which part."""

from localqa.answering.long_texts import LONG, narrowed
from localqa.extraction.answers import Query

FISH = [f"On day {number} the quay sold fish of every kind to whoever came by." for number in range(300)]
CEO = "The CEO of Acme is Pierre Dupont."


def asked(question):
    text = "\n\n".join([*FISH[:150], CEO, *FISH[150:]])
    assert len(text) > LONG
    return narrowed(Query(question, text))


def test_words_in_common_tell_what_is_read():
    found = asked("Which day did the quay sell fish?")
    assert found is not None
    assert len(found.parts) == 10


def test_where_no_word_is_shared_all_of_it_is_read():
    assert asked("Wer ist der Chef?") is None


def test_where_hardly_any_passage_shares_a_word_all_of_it_is_read():
    assert asked("Who runs Acme?") is None
