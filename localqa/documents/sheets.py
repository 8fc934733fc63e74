"""Reader of Excel."""

import io
from typing import Any, Final

from localqa.documents.archives import core_title, opened
from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.formats import Source
from localqa.documents.values import shown

_ROWS: Final = 200_000
"""Of a sheet; those behind it are most likely empty cells with a colour."""


def read_xlsx(source: Source) -> Document:
    """A workbook: a page for each sheet, rows as they are shown; formulas by the values that were kept."""
    from openpyxl import load_workbook

    with opened(source) as archive:
        title = core_title(archive)
    book = load_workbook(io.BytesIO(source.data), read_only=True, data_only=True, keep_links=False)
    builder = Builder(source.limits)
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            builder.note(f"hidden and not read: the sheet {sheet.title}")
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for number, sheet in enumerate(visible, 1):
        builder.begin_page(number)
        builder.heading(sheet.title, 1)
        # Several exporters write a size that is not the sheet's.
        sheet.reset_dimensions()
        for at, row in enumerate(sheet.iter_rows()):
            if at == _ROWS:
                builder.note(f"of the sheet {sheet.title} the first {_ROWS:,} rows were read")
                break
            builder.row([shown(cell.value, _format(cell)) for cell in row])
    return builder.built(source.name, source.media_type, source.digest, title=title)


def _format(cell: Any) -> str:
    """In which a number is written."""
    if not isinstance(cell.value, int | float):
        return ""
    try:
        return cell.number_format or ""
    except IndexError:
        # It names a style that the workbook does not have.
        return ""
