"""Reader of PowerPoint."""

import io
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from localqa.documents.archives import core_title, opened, transitional, xml_root
from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.formats import Source
from localqa.documents.values import shown

_EMU: Final = 914_400 // 72
"""Of a point, in the units of Office."""
_DRAWING: Final = "http://schemas.openxmlformats.org/drawingml/2006/"
_MAIN: Final = f"{{{_DRAWING}main}}"
_CHART: Final = f"{{{_DRAWING}chart}}"
_DIAGRAM: Final = f"{{{_DRAWING}diagram}}"
_SLIDE: Final = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_INK: Final = f"{_SLIDE}contentPart"
"""What was drawn with a pen: no shape, and without any text."""
_COMPATIBILITY: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_DATA: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"
_PARAGRAPH: Final = f"{_MAIN}p"


def read_pptx(source: Source) -> Document:
    """A presentation: a page for each slide, with its tables, its charts as tables and the notes below it."""
    from pptx import Presentation

    source = transitional(source)
    with opened(source) as archive:
        title = core_title(archive)
    deck = Presentation(io.BytesIO(source.data))
    builder = Builder(source.limits)
    for number, slide in enumerate(deck.slides, 1):
        if slide.element.get("show") in ("0", "false"):
            builder.note(f"hidden and not read: slide {number}")
            continue
        builder.begin_page(number)
        _unpack(slide.shapes.element)
        heading = slide.shapes.title
        if heading is not None and heading.has_text_frame:
            builder.heading(heading.text_frame.text, 1)
        for shape in _shapes(slide.shapes):
            if heading is None or shape.element is not heading.element:
                _write_shape(shape, builder)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            builder.paragraph(slide.notes_slide.notes_text_frame.text, lines=True)
    return builder.built(source.name, source.media_type, source.digest, title=title)


def _unpack(shapes: Any) -> None:
    """Put shapes that not every program can show where those stand that every program can."""
    for either in list(shapes.iter(f"{_COMPATIBILITY}AlternateContent")):
        for shape in either.findall(f"{_COMPATIBILITY}Choice[1]/*"):
            if shape.tag != _INK:
                either.addprevious(shape)
        either.getparent().remove(either)


def _shapes(shapes: Any) -> Iterator[Any]:
    """All that are shown, those in groups too, from top to bottom, from left to right."""
    for shape in sorted(shapes, key=lambda one: ((one.top or 0) // (20 * _EMU), one.left or 0)):
        if shape.element.find(f".//{_SLIDE}cNvPr").get("hidden") in ("1", "true"):
            continue
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _write_shape(shape: Any, builder: Builder) -> None:
    if getattr(shape, "has_table", False) and shape.has_table:
        builder.end_table()
        for row in shape.table.rows:
            builder.row([cell.text for cell in row.cells])
        builder.end_table()
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        _write_chart(shape.chart.element, builder)
    elif (relations := shape.element.find(f".//{_DIAGRAM}relIds")) is not None:
        data = shape.part.rels.get(relations.get(_DATA))
        if data is not None and not data.is_external:
            _write_diagram(data.target_part.blob, builder)
    elif shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            builder.paragraph(paragraph.text, lines=True)


def _write_diagram(data: bytes, builder: Builder) -> None:
    """The texts of a diagram (SmartArt)."""
    for text in xml_root(data).iter(f"{_DIAGRAM}t"):
        for paragraph in text.iter(_PARAGRAPH):
            builder.paragraph(
                "".join(part.text or "\n" for part in paragraph.iter(f"{_MAIN}t", f"{_MAIN}br")), lines=True
            )


def _write_chart(chart: Any, builder: Builder) -> None:
    """Its titles, and its numbers as the table that they are, of whatever kind it is."""
    for title in chart.iter(f"{_CHART}title"):
        builder.paragraph("\n".join(part.text or "" for part in title.iter(_PARAGRAPH, f"{_CHART}v")))
    series = [
        (_points(one, "cat", "xVal"), _name(one), points)
        for one in chart.iter(f"{_CHART}ser")
        for tag in ("val", "yVal", "bubbleSize")
        if (points := _points(one, tag))
    ]
    for categories, group in groupby(series, key=lambda one: one[0]):
        columns = [(name, values) for _, name, values in group]
        builder.end_table()
        builder.row(["", *(name for name, _ in columns)])
        for at in sorted(set(categories).union(*(values for _, values in columns))):
            builder.row([categories.get(at, ""), *(values.get(at, "") for _, values in columns)])
    builder.end_table()


def _name(series: Any) -> str:
    return " ".join(value.text or "" for value in series.iterfind(f"{_CHART}tx//{_CHART}v"))


def _points(series: Any, *tags: str) -> dict[int, str]:
    """The points of a series by their number; where categories have levels, by all of them."""
    data = next((found for tag in tags for found in series.iterfind(f"{_CHART}{tag}")), None)
    if data is None:
        return {}
    written = data.findtext(f".//{_CHART}formatCode") or ""
    first, *outer = (_level(level, written) for level in data.findall(f".//{_CHART}lvl") or [data])
    for level in outer:
        # A category of an outer level stands at the first one of those within it.
        starts = {at: max((start for start in level if start <= at), default=-1) for at in first}
        first = {at: f"{level.get(starts[at], '')} {text}" for at, text in first.items()}
    return first


def _level(data: Any, written: str) -> dict[int, str]:
    return {
        int(point.get("idx")): _value(point.findtext(f"{_CHART}v") or "", point.get("formatCode") or written)
        for point in data.iter(f"{_CHART}pt")
    }


def _value(text: str, written: str) -> str:
    """A number as its format writes it; categories may be texts."""
    from openpyxl.styles.numbers import is_date_format, is_timedelta_format
    from openpyxl.utils.datetime import from_excel

    try:
        number = float(text)
        day = from_excel(number, timedelta=is_timedelta_format(written)) if is_date_format(written) else None
    except (ValueError, OverflowError):
        return text
    return shown(number if day is None else day, written)
