"""Answers as JSON that fits what was asked for."""

import json

import pytest
from jsonschema import validate

from localqa.api.protocol.formats import Format, native_format, openai_format
from localqa.errors import InvalidInputError

EXTRAS = {
    "score": 0.75,
    "start": 24,
    "end": 40,
    "answerable": True,
    "adapter": "squad",
    "found_in": {"message": 1, "start": 24, "end": 40},
}
NOTHING = EXTRAS | {"answerable": False, "start": 0, "end": 0, "found_in": None}
STRING, NUMBER, INTEGER, NULL = ({"type": one} for one in ("string", "number", "integer", "null"))


def of(properties, required=None, **more):
    return {"type": "object", "properties": properties, "required": required or list(properties), **more}


def written(schema, answer="Dunmore and Sons", extras=EXTRAS):
    found = json.loads(Format("format", schema).written("Who built it?", answer, extras))
    if schema is not None:
        validate(found, schema)
    return found


def test_own_shape_tells_all():
    assert written(None) == {"answer": "Dunmore and Sons", **EXTRAS}
    assert written(None, "", NOTHING)["answerable"] is False


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, "Dunmore and Sons"),
        (STRING, "Dunmore and Sons"),
        ({"type": "array", "items": STRING}, ["Dunmore and Sons"]),
        (of({"answer": STRING, "score": NUMBER}), {"answer": "Dunmore and Sons", "score": 0.75}),
        (of({"builder": STRING}), {"builder": "Dunmore and Sons"}),
        (
            of({"Final Answer": STRING, "confidence": NUMBER}),
            {"Final Answer": "Dunmore and Sons", "confidence": 0.75},
        ),
        (
            of({"answer": STRING, "start": INTEGER, "end": INTEGER}),
            {"answer": "Dunmore and Sons", "start": 24, "end": 40},
        ),
        (of({"answer": STRING, "note": STRING}, ["answer"]), {"answer": "Dunmore and Sons"}),
        (
            of({"answer": STRING, "note": {"anyOf": [STRING, NULL]}}),
            {"answer": "Dunmore and Sons", "note": None},
        ),
        (of({"answers": {"type": "array", "items": STRING}}), {"answers": ["Dunmore and Sons"]}),
        (of({"kind": {"const": "span"}, "answer": STRING}), {"kind": "span", "answer": "Dunmore and Sons"}),
        (of({"answer": {"type": ["string", "null"]}}), {"answer": "Dunmore and Sons"}),
        (of({"answer": {"enum": ["dunmore and sons", "Karl"]}}), {"answer": "dunmore and sons"}),
        (
            of(
                {"result": {"$ref": "#/$defs/R"}},
                **{"$defs": {"R": of({"answer": STRING, "found": {"type": "boolean"}})}},
            ),
            {"result": {"answer": "Dunmore and Sons", "found": True}},
        ),
        (
            of({"answer": STRING, "found_in": of({"message": INTEGER, "start": INTEGER, "end": INTEGER})}),
            {"answer": "Dunmore and Sons", "found_in": {"message": 1, "start": 24, "end": 40}},
        ),
    ],
)
def test_schema_is_filled(schema, expected):
    assert written(schema) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("1891", 1891), ("120 metres", 120), ("1,200", 1200), ("12345678901234567890.0", 12345678901234567890)],
)
@pytest.mark.parametrize("kind", [INTEGER, NUMBER])
def test_number_in_the_answer_is_one(answer, expected, kind):
    assert written(of({"year": kind}), answer) == {"year": expected}


@pytest.mark.parametrize("kind", [INTEGER, NUMBER])
def test_number_that_is_too_large_for_json_is_refused(kind):
    with pytest.raises(InvalidInputError, match="year must be a number"):
        written(of({"year": kind}), "9" * 400)


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        (of({"name": STRING, "city": STRING}), "city"),
        (of({"year": INTEGER}), "year"),
        (
            of({"answer": STRING, "why": {"type": "object", "properties": {"a": STRING}, "required": ["a"]}}),
            "why",
        ),
        (of({"answer": {"type": "string", "pattern": "(a+)+$"}}), "pattern"),
        (of({"answer": {"type": "string", "maxLength": 3}}), "answer"),
        (of({"answer": {"enum": ["Karl"]}}), "answer"),
        (of({"answer": {"type": "array", "items": STRING, "minItems": 2}}), "answer"),
        (of({"answer": {"$ref": "http://example.org/x"}}), "another document"),
        (of({"answer": STRING}, ["answer", "b"]), "requires b"),
        (of({"answer": {"type": "string", "minLength": "x"}}), "wrong type"),
        ({"anyOf": [{"$ref": "#"}] * 20}, "not a schema"),
        ({"type": "boolean"}, "boolean"),
    ],
)
def test_what_cannot_be_filled_is_named(schema, named):
    with pytest.raises(InvalidInputError, match=named):
        written(schema)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (of({"answer": STRING, "score": NUMBER}), {"answer": "", "score": 0.75}),
        (of({"answer": {"anyOf": [STRING, NULL]}}), {"answer": None}),
        (of({"answers": {"type": "array", "items": STRING}}), {"answers": []}),
        (of({"year": {"type": ["integer", "null"]}}), {"year": None}),
    ],
)
def test_no_answer_fits_too(schema, expected):
    assert written(schema, "", NOTHING) == expected


@pytest.mark.parametrize("given", ["yaml", 1, True, []])
def test_other_formats_are_refused(given):
    with pytest.raises(InvalidInputError, match="format must be"):
        native_format(given)


@pytest.mark.parametrize(
    "given",
    ["json", {}, {"type": "xml"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {}}],
)
def test_other_response_formats_are_refused(given):
    with pytest.raises(InvalidInputError, match="response_format"):
        openai_format(given)


@pytest.mark.parametrize("given", [None, {"type": "text"}])
def test_text_is_text(given):
    assert openai_format(given) is None


MESSAGES = [{"role": "system", "content": "The bridge is old."}, {"role": "user", "content": "What?"}]


@pytest.mark.parametrize("stream", [False, True])
def test_chat_answers_in_json(client, stream):
    body = {"model": "bert-qa", "messages": MESSAGES, "stream": stream, "format": "json"}
    first = json.loads(client.post("/api/chat", json=body).data.splitlines()[0])
    assert json.loads(first["message"]["content"])["answer"] == "The"


def test_generate_answers_in_a_schema(client):
    body = {"model": "bert-qa", "prompt": "What?", "system": "The bridge is old.", "stream": False}
    found = client.post("/api/generate", json=body | {"format": of({"thing": STRING})}).get_json()
    assert json.loads(found["response"]) == {"thing": "The"}


def test_completion_answers_in_a_schema(client):
    wanted = {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": of({"answer": STRING}), "strict": True},
    }
    body = {"model": "bert-qa", "messages": MESSAGES, "response_format": wanted}
    found = client.post("/v1/chat/completions", json=body).get_json()
    assert json.loads(found["choices"][0]["message"]["content"]) == {"answer": "The"}
    wanted["json_schema"]["schema"] = of({"answer": STRING, "reason": STRING})
    refused = client.post("/v1/chat/completions", json=body)
    assert refused.status_code == 400
    assert "response_format: reason" in refused.get_json()["error"]["message"]
