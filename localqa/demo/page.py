"""The page itself: four tabs over the API."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import gradio as gr

from localqa.demo import shown
from localqa.demo.api import Api
from localqa.demo.documents import documents_tab
from localqa.errors import LocalQAError

CSS: Final = Path(__file__).with_name("page.css")
# Fonts that are there, for the page fetches nothing from other machines; colours that can be read.
THEME: Final = gr.themes.Default(
    primary_hue="blue",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    color_accent="*primary_700",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_hover_dark="*primary_800",
)
_SCRIPT: Final = Path(__file__).with_name("page.js")
_TOP_K: Final = 4
_LOOK_S: Final = 5
"""How often the server's state is asked for."""
_CACHE_S: Final = 3600
"""After so long goes what an ended page has left of files."""
_DEFAULT: Final = "*"
_NOBODY: Final = "-"
"""What a picker holds for the server's default adapter, and for none: no adapter can be called so."""
_TEXT: Final = (
    "The Harbour Bridge of Lindholm was opened on 9 June 1891. Dunmore and Sons built it in four years, with "
    "3,200 tonnes of steel. Until 1954 every carriage paid a toll of two pence; pedestrians always crossed "
    "for free. Since the great flood of 1962 the bridge has carried two lanes and a footpath, and it is "
    "painted anew every seven years."
)


def make_page(api: Api) -> gr.Blocks:
    """The page for a server; nothing is asked before somebody opens it."""
    with gr.Blocks(title="localqa", analytics_enabled=False, delete_cache=(_CACHE_S, _CACHE_S)) as page:
        gr.Markdown("# localqa\nExact answers from your own text, and honest ones where there is none.")
        state = gr.HTML(elem_id="state")
        with gr.Tab("Documents"):
            documents_tab(api, page)
        with gr.Tab("Ask"):
            pickers = _ask_tab(api)
        with gr.Tab("Open question"):
            _open_tab(api)
        with gr.Tab("Summarise"):
            _summary_tab(api)

        offered = gr.State(list[str]())
        page.load(js=_SCRIPT.read_text(encoding="utf-8"))
        gr.on(
            [page.load, gr.Timer(_LOOK_S).tick],
            partial(_look, api),
            offered,
            [state, offered, *pickers],
            show_progress="hidden",
            api_visibility="private",
        )
    return page


def _look(api: Api, offered: list[str]) -> tuple[Any, Any, Any, Any]:
    """The line on the server's state, its adapters, the default one first, and what the two pickers offer."""
    try:
        health = api.health()
    except LocalQAError as e:
        # What was offered stays: the server may come back.
        return shown.failure(e), gr.skip(), gr.skip(), gr.skip()
    line, names = shown.status(health, api.url), health["adapters"]
    if not names or names == offered:
        # A list that is set anew opens under the hands of whoever uses it.
        return line, gr.skip(), gr.skip(), gr.skip()
    first = (f"{health['adapter']} (default)", _DEFAULT)
    others = [name for name in names if name != health["adapter"]]
    return line, names, gr.update(choices=[first, *others]), gr.update(choices=[("none", _NOBODY), *names])


def _ask_tab(api: Api) -> list[gr.Dropdown]:
    with gr.Row():
        with gr.Column(min_width=300):
            text = gr.Textbox(_TEXT, label="Text", lines=10, max_lines=18, elem_id="text")
        with gr.Column(min_width=300):
            question = gr.Textbox(label="Question", placeholder="Who built the bridge?", elem_id="question")
            with gr.Row(elem_id="pickers"):
                adapter = gr.Dropdown([("default", _DEFAULT)], value=_DEFAULT, label="Adapter", min_width=160)
                beside = gr.Dropdown([("none", _NOBODY)], value=_NOBODY, label="Compare with", min_width=160)
            button = gr.Button("Ask", variant="primary", elem_id="ask")
    with gr.Row():
        with gr.Column(min_width=300):
            first = gr.HTML(elem_id="answer")
        with gr.Column(min_width=300, visible=False) as second_column:
            second = gr.HTML(elem_id="second-answer")

    def ask(text: str, question: str, adapter: str, beside: str) -> tuple[str, str, Any]:
        missing = _missing(text=text, question=question)
        if missing:
            return missing, "", gr.update(visible=False)
        both = beside != _NOBODY
        other = _asked(api, text, question, beside) if both else ""
        return _asked(api, text, question, adapter), other, gr.update(visible=both)

    given, results = [text, question, adapter, beside], [first, second, second_column]
    gr.on(
        [button.click, question.submit],
        ask,
        given,
        results,
        api_visibility="private",
        # Who asks anew before the answer is there wants the new one.
        trigger_mode="always_last",
    )
    return [adapter, beside]


def _asked(api: Api, text: str, question: str, adapter: str) -> str:
    try:
        found = api.ask(question, text, None if adapter == _DEFAULT else adapter, top_k=_TOP_K)
    except LocalQAError as e:
        return shown.failure(e)
    return shown.answer(found, text)


def _open_tab(api: Api) -> None:
    question = gr.Textbox(label="Question", placeholder="Why is the sky blue?", elem_id="open-question")
    text = gr.Textbox(label="Text to answer from (may be empty)", lines=5, max_lines=14, elem_id="open-text")
    with gr.Row():
        button = gr.Button("Ask the model", variant="primary", elem_id="open-ask", min_width=120)
        stop = gr.Button("Stop", elem_id="open-stop", min_width=120)
    result = gr.HTML(elem_id="open-answer")

    def ask(question: str, text: str) -> Iterator[str]:
        missing = _missing(question=question)
        if missing:
            yield missing
            return
        pieces = ""
        yield shown.generated("…", None, text)
        try:
            for part in api.generate(question, text):
                if part.get("done"):
                    yield shown.generated(part["answer"], part, text)
                else:
                    pieces += part["delta"]
                    yield shown.generated(pieces, None, text)
        except LocalQAError as e:
            yield (shown.generated(pieces, None, text) if pieces else "") + shown.failure(e)

    asking = gr.on(
        [button.click, question.submit],
        ask,
        [question, text],
        result,
        api_visibility="private",
        trigger_mode="always_last",
    )
    stop.click(None, None, None, cancels=[asking])


def _summary_tab(api: Api) -> None:
    text = gr.Textbox(_TEXT, label="Text", lines=10, max_lines=18, elem_id="long-text")
    words = gr.Slider(5, 200, value=40, step=5, label="At most so many words", elem_id="words")
    button = gr.Button("Summarise", variant="primary", elem_id="summarise")
    result = gr.HTML(elem_id="summary")

    def summarise(text: str, words: float) -> str:
        missing = _missing(text=text)
        if missing:
            return missing
        try:
            return shown.summary(api.summarize(text, int(words)))
        except LocalQAError as e:
            return shown.failure(e)

    button.click(summarise, [text, words], result, api_visibility="private", trigger_mode="always_last")


def _missing(**texts: str) -> str:
    """What still has to be written; "" where nothing has."""
    empty = [name for name, text in texts.items() if not text.strip()]
    return shown.hint(f"Write the {' and the '.join(empty)} first.") if empty else ""
