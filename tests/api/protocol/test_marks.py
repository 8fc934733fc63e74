"""Where marks begin and end in the middle of a line."""

import pytest

from localqa.api.protocol.extracting import NoTextError, from_chat, from_prompt


@pytest.mark.parametrize(
    "before", ["It is old. ", "<b>It is old.</b> ", "It is old > ", "It is old. > > ", "> > "]
)
def test_label_behind_a_sentence_or_a_mark_of_quoting(before):
    content = f"Context: The bridge is long. {before}Question: Who built it?"
    assert from_chat([{"role": "user", "content": content}], most=1000).question == "Who built it?"


@pytest.mark.parametrize("mark", "*#-=_.")
def test_line_of_marks_before_a_question_is_no_text(mark):
    with pytest.raises(NoTextError) as raised:
        from_prompt(f"{mark * 1000}Who?", most=2000)
    assert raised.value.question.endswith("Who?")
