"""Reader of Excel."""

import io
import zipfile
from collections.abc import Set
from typing import Any, Final

from lxml import etree

from localqa.documents.archives import core_title, opened, transitional
from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.formats import Source
from localqa.documents.numerals import whole
from localqa.documents.values import shown

_ROWS: Final = 200_000
"""Of a sheet; those behind it are most likely empty cells with a colour."""
_COLUMNS: Final = 16_384
"""That a sheet has at most."""


def read_xlsx(source: Source) -> Document:
    """A workbook: a page for each sheet, rows as they are shown; formulas by the values that were kept."""
    from openpyxl import load_workbook

    source = transitional(source)
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
            # openpyxl tells what is hidden of whole workbooks in memory alone.
            _write_rows(sheet, builder, *_hidden(archive, sheet._worksheet_path))
    return builder.built(source.name, source.media_type, source.digest, title=title)


def _write_rows(sheet: Any, builder: Builder, hidden_rows: Set[int], hidden_columns: Set[int]) -> None:
    """Write what is shown of a sheet."""
    # Several exporters write a size that is not the sheet's.
    sheet.reset_dimensions()
    unread = set()
    for number, row in enumerate(sheet.iter_rows(), 1):
        if number > _ROWS:
            builder.note(f"of the sheet {sheet.title} the first {_ROWS:,} rows were read")
            break
        cells = []
        for column, cell in enumerate(row, 1):
            if number not in hidden_rows and column not in hidden_columns:
                cells.append(shown(cell.value, _format(cell)))
            elif cell.value is not None:
                unread.add("rows" if number in hidden_rows else "columns")
        builder.row(cells)
    for what in sorted(unread, reverse=True):
        builder.note(f"hidden and not read: {what} of the sheet {sheet.title}")


def _hidden(archive: zipfile.ZipFile, path: str) -> tuple[Set[int], Set[int]]:
    """The numbers of the rows and of the columns of a sheet that are not shown."""
    rows: set[int] = set()
    columns: set[int] = set()
    last = 0
    with archive.open(path) as file:
        elements = etree.iterparse(
            file, tag=("{*}col", "{*}row"), resolve_entities=False, no_network=True, recover=True
        )
        for _, element in elements:
            is_hidden = element.get("hidden") in ("1", "true")
            if etree.QName(element).localname == "row":
                last = whole(element.get("r"), last + 1)
                rows |= {last} if is_hidden else set()
            elif is_hidden:
                first, until = (whole(element.get(side), 0) for side in ("min", "max"))
                columns.update(range(first, min(until, _COLUMNS) + 1))
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    return rows, columns


def _format(cell: Any) -> str:
    """In which a number is written."""
    if not isinstance(cell.value, int | float):
        return ""
    try:
        return cell.number_format or ""
    except IndexError:
        # It names a style that the workbook does not have.
        return ""
