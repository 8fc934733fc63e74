"""Exercise a running server as a user would: `python scripts/test_api.py http://localhost:5000`.

Prints one line per check. Exit status: 0 when all pass, 1 when one fails, 2 when no server answers, or one
that wants another key.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

import door  # noqa: F401 - what it imports keeps what is asked of this machine away from proxies
from localqa.cli.flags import add_key_flag, duration, key_headers, server_address
from localqa.terminal import ending_quietly

CONTEXT = (
    "Machine learning is a subset of artificial intelligence that enables computers to learn and make "
    "decisions from data without being explicitly programmed."
)
QUESTION = {"question": "What is machine learning?", "context": CONTEXT}
PAIRS = [
    {
        "question": "What does LoRA stand for?",
        "context": "LoRA stands for Low-Rank Adaptation. It trains small matrices and freezes the rest.",
    },
    {
        "question": "What does quantization reduce?",
        "context": "Quantization reduces the memory footprint of a model by storing weights in fewer bits.",
    },
]
FILLER = "The river flows slowly past the old mill, and the villagers walk along its banks in the evening. "
FILLER_SENTENCES = 1115
NEEDLE = "The treasure of the village was buried by Captain Morgan under the oak tree in 1687."


class CheckError(Exception):
    """A check that did not hold; the message says what was seen."""


@dataclass(frozen=True)
class Client:
    """The server under test."""

    url: str
    timeout: float
    key: str

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """GET a path."""
        return requests.get(
            self.url + path, headers=key_headers(self.key) | dict(headers or {}), timeout=self.timeout
        )

    def post(
        self, path: str, body: object = None, *, data: bytes | None = None, content_type: str | None = None
    ) -> requests.Response:
        """POST a JSON value, or raw bytes with a content type of their own (None: without one)."""
        if data is None:
            data, content_type = json.dumps(body).encode(), "application/json"
        headers: dict[str, str | bytes] = {"Content-Type": content_type} if content_type else {}
        return requests.post(
            self.url + path, data=data, headers=headers | key_headers(self.key), timeout=self.timeout
        )


def expect(condition: bool, seen: object) -> None:
    """Fail the check unless the condition holds."""
    if not condition:
        raise CheckError(f"got {str(seen)[:300]}")


def json_of(response: requests.Response) -> Any:
    """The JSON of a successful response."""
    expect(response.status_code == 200, f"{response.status_code} {response.text}")
    return response.json()


def check_span(context: str, found: dict[str, Any]) -> None:
    """The offsets must give exactly the answer."""
    expect(context[found["start"] : found["end"]] == found["answer"], found)
    expect(0 <= found["score"] <= 1, found)


# --- checks of what works -------------------------------------------------------------------------


def health(client: Client) -> None:
    """Health says ready and names the adapter."""
    body = json_of(client.get("/api/health"))
    expect(body["ready"] is True and body["adapter"] in body["adapters"], body)


def probes(client: Client) -> None:
    """Both probes say yes."""
    expect(json_of(client.get("/livez"))["status"] == "alive", "not alive")
    expect(json_of(client.get("/readyz"))["status"] == "ready", "not ready")


def model_info(client: Client) -> None:
    """Model info names base, engine, adapters and limits."""
    body = json_of(client.get("/api/model/info"))
    wanted = {"base", "engine", "precision", "parameters", "adapters", "max_length", "stride", "limits"}
    expect(wanted <= body.keys(), sorted(body))


def question(client: Client) -> None:
    """A plain question gets the right span."""
    found = json_of(client.post("/api/qa", QUESTION))
    check_span(CONTEXT, found)
    expect(found["answerable"] and "artificial intelligence" in found["answer"], found)


def alternatives(client: Client) -> None:
    """`top_k` gives further spans of the context."""
    found = json_of(client.post("/api/qa", {**QUESTION, "top_k": 3}))
    expect(len(found["alternatives"]) <= 2, found)
    for other in found["alternatives"]:
        check_span(CONTEXT, other)


def unicode_offsets(client: Client) -> None:
    """Offsets count code points, also behind characters of four bytes."""
    context = "😀 Grüße aus Zürich! 🎉 " + CONTEXT
    found = json_of(client.post("/api/qa", {**QUESTION, "context": context}))
    check_span(context, found)
    expect("artificial intelligence" in found["answer"], found)


def batch(client: Client) -> None:
    """A batch is answered in order."""
    # Whatever adapter answers, it is asked for its best span at any rate.
    pairs = [{**pair, "abstain": False} for pair in PAIRS]
    body = json_of(client.post("/api/qa/batch", {"qa_pairs": pairs}))
    expect(body["count"] == 2 and len(body["results"]) == 2, body)
    for pair, found in zip(PAIRS, body["results"], strict=True):
        check_span(pair["context"], found)
    lora, quantization = (found["answer"].lower() for found in body["results"])
    expect("low-rank" in lora, lora)
    expect("memory" in quantization, quantization)


def mixed_adapters(client: Client) -> None:
    """A batch may name every adapter there is."""
    names = json_of(client.get("/api/health"))["adapters"][:8]
    body = json_of(
        client.post("/api/qa/batch", {"qa_pairs": [{**QUESTION, "adapter": name} for name in names]})
    )
    expect([found["adapter"] for found in body["results"]] == names, body)


def predict(client: Client) -> None:
    """The short form returns what was sent and the answer."""
    body = json_of(client.post("/predict", QUESTION))
    expect(list(body) == ["question", "context", "answer", "score"], body)
    expect(body["context"] == CONTEXT and body["answer"] in CONTEXT and body["answer"], body)


def long_context(client: Client) -> None:
    """An answer at the far end of a 20,000-word context is found."""
    context = FILLER * FILLER_SENTENCES + NEEDLE
    asked = {"question": "Who buried the treasure of the village?", "context": context}
    found = json_of(client.post("/api/qa", asked))
    check_span(context, found)
    expect("Morgan" in found["answer"], found)


def request_id(client: Client) -> None:
    """The client's request id comes back."""
    response = client.get("/livez", headers={"X-Request-ID": "check-42"})
    expect(response.headers.get("X-Request-ID") == "check-42", response.headers)


def openapi(client: Client) -> None:
    """The OpenAPI document describes the routes."""
    body = json_of(client.get("/openapi.json"))
    expect(body["openapi"].startswith("3."), body["openapi"])
    expect({"/api/qa", "/api/qa/batch", "/predict"} <= body["paths"].keys(), sorted(body["paths"]))


def docs(client: Client) -> None:
    """Swagger UI and its script are served from here."""
    page = client.get("/docs")
    expect(page.status_code == 200 and "swagger-ui" in page.text, page.status_code)
    script = client.get("/swagger/js/swagger-ui-bundle.js")
    expect(script.status_code == 200 and len(script.content) > 100_000, script.status_code)


# --- checks of what is refused --------------------------------------------------------------------


def refused(response: requests.Response, status: int, *named: str) -> None:
    """The response is the error of that status, in the one shape, and names what is wrong."""
    expect(response.status_code == status, f"{response.status_code} {response.text}")
    error = response.json()["error"]
    expect(set(error) == {"code", "message", "remedy", "request_id"}, error)
    expect(error["request_id"] == response.headers["X-Request-ID"], error)
    for name in named:
        expect(name in error["message"], error)


def summary(client: Client) -> None:
    """A short text is summarised, or the server says what it needs for that."""
    response = client.post("/api/summarize", {"text": CONTEXT, "max_words": 12})
    if response.status_code == 503:
        expect(bool(response.json()["error"]["remedy"]), response.text)
        return
    found = json_of(response)
    expect(0 < len(found["summary"].split()) <= 12, found)


def post_refused(path: str, body: object, status: int, *named: str) -> Callable[[Client], None]:
    """A check that a JSON body is refused."""
    return lambda client: refused(client.post(path, body), status, *named)


def raw_refused(
    data: bytes, status: int, content_type: str | None = "application/json"
) -> Callable[[Client], None]:
    """A check that a raw body is refused."""
    return lambda client: refused(client.post("/api/qa", data=data, content_type=content_type), status)


def question_with(**changes: object) -> dict[str, object]:
    """The plain question with changes."""
    return {**QUESTION, **changes}


VALID = json.dumps(QUESTION).encode()
WORKS: dict[str, Callable[[Client], None]] = {
    "health": health,
    "liveness and readiness": probes,
    "model info": model_info,
    "a question": question,
    "alternatives": alternatives,
    "offsets behind emoji": unicode_offsets,
    "a batch": batch,
    "a batch over all adapters": mixed_adapters,
    "predict": predict,
    "a 20,000-word context": long_context,
    "a summary": summary,
    "request id": request_id,
    "OpenAPI document": openapi,
    "documentation page": docs,
}
REFUSED: dict[str, Callable[[Client], None]] = {
    "not JSON": raw_refused(b'{"question": ', 400),
    "an empty body": raw_refused(b"", 400),
    "a body that is not UTF-8": raw_refused(VALID.replace(b"machine", b"m\xe4chine"), 400),
    "100,000 brackets": raw_refused(b"[" * 100_000, 400),
    "NaN": raw_refused(b'{"question": NaN}', 400),
    "no content type": raw_refused(VALID, 415, None),
    "a wrong content type": raw_refused(VALID, 415, "text/plain"),
    "a list": post_refused("/api/qa", [QUESTION], 422, "object"),
    "JSON in a string": post_refused("/api/qa", json.dumps(QUESTION), 422, "object"),
    "no question": post_refused("/api/qa", {"context": CONTEXT}, 422, "question"),
    "no context": post_refused("/predict", {"question": "Why?"}, 422, "context"),
    "an empty question": post_refused("/api/qa", question_with(question=""), 422, "question"),
    "a blank context": post_refused("/api/qa", question_with(context=" \n\t "), 422, "context"),
    "a number as question": post_refused("/api/qa", question_with(question=123), 422, "question"),
    "an unknown field": post_refused("/api/qa", question_with(colour="red"), 422, "colour", "question"),
    "NUL in a text": post_refused("/api/qa", question_with(context="a\x00b"), 422, "context", "NUL"),
    "a lone surrogate": post_refused(
        "/api/qa", question_with(question="\ud800?"), 422, "question", "surrogate"
    ),
    "a 200-word question": post_refused("/api/qa", question_with(question="why " * 200), 422, "question"),
    "top_k of 0": post_refused("/api/qa", question_with(top_k=0), 422, "top_k"),
    "a 5 MB context": post_refused("/api/qa", question_with(context="word " * 1_000_000), 413),
    "a batch of 0": post_refused("/api/qa/batch", {"qa_pairs": []}, 422, "qa_pairs"),
    "a batch of 1,000": post_refused("/api/qa/batch", {"qa_pairs": [QUESTION] * 1000}, 422, "qa_pairs"),
    "a summary of nothing": post_refused("/api/summarize", {"text": " "}, 422, "text"),
    "one bad pair in a batch": post_refused(
        "/api/qa/batch", {"qa_pairs": [QUESTION, question_with(context="")]}, 422, "qa_pairs[1].context"
    ),
    "an unknown adapter": post_refused(
        "/api/qa", question_with(adapter="no-such-adapter"), 404, "no-such-adapter"
    ),
    "../ as adapter": post_refused("/api/qa", question_with(adapter="../squad"), 422, "adapter"),
    "an unknown route": lambda client: refused(client.get("/api/nothing"), 404),
    "a wrong method": lambda client: refused(client.get("/api/qa"), 405),
}


def run_check(name: str, check: Callable[[Client], None], client: Client) -> bool:
    """Run one check and print its line."""
    started = time.perf_counter()
    problem = ""
    try:
        check(client)
    except CheckError as e:
        problem = str(e)
    except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as e:
        problem = f"{type(e).__name__}: {e}"
    milliseconds = (time.perf_counter() - started) * 1000
    print(f"{'FAIL' if problem else 'ok  '} {milliseconds:8.0f} ms  {name}{': ' if problem else ''}{problem}")
    return not problem


def reachable(client: Client) -> bool:
    """Whether anything answers, and lets us ask; says what to do if not."""
    try:
        status = client.get("/api/model/info").status_code
    except requests.RequestException as e:
        print(f"error: no server answers on {client.url} ({type(e).__name__})", file=sys.stderr)
        print("  what to do: start one with `make serve`, or give its address", file=sys.stderr)
        return False
    if status == requests.codes.unauthorized:
        print(f"error: {client.url} wants {'another' if client.key else 'an'} API key", file=sys.stderr)
        print("  what to do: give one of its QA_API_KEYS with --key, or in LOCALQA_KEY", file=sys.stderr)
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every check; returns the exit status."""
    parser = argparse.ArgumentParser(description="Exercise a running server as a user would.")
    parser.add_argument(
        "url", nargs="?", type=server_address, default="http://localhost:5000", help="default: %(default)s"
    )
    parser.add_argument(
        "--timeout", type=duration, default=60.0, help="seconds per request (default: %(default)s)"
    )
    add_key_flag(parser)
    flags = parser.parse_args(arguments)
    client = Client(flags.url, flags.timeout, flags.key)
    if not reachable(client):
        return 2
    started = time.perf_counter()
    passed = [run_check(name, check, client) for name, check in WORKS.items()]
    passed += [run_check(f"refuses {name}", check, client) for name, check in REFUSED.items()]
    failures = passed.count(False)
    seconds = time.perf_counter() - started
    print(f"{len(passed)} checks, {failures} failed, {seconds:.1f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    with ending_quietly():
        sys.exit(main())
