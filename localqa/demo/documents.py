"""The tab of the library: drop files, ask them, see the answer on its page."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import gradio as gr

from localqa.demo import shown, shown_documents
from localqa.demo.api import Api
from localqa.errors import LocalQAError

_TOP_K: Final = 4
_AGAIN_S: Final = 5
_PDF: Final = ".pdf"

Answers = list[dict[str, Any]]


@dataclass
class Asked:
    """How many questions somebody has asked; what belongs to an earlier one is not shown any more."""

    count: int = 0


def documents_tab(api: Api, page: gr.Blocks) -> None:
    """Build the tab in the page that is being made."""
    with gr.Row():
        with gr.Column(min_width=300, scale=2):
            files = gr.File(label="Add files", file_count="multiple", elem_id="documents-files", height=150)
            with gr.Accordion("Encrypted files", open=False, elem_id="documents-encrypted"):
                password = gr.Textbox(
                    label="Their password", type="password", max_length=200, elem_id="documents-password"
                )
            told = gr.HTML(elem_id="documents-told")
            listed = gr.HTML(elem_id="documents-listed")
            chosen = gr.Dropdown([], label="Document", elem_id="documents-chosen", min_width=160)
            remove = gr.Button("Remove it", elem_id="documents-remove")
        with gr.Column(min_width=300, scale=3):
            question = gr.Textbox(
                label="Question", placeholder="How long is the notice period?", elem_id="documents-question"
            )
            button = gr.Button("Ask", variant="primary", elem_id="documents-ask")
            result = gr.HTML(elem_id="documents-answer")
            with gr.Row(visible=False) as turning:
                before = gr.Button("Previous answer", elem_id="documents-before", min_width=120)
                after = gr.Button("Next answer", elem_id="documents-after", min_width=120)
    answers, at, asked = gr.State(Answers()), gr.State(0), gr.State(Asked())
    is_known = gr.State(False)
    library = [listed, chosen, is_known]
    nothing = "", Answers(), 0, gr.update(visible=False)

    def add(paths: list[str] | None, password: str) -> tuple[str, Any, Any, Any, bool]:
        found = "".join(_added(api, Path(path), password) for path in paths or ())
        return found, None, *_library(api)

    def drop(document: str | None, asked: Asked) -> tuple[Any, ...]:
        kept = (gr.skip(),) * 4
        if not document:
            return shown.hint("Choose a document first."), *_library(api), *kept
        try:
            removed = api.remove_document(document)
        except LocalQAError as e:
            return shown.failure(e), *_library(api), *kept
        # An answer out of it is none any more.
        asked.count += 1
        return shown_documents.removed(removed), *_library(api), *nothing

    def ask(text: str, asked: Asked) -> tuple[str, Answers, int, Any]:
        asked.count += 1
        if not text.strip():
            return shown.hint("Write the question first."), [], 0, gr.update(visible=False)
        try:
            found = api.ask_documents(text, top_k=_TOP_K)
        except LocalQAError as e:
            return shown.failure(e), [], 0, gr.update(visible=False)
        if found["source"] is None:
            return shown_documents.nowhere(found), [], 0, gr.update(visible=False)
        every = [found, *found["alternatives"]]
        return _shown(api, every, 0), every, 0, gr.update(visible=len(every) > 1)

    def turn(step: int, every: Answers, number: int, asked: Asked) -> tuple[Any, Any]:
        count = asked.count
        number = (number + step) % max(1, len(every))
        html = _shown(api, every, number) if every else ""
        return (html, number) if count == asked.count else (gr.skip(), gr.skip())

    # Files that are chosen while others are read come after them.
    files.upload(
        add,
        [files, password],
        [told, files, *library],
        trigger_mode="multiple",
        concurrency_limit=1,
        api_visibility="private",
    )
    answer = [result, answers, at, turning]
    remove.click(drop, [chosen, asked], [told, *library, *answer], api_visibility="private")
    gr.on(
        [button.click, question.submit],
        ask,
        [question, asked],
        answer,
        trigger_mode="always_last",
        api_visibility="private",
    )
    for turner, step in ((before, -1), (after, 1)):
        turner.click(partial(turn, step), [answers, at, asked], [result, at], api_visibility="private")
    page.load(lambda: _library(api), None, library, show_progress="hidden", api_visibility="private")
    # Until the server has told what it holds, it is asked again.
    gr.Timer(_AGAIN_S).tick(
        lambda known: (gr.skip(),) * 3 if known else _library(api),
        is_known,
        library,
        show_progress="hidden",
        api_visibility="private",
    )


def _added(api: Api, path: Path, password: str) -> str:
    try:
        return shown_documents.outcome(api.add_file(path, password))
    except LocalQAError as e:
        return shown.failure(e, about=path.name)
    finally:
        # The library has it now, or nobody: what is removed there shall be gone.
        path.unlink(missing_ok=True)


def _library(api: Api) -> tuple[str, Any, bool]:
    """The table of documents, those that can be chosen, and whether the server told of them."""
    try:
        documents, total = api.documents()
    except LocalQAError as e:
        return shown.failure(e), gr.update(choices=[], value=None), False
    choices = [(shown_documents.name_of(one), one["id"]) for one in documents]
    return shown_documents.listed(documents, total), gr.update(choices=choices, value=None), True


def _shown(api: Api, every: Answers, number: int) -> str:
    """One of the answers; where its page cannot be drawn, why."""
    answer = every[number]
    source = answer["source"]
    picture, problem = None, ""
    if source["page"] and source["boxes"] and source["name"].lower().endswith(_PDF):
        try:
            picture = api.page_picture(source["document"], source["page"])
        except LocalQAError as e:
            problem = shown.failure(e, about="The picture of the page")
    return shown_documents.located(answer, number + 1, len(every), picture) + problem
