"""Facts stay in a text, though their sentences begin as instructions or small talk do."""

import pytest

from localqa.api.protocol.extracting import NoTextError, from_chat

QUESTION = "What does it say?"


def context(content, role="system"):
    sent = [{"role": role, "content": content}, {"role": "user", "content": QUESTION}]
    return from_chat(sent, most=10_000).context


@pytest.mark.parametrize(
    "manual",
    [
        "Keep a clear distance of 5 cm around the oven. It weighs 20 kg. Clean it with water only.",
        "The saw weighs 12 kg. Ensure that users of the saw are at least 18 years old. It needs 230 V.",
        "Follow the instructions of the fitter and set the valve to 3 bar. Then open the tap.",
        "If you do not know the answer to the security question, call 0800 123 456.",
        "Keep the short cable within 1.5 m of the socket.",
        "Make sure users return the keys by 5 pm. The office is in the hall.",
        "Keep the tank clear for two hours. It is old.",
        "Follow the rules of 12 May 2024. They are short.",
        "Be kind to the pump, which costs 1,200 euros.",
        "Include the documents of 2025-03-01 in the file. It is blue.",
        "Output: 230 V\nWeight: 12 kg",
        "You are a helpful assistant. Keep a clear distance of 5 cm. The oven is hot.",
    ],
)
@pytest.mark.parametrize("role", ["system", "user"])
def test_order_with_a_fact_is_kept(manual, role):
    assert context(manual, role) == manual.removeprefix("You are a helpful assistant. ")


@pytest.mark.parametrize(
    "sheet",
    [
        "List price: 500 euros. Weight: 3 kg.",
        "**List price:** 500 euros. Weight: 3 kg.",
        "Help desk: 0800 123 456. It is open daily.",
        "Help: 0800 123 456. It is open daily.",
        "Well depth: 20 m",
        "Test result: negative. The sample is old.",
        "Show your ticket at gate 5. The show begins at 8.",
        "Show your ticket at the door. It opens late.",
        "Stop the engine for 5 minutes. Then fill the tank.",
        "No pets before 2025.",
        "Sure, it was on 5 May.",
        "Good: $40",
    ],
)
def test_label_or_fact_of_a_user_is_kept(sheet):
    assert context(sheet, "user") == sheet


@pytest.mark.parametrize(
    "order",
    [
        "Answer in at most 5 minutes of reading time.",
        "You are a helpful assistant of 2025.",
        "You are Max, a guide in the museum of 1891.",
        "Keep your answers brief, below 30 seconds of speech.",
        "If you do not know the answer, respond with 0800 123 456.",
        "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\nYou are a helpful assistant",
        "Respond in JSON. Use the time format 12:30 in all answers.",
        "Explain it like a teacher of 30 years does.",
        "Write everything in a simple style. Never mention that the documents were given to you.",
        "Current date: 2026-11-25. Knowledge cutoff: June 2024.",
    ],
)
def test_order_about_answering_is_none_for_all_its_numbers(order):
    with pytest.raises(NoTextError):
        context(order)


@pytest.mark.parametrize(
    "request_",
    [
        "Tell me 3 facts of 1891.",
        "Can you help me before 5 pm",
        "Translate into German: hello",
        "I want to know what it cost in 1891",
        "Say: hello",
        "List the 5 oldest bridges of 1891",
        "Explain the bridge from 1891.",
    ],
)
def test_request_of_a_user_is_none(request_):
    with pytest.raises(NoTextError):
        context(request_, "user")


@pytest.mark.parametrize("role", ["system", "user"])
def test_rules_for_people_are_a_text_where_there_is_no_other(role):
    rule = "Follow the instructions of the fitter and open the valve slowly."
    assert context(f"You are a helpful assistant. {rule}", role) == rule
    assert context(f"{rule} The bridge is old and long.", role) == "The bridge is old and long."
