"""What is instruction, what is text and what is question in messages and prompts."""

import time

import pytest

from localqa.api.protocol.extracting import from_chat, from_prompt
from localqa.errors import InvalidInputError
from localqa.extraction.answers import Answer
from tests.api.protocol.prompts import (
    FACT_SHEETS,
    FEW_SHOT,
    FOLLOW_UPS,
    INSTRUCTIONS,
    PROMPTS,
    QUESTION,
    REMARKS,
    SMALL_TALK,
    STATEMENTS,
    SYSTEMS,
    TAGGED,
    TEMPLATES,
    TEXT,
)

MOST = 1_000_000


def chat(*messages):
    return from_chat([{"role": role, "content": content} for role, content in messages], most=MOST)


def filled(prompt):
    return prompt.format(text=TEXT, question=QUESTION)


def found(extraction, words, null_score=-5.0):
    """An answer of those words, as the reader would give it."""
    start = extraction.context.index(words)
    return Answer(words, 0.9, start, start + len(words), True, null_score, "squad")


def refused(*messages):
    with pytest.raises(InvalidInputError, match="no text to answer from") as raised:
        chat(*messages)
    assert "<context>" in raised.value.remedy


@pytest.mark.parametrize("name", PROMPTS)
def test_text_and_question_in_one_prompt(name):
    prompt = filled(PROMPTS[name])
    extraction = from_prompt(prompt, most=MOST)
    assert (extraction.question, extraction.context) == (QUESTION, TEXT)
    place = extraction.found_in(found(extraction, "Dunmore and Sons"))
    assert prompt[place["start"] : place["end"]] == "Dunmore and Sons"
    assert place["field"] == "prompt"


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        ("[CONTEXT]{text}[/CONTEXT]\n[QUESTION]{question}[/QUESTION]", QUESTION),
        ("{text}\n\nwho built the bridge", "who built the bridge"),
        ("Context: {text}\n\nName the builder of the bridge.", "Name the builder of the bridge."),
        (
            "Current Task: {question}\n\nThis is the context you are working with:\n{text}",
            QUESTION,
        ),
    ],
)
def test_a_question_may_be_asked_in_other_ways(prompt, question):
    extraction = from_prompt(filled(prompt), most=MOST)
    assert (extraction.question, extraction.context) == (question, TEXT)


@pytest.mark.parametrize(
    "past",
    [
        "<history>\nuser: Who built it?\nassistant: Karl Berg built it in 1920.\n</history>",
        "Conversation so far:\nUser: Who built it?\nAssistant: Karl Berg built it in 1920.",
        "User: Who built it?\nAssistant: Karl Berg built it in 1920.",
        "Previous answer: Karl Berg built it in 1920.",
    ],
)
def test_what_was_said_earlier_is_no_source_in_a_system_message_either(past):
    assert chat(("system", f"{TEXT}\n\n{past}"), ("user", QUESTION)).context == TEXT


def test_text_behind_an_earlier_conversation_is_a_source():
    past = "<chat_history>\nassistant: Karl Berg built it.\n</chat_history>"
    assert chat(("system", f"{past}\n\n{TEXT}"), ("user", QUESTION)).context == TEXT


@pytest.mark.parametrize("role", ["agent", "LLM", "ai_assistant", "Assistant"])
def test_whatever_an_assistant_is_called_it_is_no_source(role):
    said = (role, "Karl Berg built the bridge in 1920.")
    assert chat(("system", TEXT), ("human", "Hello"), said, ("human", QUESTION)).context == TEXT


@pytest.mark.parametrize("name", PROMPTS)
def test_text_and_question_in_one_message(name):
    talk = [("system", INSTRUCTIONS[0]), ("user", "Hello"), ("assistant", "I am a model.")]
    if "conversation" not in name:
        extraction = chat(*talk, ("user", filled(PROMPTS[name])))
        assert (extraction.question, extraction.context) == (QUESTION, TEXT)
        assert extraction.sources[0].message.where == {"message": 3}


@pytest.mark.parametrize("prompt", [*TEMPLATES.values(), *FEW_SHOT.values(), *TAGGED])
@pytest.mark.parametrize("as_chat", [False, True])
def test_last_turn_is_asked_about_the_text_of_its_turns(prompt, as_chat):
    sent = filled(prompt)
    extraction = chat(("user", sent)) if as_chat else from_prompt(sent, most=MOST)
    assert (extraction.question, extraction.context) == (QUESTION, TEXT)
    place = extraction.found_in(found(extraction, "Dunmore and Sons"))
    assert sent[place["start"] : place["end"]] == "Dunmore and Sons"


def test_template_in_a_message_of_several_parts_keeps_the_places():
    sent = ["<|im_start|>system\nIt is old.", f"{TEXT}<|im_end|><|im_start|>user\n{QUESTION}<|im_end|>"]
    content = [{"type": "text", "text": one} for one in sent]
    extraction = from_chat([{"role": "user", "content": content}], most=MOST)
    assert extraction.question == QUESTION
    assert extraction.found_in(found(extraction, "Dunmore")) == {
        "message": 0,
        "part": 1,
        "start": 24,
        "end": 31,
    }


@pytest.mark.parametrize(
    "prompt",
    [
        "Q: How long is it?\nA: Ten metres.\nQ: {question}\nA:",
        "Question: How long is it?\nAnswer: Ten metres.\n\nQuestion: {question}\nAnswer:",
        "Answer the question.\n\nQ: How long is it?\nA: Ten metres.\nQ: How old?\nA: Old.\nQ: {question}\nA:",
        "<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n",
        "The following is a friendly conversation between a human and an AI. The AI is talkative and "
        "provides lots of specific details from its context. If the AI does not know the answer to a "
        "question, it truthfully says it does not know.\n\nCurrent conversation:\n\nHuman: {question}\nAI:",
    ],
)
def test_examples_and_templates_without_text_hold_none(prompt):
    refused(("user", filled(prompt)))
    with pytest.raises(InvalidInputError, match="no text to answer from"):
        from_prompt(filled(prompt), most=MOST)


@pytest.mark.parametrize(
    "text",
    [
        "A prompt begins with [INST] and ends with [/INST].",
        "User: my printer is broken.\nAssistant: Restart it.\nUser: That helped.",
    ],
)
def test_what_speaks_of_turns_is_a_text(text):
    assert chat(("user", text), ("user", QUESTION)).context == text
    assert chat(("user", f"Context: {text}\nQuestion: {QUESTION}")).context == text


@pytest.mark.parametrize("name", SYSTEMS)
def test_text_in_the_system_message(name):
    system = filled(SYSTEMS[name])
    extraction = chat(("system", system), ("user", QUESTION))
    assert (extraction.question, extraction.context) == (QUESTION, TEXT)
    place = extraction.found_in(found(extraction, "1891"))
    assert system[place["start"] : place["end"]] == "1891"
    assert from_prompt(QUESTION, system, most=MOST).context == TEXT


@pytest.mark.parametrize("name", FOLLOW_UPS)
def test_question_that_shall_stand_alone_is_said_again(name):
    extraction = chat(("user", filled(FOLLOW_UPS[name])))
    assert extraction.repeats
    assert extraction.repeated("squad").answer == QUESTION


def test_instruction_to_reformulate_repeats_the_last_question():
    system = (
        "Given a chat history and the latest user question, formulate a standalone question which can be "
        "understood without the chat history. Do NOT answer the question, just reformulate it if needed."
    )
    extraction = chat(("system", system), ("user", TEXT), ("assistant", "Karl"), ("user", QUESTION))
    assert (extraction.repeats, extraction.context) == (True, QUESTION)


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_instruction_is_no_source(instruction):
    refused(("system", instruction), ("user", QUESTION))
    for system in (f"{instruction}\n\n{TEXT}", f"{TEXT} {instruction}"):
        assert chat(("system", system), ("user", QUESTION)).context == TEXT


@pytest.mark.parametrize("remark", REMARKS)
def test_system_message_that_says_how_to_answer_is_no_source(remark):
    refused(("system", remark), ("user", QUESTION))
    assert chat(("system", remark), ("user", TEXT), ("user", QUESTION)).context == TEXT


@pytest.mark.parametrize("sheet", FACT_SHEETS)
def test_short_system_message_that_states_something_is_a_source(sheet):
    assert chat(("system", sheet), ("user", QUESTION)).context == sheet


@pytest.mark.parametrize("talk", SMALL_TALK)
def test_small_talk_is_no_source(talk):
    refused(("user", talk), ("assistant", "Karl Berg."), ("user", QUESTION))
    assert chat(("user", talk), ("system", TEXT), ("user", QUESTION)).context == TEXT


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("role", ["system", "user", "tool"])
def test_statement_is_a_source_whatever_it_begins_with(statement, role):
    assert chat((role, statement), ("user", "What is it?")).context == statement


def test_what_the_assistant_said_is_no_source():
    said = ("assistant", "Karl Berg built the bridge in 1920.")
    refused(said, ("user", QUESTION))
    assert chat(("system", TEXT), ("user", QUESTION), said, ("user", QUESTION)).context == TEXT


@pytest.mark.parametrize("role", ["bot", "chatbot", "gpt", " Assistant "])
def test_assistants_have_other_names(role):
    said = (role, "Karl Berg built the bridge in 1920.")
    assert chat(("system", TEXT), ("user", QUESTION), said, ("user", QUESTION)).context == TEXT


@pytest.mark.parametrize("remark", ["My name is Karl.", "Hi, I'm Anna and I work at the museum.", "yo"])
def test_beside_a_marked_text_a_remark_is_no_source(remark):
    marked = f"<context>{TEXT}</context>\n{QUESTION}"
    assert chat(("user", remark), ("assistant", "Hello."), ("user", marked)).context == TEXT
    assert chat(("user", remark), ("user", "What is my name?")).context == remark


@pytest.mark.parametrize("tag", ["data", "information", "content", "snippet"])
def test_text_in_tags_of_other_names(tag):
    asked = f"<{tag}>{TEXT}</{tag}> Tell me who built it."
    assert chat(("user", asked)).context == TEXT


@pytest.mark.parametrize("role", ["tool", "function"])
def test_text_of_a_tool_behind_the_question_is_read(role):
    messages = [
        {"role": "system", "content": "You are a helpful assistant. Use the search tool when needed."},
        {"role": "user", "content": QUESTION},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"function": {"name": "search", "arguments": {}}}],
        },
        {
            "role": role,
            "tool_name": "search",
            "tool_call_id": "1",
            "content": [{"type": "text", "text": TEXT}],
        },
    ]
    extraction = from_chat(messages, most=MOST)
    assert (extraction.question, extraction.context) == (QUESTION, TEXT)
    place = extraction.found_in(found(extraction, "Dunmore"))
    assert place == {"message": 3, "part": 0, "start": 24, "end": 31}


def test_answer_is_of_one_source_alone():
    extraction = chat(
        ("system", "The club was founded by Karl"),
        ("system", "Berg and his sister in 1901."),
        ("user", "Who founded the club?"),
    )
    assert extraction.query("squad").borders == (0, extraction.context.index("Berg"))
    assert extraction.found_in(found(extraction, "Berg")) == {"message": 1, "start": 0, "end": 4}


def test_each_source_in_a_context_is_one():
    sources = '<source id="1" name="a">It is old.</source>\n<source id="2">Tea is nice.</source>'
    blocks = f"<context>\n{sources}\n</context>\n"
    extraction = chat(("user", f"{blocks}\n{QUESTION}"))
    assert [blocks[one.part.start : one.part.end] for one in extraction.sources] == [
        "It is old.",
        "Tea is nice.",
    ]


def test_long_text_in_the_message_is_no_long_question():
    extraction = chat(
        ("system", "It opened late."), ("user", f"{'It is a long bridge. ' * 50}\n\n{QUESTION}")
    )
    assert extraction.question == QUESTION
    assert extraction.context.startswith("It opened late.\n\nIt is a long bridge.")


def test_labels_within_a_text_are_its_own():
    faq = "Question: How long is it?\nAnswer: Ten metres.\nQuestion: How old is it?\nAnswer: Old."
    extraction = from_prompt(f"Context: {faq}\n\nQuestion: {QUESTION}\nAnswer:", most=MOST)
    assert (extraction.context, extraction.question) == (faq, QUESTION)
    notice = "What you need to enter.\nDocuments: passport and visa.\nFee: 50 pounds."
    assert chat(("system", notice), ("user", "What is the fee?")).context == notice


@pytest.mark.parametrize("name", ["LlamaIndex refines", "LlamaIndex refines in a chat"])
def test_earlier_answer_is_said_again_where_new_text_holds_no_better(name):
    prompt = filled(PROMPTS[name])
    extraction = chat(("user", prompt))
    assert extraction.settled(found(extraction, "Dunmore"))[1].answer == "Dunmore"
    for poor in (found(extraction, "lanes", null_score=4.0), Answer("", 0.9, 0, 0, False, 4.0, "squad")):
        source, answer = extraction.settled(poor)
        assert answer.answer == "Karl Berg"
        place = source.found_in(answer)
        assert prompt[place["start"] : place["end"]] == "Karl Berg"


@pytest.mark.alone
@pytest.mark.parametrize(
    "text",
    [
        "<context>" * 30_000 + "</context>",
        "<source " * 30_000,
        "Context:\n" * 30_000,
        "Be concise. " * 25_000,
        "\n" * 300_000,
        "a\n\n" * 100_000,
        "-----\n" * 50_000,
        "[CONTEXT 1]:" * 25_000,
        "who? " * 60_000,
        "<|im_start|>" * 20_000,
        "<|im_start|>user\n" * 15_000,
        "[INST] " * 40_000,
        "Q: a\nA: b\n" * 20_000 + "AI:",
        "Human: a\n" * 25_000 + "AI:",
        '[{"a": "' * 30_000,
        "<a_" * 80_000,
    ],
)
def test_large_messages_are_read_soon(text):
    began = time.monotonic()
    for role in ("system", "user", "tool"):
        try:
            chat((role, text), ("user", QUESTION))
            chat(("user", text + QUESTION))
        except InvalidInputError:
            pass
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("prompt", "question", "context"),
    [
        (
            "It was shipped in May. What is the status of order No. 4711?",
            "What is the status of order No. 4711?",
            "It was shipped in May.",
        ),
        (
            "Context: Dr. Brown lives in Bonn.\nWhere does Dr. Brown live?",
            "Where does Dr. Brown live?",
            "Dr. Brown lives in Bonn.",
        ),
        ("Theft is in the act. What does Art. 5 cover?", "What does Art. 5 cover?", "Theft is in the act."),
        (
            "The tariff rose. What is it in the U.S. today?",
            "What is it in the U.S. today?",
            "The tariff rose.",
        ),
        (
            "The law is old. Which law applies: German or Swiss?",
            "Which law applies: German or Swiss?",
            "The law is old.",
        ),
        ("爱因斯坦出生于1879年。爱因斯坦什么时候出生？", "爱因斯坦什么时候出生？", "爱因斯坦出生于1879年。"),
        (
            "契約は十二か月です。更新できます。契約は何か月ですか？",
            "契約は何か月ですか？",
            "契約は十二か月です。更新できます。",
        ),
        (
            "ولد أينشتاين في ألمانيا عام 1879. متى ولد أينشتاين؟",
            "متى ولد أينشتاين؟",
            "ولد أينشتاين في ألمانيا عام 1879.",
        ),
        ("Ada lives at 5 Main St. Where does Ada live?", "Where does Ada live?", "Ada lives at 5 Main St."),
        (
            "The shop is at 12 Elm Dr. What is its address?",
            "What is its address?",
            "The shop is at 12 Elm Dr.",
        ),
        ("the museum opens at 9 a.m. when does it open?", "when does it open?", "the museum opens at 9 a.m."),
        (
            "No smoking indoors. Ada owns it. Can guests smoke?",
            "Can guests smoke?",
            "No smoking indoors. Ada owns it.",
        ),
        (
            "List prices are net. Ada sets them. What is net?",
            "What is net?",
            "List prices are net. Ada sets them.",
        ),
        ("Ada wrote it in 1843. Who wrote it? Thanks!", "Who wrote it?", "Ada wrote it in 1843."),
        (
            "System: Ada wrote it in 1843.\r\nHuman:\r\nWho wrote it?\r\nAI:",
            "Who wrote it?",
            "Ada wrote it in 1843.",
        ),
        (
            "### System\r\nAda wrote it in 1843.\r\n### User\r\nWho wrote it?\r\n### Assistant\r\n",
            "Who wrote it?",
            "Ada wrote it in 1843.",
        ),
        ("### Context\r\nAda wrote it.\r\n\r\n### Question\r\nWho wrote it", "Who wrote it", "Ada wrote it."),
        (
            "Answer from the text below.\r\n-----\r\nAda wrote it.\r\n-----\r\nQuestion: Who did\r\n",
            "Who did",
            "Ada wrote it.",
        ),
    ],
)
def test_questions_are_read_whole_in_every_script_and_with_every_line_end(prompt, question, context):
    extraction = from_prompt(prompt, most=MOST)
    assert (extraction.question, extraction.context) == (question, context)


@pytest.mark.parametrize(
    ("system", "context"),
    [
        ("You are entitled to 25 days. You must respond within 14 days of the notice.", None),
        ("You are a resident if you spend more than 183 days in the country.", None),
        (
            "You are an expert with more than 20 years of experience. The fee is 5 euros.",
            "The fee is 5 euros.",
        ),
    ],
)
def test_duties_and_rights_with_a_term_are_text(system, context):
    assert chat(("system", system), ("user", "How long?")).context == (context or system)


def test_more_than_is_read_is_refused():
    with pytest.raises(InvalidInputError, match="at most 100"):
        from_chat([{"role": "system", "content": "x" * 90}, {"role": "user", "content": QUESTION}], most=100)
