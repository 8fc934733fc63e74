"""Readers of formats that are text themselves: plain, Markdown and HTML."""

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, Final

from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.encodings import decoded, decoded_page
from localqa.documents.formats import Source
from localqa.documents.markup import MarkupWriter, is_element

_UNDERLINED: Final = re.compile(r"[=\-~^#*]{3,}")
_FRONT_MATTER: Final = re.compile(
    r"\A---[ \t]*\n[\w.-]+:(?:[ \t].*)?\n"
    r"(?:(?:[\w.][\w.-]*:(?:[ \t].*)?|[ \t#-].*|[\]}]|)\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)
"""Lines of YAML, the first one `key: value`, between rules."""
_TAG: Final = re.compile(r"""</?([A-Za-z][A-Za-z0-9-]*)(?=[\s/>])(?:"[^"]*"|'[^']*'|[^<>"'])*>""")
_UNCLOSED: Final = frozenset(("br", "hr", "wbr", "p", "li", "dt", "dd", "tr", "td", "th"))
"""Elements that are written without an end; of others, <title> alone is a placeholder."""
_NESTED: Final = 200
"""Levels, two for each list, of what is read as Markdown; deeper ones are read as plain text."""


def read_text(source: Source) -> Document:
    """A plain text; a title underlined with marks is a heading."""
    builder = Builder(source.limits)
    for block in re.split(r"\n[^\S\n]*\n", decoded(source.data)):
        lines = [line for line in block.split("\n") if line.strip()]
        if len(lines) > 1 and _UNDERLINED.fullmatch(lines[1].strip()):
            builder.heading(lines[0], 1 if lines[1].strip()[0] in "=#*" else 2)
            lines = lines[2:]
        builder.paragraph("\n".join(lines), lines=True)
    return builder.built(source.name, source.media_type, source.digest, title=PurePath(source.name).name)


def read_markdown(source: Source) -> Document:
    """Markdown, by way of HTML."""
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": True, "maxNesting": _NESTED})
    made.enable("table").enable("strikethrough")
    made.block.ruler.at("reference", _reference)
    for kind in ("html_inline", "html_block"):
        made.add_render_rule(kind, _written_html)
    tokens = made.parse(_FRONT_MATTER.sub("", decoded(source.data)))
    if any(token.level >= _NESTED - 2 for token in tokens):
        # All that is deeper, and what follows, would be left out.
        return read_text(source)
    builder = Builder(source.limits)
    rendered = made.renderer.render(tokens, made.options, {"closed": set(_closed(tokens))})
    title = MarkupWriter(builder).write(f"<body>{rendered}</body>")
    return builder.built(source.name, source.media_type, source.digest, title=title)


def _reference(state: Any, start: int, end: int, silent: bool) -> bool:
    """The address of a link below a text; a note of one word looks like one, and is text."""
    from markdown_it.rules_block import reference

    is_note = state.src.startswith("[^", state.bMarks[start] + state.tShift[start])
    return not is_note and reference(state, start, end, silent)


def _closed(tokens: Sequence[Any]) -> Iterator[str]:
    """Names of the elements of HTML that have an end somewhere."""
    for token in tokens:
        if token.type in ("html_block", "html_inline"):
            yield from (tag[1].lower() for tag in _TAG.finditer(token.content) if tag[0].startswith("</"))
        yield from _closed(token.children or ())


def _written_html(_: object, tokens: Sequence[Any], at: int, __: object, env: dict[str, Any]) -> str:
    """HTML within Markdown; what is no element there, such as <your-name>, is text."""

    def written(tag: re.Match[str]) -> str:
        closed = tag[1].lower() in env["closed"] or tag[1].lower() in _UNCLOSED or "=" in tag[0]
        return tag[0] if closed and is_element(tag[1]) else html.escape(tag[0])

    return _TAG.sub(written, tokens[at].content)


def read_html(source: Source) -> Document:
    """A page, without what is the same on every page of its site."""
    builder = Builder(source.limits)
    title = MarkupWriter(builder, of_site=True).write(decoded_page(source.data))
    return builder.built(source.name, source.media_type, source.digest, title=title)
