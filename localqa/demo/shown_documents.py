"""Documents and answers out of them as HTML that a browser shows safely."""

import base64
import struct
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from localqa.demo.shown import marked, meter, sure, unmarked

_USUAL: Final = "default"
"""The collection of what was put into none."""
_POINTS_OF_A_METRE: Final = 72 / 0.0254


def listed(documents: Sequence[Mapping[str, Any]], total: int) -> str:
    """Documents in the library, as a table, and how many there are where these are not all."""
    if not documents:
        return '<p class="qa-by">No documents yet: drop some files above.</p>'
    rows = "".join(
        f"<tr><td dir='auto'>{escape(name_of(one))}</td><td>{int(one['pages']) or '–'}</td>"
        f"<td>{int(one['passages'])}</td></tr>"
        for one in documents
    )
    head = "<tr><th scope='col'>document</th><th scope='col'>pages</th><th scope='col'>passages</th></tr>"
    body = f"<thead>{head}</thead><tbody>{rows}</tbody>"
    some = f": the first {len(documents):,} of {total:,}" if len(documents) < total else ""
    table = f'<table class="qa-table"><caption>In the library{some}</caption>{body}</table>'
    return f'<div class="qa-list" role="region" tabindex="0" aria-label="documents">{table}</div>'


def name_of(document: Mapping[str, Any]) -> str:
    """A document's name, with its collection where that is another one than usual."""
    collection = str(document.get("collection", _USUAL))
    return f"{document['name']}" + ("" if collection == _USUAL else f" ({collection})")


def removed(document: Mapping[str, Any]) -> str:
    """That a document was removed."""
    return f'<div class="qa-status" role="status">{escape(str(document["name"]))} removed.</div>'


def outcome(found: Mapping[str, Any]) -> str:
    """What became of a file."""
    name, reason = escape(str(found["name"])), escape(str(found["reason"]))
    if found["state"] == "failed":
        remedy = f"<br>{escape(str(found['remedy']))}" if found["remedy"] else ""
        return f'<div class="qa-alert" role="alert"><strong>{reason or name}</strong>{remedy}</div>'
    note = f": {reason}" if reason else ""
    return f'<div class="qa-status" role="status">{name} {escape(str(found["state"]))}{note}.</div>'


def located(answer: Mapping[str, Any], number: int, of: int, picture: bytes | None) -> str:
    """An answer with its file and page, marked in its passage and, where there is one, on its page.

    Args:
        answer: with its source.
        number: from 1 on, which of the answers it is.
        of: how many there are.
        picture: of the page, a PNG.
    """
    source = answer["source"]
    count = f" ({number} of {of})" if of > 1 else ""
    words = f'<strong class="qa-answer" dir="auto">{escape(answer["answer"])}</strong>'
    return (
        f'<section><p class="qa-verdict" role="status">{words} '
        f'<span class="qa-by">{sure(answer["score"])}{count}</span></p>{meter(answer["score"])}'
        f'<p class="qa-by">{_where(source)}</p>'
        f"{marked(source['passage'], answer['start'], answer['end'])}"
        f"{_on_page(source, picture) if picture else ''}</section>"
    )


def nowhere(answer: Mapping[str, Any]) -> str:
    """That the documents hold no answer, and the passage nearest to the question."""
    near, nearest = answer["nearest"], ""
    if near:
        nearest = f'<p class="qa-by">The nearest passage: {_where(near)}</p>{unmarked(near["text"])}'
    return (
        '<section><p class="qa-verdict qa-none" role="status"><strong>Not in your documents</strong> '
        f"({sure(answer['score'])}; {int(answer['passages_read'])} passages were read).</p>"
        f"{nearest}</section>"
    )


def _where(one: Mapping[str, Any]) -> str:
    """Document, page and heading."""
    page = f", page {int(one['page'])}" if one["page"] else ""
    heading = f" · {escape(one['heading'])}" if one["heading"] else ""
    return f"{escape(one['name'])}{page}{heading}"


def _on_page(source: Mapping[str, Any], picture: bytes) -> str:
    """The picture of a page with a box around each line of the answer."""
    width, height = _points(picture)
    boxes = "".join(
        f'<span style="left:{100 * one["left"] / width:.2f}%;top:{100 * one["top"] / height:.2f}%;'
        f"width:{100 * (one['right'] - one['left']) / width:.2f}%;"
        f'height:{100 * (one["bottom"] - one["top"]) / height:.2f}%"></span>'
        for one in source["boxes"]
        if one["page"] == source["page"]
    )
    data = base64.b64encode(picture).decode()
    told = f"page {int(source['page'])} of {escape(source['name'])}, the answer boxed"
    image = f'<img alt="{told}" src="data:image/png;base64,{data}">'
    return f'<div class="qa-page"><div>{image}{boxes}</div></div>'


def _points(picture: bytes) -> tuple[float, float]:
    """Width and height of what a PNG shows: the page of a poster is drawn smaller than others."""
    width, height = struct.unpack(">II", picture[16:24])
    at = picture.index(b"pHYs") + 4
    across, down = struct.unpack(">II", picture[at : at + 8])
    return width / max(1, across) * _POINTS_OF_A_METRE, height / max(1, down) * _POINTS_OF_A_METRE
