"""The tab of the library: drop files, ask them, see the answer on its page."""

from pathlib import Path
from typing import Any, Final

import gradio as gr

from localqa.demo import shown, shown_documents
from localqa.demo.api import Api
from localqa.errors import LocalQAError

_TOP_K: Final = 4
_PDF: Final = ".pdf"

Answers = list[dict[str, Any]]


def documents_tab(api: Api, page: gr.Blocks) -> None:
    """Build the tab in the page that is being made."""
    with gr.Row():
        with gr.Column(min_width=300, scale=2):
            files = gr.File(label="Add files", file_count="multiple", elem_id="documents-files", height=150)
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
    answers, at = gr.State(Answers()), gr.State(0)
    library = [listed, chosen]

    def add(paths: list[str] | None) -> tuple[str, Any, Any, Any]:
        found = "".join(_added(api, Path(path)) for path in paths or ())
        return found, None, *_library(api)

    def drop(document: str | None) -> tuple[str, Any, Any]:
        if not document:
            return shown.hint("Choose a document first."), *_library(api)
        try:
            api.remove_document(document)
        except LocalQAError as e:
            return shown.failure(e), *_library(api)
        return "", *_library(api)

    def ask(text: str) -> tuple[str, Answers, int, Any]:
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

    def turn(every: Answers, number: int, step: int) -> tuple[str, int]:
        number = (number + step) % max(1, len(every))
        return (_shown(api, every, number) if every else ""), number

    files.upload(add, files, [told, files, *library], api_visibility="private")
    remove.click(drop, chosen, [told, *library], api_visibility="private")
    gr.on(
        [button.click, question.submit],
        ask,
        question,
        [result, answers, at, turning],
        trigger_mode="always_last",
        api_visibility="private",
    )
    before.click(
        lambda every, number: turn(every, number, -1), [answers, at], [result, at], api_visibility="private"
    )
    after.click(
        lambda every, number: turn(every, number, 1), [answers, at], [result, at], api_visibility="private"
    )
    page.load(lambda: _library(api), None, library, show_progress="hidden", api_visibility="private")


def _added(api: Api, path: Path) -> str:
    try:
        return shown_documents.outcome(api.add_file(path))
    except LocalQAError as e:
        return shown.failure(e)


def _library(api: Api) -> tuple[str, Any]:
    """The table of documents, and those that can be chosen."""
    try:
        documents, total = api.documents()
    except LocalQAError as e:
        return shown.failure(e), gr.update(choices=[], value=None)
    choices = [(one["name"], one["id"]) for one in documents]
    return shown_documents.listed(documents, total), gr.update(choices=choices, value=None)


def _shown(api: Api, every: Answers, number: int) -> str:
    """One of the answers; without a picture where its page cannot be drawn."""
    answer = every[number]
    source = answer["source"]
    picture = None
    if source["page"] and source["boxes"] and source["name"].lower().endswith(_PDF):
        try:
            picture = api.page_picture(source["document"], source["page"])
        except LocalQAError:
            picture = None
    return shown_documents.located(answer, number + 1, len(every), picture)
