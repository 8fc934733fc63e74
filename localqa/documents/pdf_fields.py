"""What was written onto a PDF's page afterwards: the values of its form's fields, and notes on the page."""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from localqa.documents.pdf_sheets import Line, Places

_HELD: Final = {raw.FPDF_ANNOT_WIDGET: b"V", raw.FPDF_ANNOT_FREETEXT: b"Contents"}
"""Kind of an annotation -> under which key its text is."""
_WRITTEN: Final = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)
"""Fields of a form that hold text; a box that is ticked holds the name of a state."""
_UNSEEN: Final = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
_MOST: Final = 2000
"""Annotations of a page that are looked at."""
_TALLEST: Final = 12.0
_LETTER: Final = 0.5
"""Width of a letter, in heights of it."""


def fields_of(page: pdfium.PdfPage, placed: Callable[[Places], Places], usual: float) -> list[Line]:
    """The texts that were written onto a page, a line each.

    Args:
        page: that they are on.
        placed: makes places on the sheet of places in the page's own units.
        usual: height of most letters, in points.
    """
    lines = []
    for text, box in _texts(page):
        left, top, right, bottom = placed(np.array([box]))[0].tolist()
        size = min(bottom - top, usual or _TALLEST)
        flat = " ".join(text.split())
        step = min(_LETTER * size, (right - left) / max(1, len(flat)))
        if flat and step > 0:
            edges = [left + step * at for at in range(len(flat) + 1)]
            lines.append(Line(flat, edges, top, bottom, size))
    return lines


def among(lines: Sequence[Line], fields: Sequence[Line]) -> list[Line]:
    """Lines, each followed by the fields beside it as cells of its row; fields beside none come last."""
    beside: dict[int, list[Line]] = {}
    alone = []
    for field in fields:
        middle = (field.top + field.bottom) / 2
        level = [
            one
            for one in lines
            if one.top <= middle <= one.bottom and one.left < field.left and not one.stray
        ]
        if level:
            field.cell = True
            beside.setdefault(id(max(level, key=lambda one: one.right)), []).append(field)
        else:
            alone.append(field)
    placed = [
        one for line in lines for one in (line, *sorted(beside.get(id(line), ()), key=lambda one: one.left))
    ]
    return placed + sorted(alone, key=lambda one: one.top)


def _texts(page: pdfium.PdfPage) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    """Texts, each with left, bottom, right and top in the page's own units."""
    for number in range(min(_MOST, raw.FPDFPage_GetAnnotCount(page.raw))):
        annotation = raw.FPDFPage_GetAnnot(page.raw, number)
        if not annotation:
            continue
        box = raw.FS_RECTF()
        seen = not raw.FPDFAnnot_GetFlags(annotation) & _UNSEEN
        if seen and raw.FPDFAnnot_GetRect(annotation, ctypes.byref(box)):
            yield _text(page, annotation), (box.left, box.bottom, box.right, box.top)
        raw.FPDFPage_CloseAnnot(annotation)


def _text(page: pdfium.PdfPage, annotation: "raw.FPDF_ANNOTATION") -> str:
    """What an annotation says; the value of a field may stand once for all places that show it."""
    kind, form = raw.FPDFAnnot_GetSubtype(annotation), page.formenv
    if kind == raw.FPDF_ANNOT_WIDGET and form is not None:
        if raw.FPDFAnnot_GetFormFieldType(form.raw, annotation) not in _WRITTEN:
            return ""
        return _chosen(form, annotation) or _wide(
            partial(raw.FPDFAnnot_GetFormFieldValue, form.raw, annotation)
        )
    key = _HELD.get(kind)
    if key is None or raw.FPDFAnnot_GetValueType(annotation, key) != raw.FPDF_OBJECT_STRING:
        return ""
    return _wide(partial(raw.FPDFAnnot_GetStringValue, annotation, key))


def _chosen(form: pdfium.PdfFormEnv, annotation: "raw.FPDF_ANNOTATION") -> str:
    """What is chosen in a list, as it is shown: its value may be a code. Nothing of other fields."""
    return ", ".join(
        _wide(partial(raw.FPDFAnnot_GetOptionLabel, form.raw, annotation, at))
        for at in range(min(_MOST, raw.FPDFAnnot_GetOptionCount(form.raw, annotation)))
        if raw.FPDFAnnot_IsOptionSelected(form.raw, annotation, at)
    )


def _wide(read: Callable[[Any, int], int]) -> str:
    """A string of PDFium's, which is asked for its size first."""
    size = read(None, 0)
    buffer = ctypes.create_string_buffer(size)
    read(ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw[:size].decode("utf-16-le", errors="replace").rstrip("\x00")
