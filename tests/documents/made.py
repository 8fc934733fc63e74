"""Small files of every format, made by hand: what is in them is what the tests look for."""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence

Line = tuple[float, float, float, str] | tuple[float, float, float, str, str]
"""Left and baseline in points from the bottom left corner, size in points, the text, and "up", "down" or
"askew" where it runs that way."""
_TURNS = {"": "1 0 0 1", "up": "0 1 -1 0", "down": "0 -1 1 0", "askew": "0.7 0.7 -0.7 0.7"}


def pdf(
    pages: Sequence[Sequence[Line]],
    *,
    width: int = 595,
    height: int = 842,
    rotate: int = 0,
    title: bytes = b"",
    letters: Mapping[str, str] | None = None,
    password: bytes = b"",
) -> bytes:
    """A PDF of lines in Helvetica; one that is bold begins with a star.

    With a rotation of 90 the page lies on its side and is shown upright. The title is a string of PDF's, and
    letters, but for bold ones, may stand for other text. One with a password is encrypted, as PDF 1.4 does.
    """
    size, turn = (width, height), b""
    if rotate:
        size, turn = (height, width), b"0 1 -1 0 %d 0 cm\n" % height
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>"
        % (b" ".join(b"%d 0 R" % (5 + 2 * number) for number in range(len(pages))), len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode %d 0 R >>"
        % (5 + 2 * len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        fonts = b"<< /Font << /F1 3 0 R /F2 4 0 R >> >>"
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Rotate %d /Resources %s /Contents %d 0 R >>"
            % (*size, rotate, fonts, 6 + 2 * number)
        )
        objects.append(_stream(turn + b"\n".join(map(_drawn, lines))))
    objects.append(_stream(_meanings(letters or {})))
    if title:
        objects.append(b"<< /Title %s >>" % title)
    trailer = b" /Info %d 0 R" % len(objects) if title else b""
    if password:
        objects = _encrypted(objects, password)
        trailer += b" /Encrypt %d 0 R /ID [<00> <00>]" % len(objects)
    return _file(objects, trailer)


def picture_pdf(stamp: str = "", at: int = 820) -> bytes:
    """A PDF whose only page is a picture, with a line over it at that height."""
    image = (
        b"<< /Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8 "
        b"/Length 4 >>\nstream\n\x00\xff\xff\x00\nendstream"
    )
    content = f"q 500 0 0 740 40 60 cm /I Do Q BT /F1 9 Tf 1 0 0 1 72 {at} Tm ({stamp}) Tj ET".encode()
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /XObject << /I 4 0 R >> "
            b"/Font << /F1 6 0 R >> >> /Contents 5 0 R >>",
            image,
            _stream(content),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        ]
    )


def form_pdf(name: str, note: str) -> bytes:
    """A PDF with a label and a field beside it that holds a name, a box that is ticked, and a note.

    Below them are two places of another field, which holds the name for both, and a country that was chosen.
    """
    content = b"BT /F1 10 Tf 1 0 0 1 72 700 Tm (Owner:) Tj 1 0 0 1 72 680 Tm (Ship: Ada) Tj "
    content += b"1 0 0 1 72 640 Tm (Once:) Tj 1 0 0 1 72 620 Tm (Again:) Tj "
    content += b"1 0 0 1 72 600 Tm (Country:) Tj ET"
    widget = b"<< /Type /Annot /Subtype /Widget /F 4 /Rect [%s] /FT /%s /T (%s) /V %s >>"
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R 7 0 R 9 0 R 12 0 R] >> >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 4 0 R >> >> "
            b"/Contents 5 0 R /Annots [6 0 R 7 0 R 8 0 R 10 0 R 11 0 R 12 0 R] >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            _stream(content),
            widget % (b"150 697 300 709", b"Tx", b"owner", f"({name})".encode("cp1252")),
            widget % (b"150 677 160 687", b"Btn", b"tick", b"/Yes"),
            f"<< /Type /Annot /Subtype /FreeText /F 4 /Rect [72 500 300 520] /Contents ({note}) >>".encode(),
            f"<< /FT /Tx /T (again) /V ({name}) /Kids [10 0 R 11 0 R] >>".encode(),
            *(
                b"<< /Type /Annot /Subtype /Widget /F 4 /Rect [150 %d 300 %d] /Parent 9 0 R >>" % place
                for place in ((637, 649), (617, 629))
            ),
            b"<< /Type /Annot /Subtype /Widget /F 4 /Rect [150 597 300 609] /FT /Ch /Ff 131072 /T (country) "
            b"/V (276) /Opt [[(276) (Germany)] [(250) (France)]] >>",
        ]
    )


def archive(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return stream.getvalue()


def docx(body: str, *, more_styles: str = "", numbering: str = "") -> bytes:
    """A Word document with a body, styles and lists, in WordprocessingML; Heading1 and Heading2 are known."""
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{level}"><w:name w:val="heading {level}"/></w:style>'
        for level in (1, 2)
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    return archive(
        {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
            '<Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{kind}.document.main+xml"/>'
            f'<Override PartName="/word/styles.xml" ContentType="{kind}.styles+xml"/>'
            f'<Override PartName="/word/numbering.xml" ContentType="{kind}.numbering+xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{relations}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship '
            f'Id="r1" Type="{relations}/styles" Target="styles.xml"/><Relationship Id="r9" '
            f'Type="{relations}/numbering" Target="numbering.xml"/></Relationships>',
            "word/numbering.xml": f"<w:numbering {space}>{numbering}</w:numbering>",
            "word/styles.xml": f"<w:styles {space}>{styles}{more_styles}</w:styles>",
            "word/document.xml": f"<w:document {space}><w:body>{body}</w:body></w:document>",
        }
    )


def word_paragraph(text: str, style: str = "") -> str:
    """A paragraph in WordprocessingML."""
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{named}<w:r><w:t>{text}</w:t></w:r></w:p>"


def word_run(text: str, properties: str = "") -> str:
    """A run in WordprocessingML, its spaces kept."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def word_table(rows: Sequence[Sequence[str]]) -> str:
    """A table in WordprocessingML."""
    made = "".join(
        f"<w:tr>{''.join(f'<w:tc>{word_paragraph(cell)}</w:tc>' for cell in row)}</w:tr>" for row in rows
    )
    return f"<w:tbl>{made}</w:tbl>"


def odt(body: str, *, styles: str = "", named: str = "", manifest: str = "") -> bytes:
    """An OpenDocument text with a body, and styles, its own and those with names, in its own XML."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "drawing", "style")
    )
    content = (
        f"<office:document-content {spaces}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    members = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content}
    if named:
        members["styles.xml"] = (
            f"<office:document-styles {spaces}><office:styles>{named}</office:styles>"
            "</office:document-styles>"
        )
    return archive(members | ({"META-INF/manifest.xml": manifest} if manifest else {}))


def epub(chapters: Mapping[str, str | bytes], more: Mapping[str, str] | None = None) -> bytes:
    """A book of chapters in HTML, in this order, and more members of its archive."""
    items = "".join(
        f'<item id="c{number}" href="{name}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
            '<rootfiles><rootfile full-path="OPS/package.opf"/></rootfiles></container>',
            "OPS/package.opf": '<package xmlns="http://www.idpf.org/2007/opf" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>The ferry book</dc:title>'
            f"</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
            **{f"OPS/{name}": content for name, content in chapters.items()},
            **(more or {}),
        }
    )


def _drawn(line: Line) -> bytes:
    left, baseline, size, text, *turn = line
    font = "F2" if text.startswith("*") else "F1"
    escaped = text.removeprefix("*").replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    matrix = f"{_TURNS[turn[0] if turn else '']} {left} {baseline}"
    return f"BT /{font} {size} Tf {matrix} Tm ({escaped}) Tj ET".encode("cp1252")


def _meanings(letters: Mapping[str, str]) -> bytes:
    """What letters of a font stand for, as PDF's table of it."""
    rows = "".join(f"<{ord(one):02x}> <{text.encode('utf-16-be').hex()}>\n" for one, text in letters.items())
    table = (
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(letters)} beginbfchar\n{rows}endbfchar\n"
    )
    return f"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n{table}endcmap end end".encode()


def _stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)


_FILLING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_RIGHTS = b"\xfc\xff\xff\xff"


def _encrypted(objects: Sequence[bytes], password: bytes) -> list[bytes]:
    """The objects with their streams encrypted (revision 2 of the standard handler), and what tells how."""
    padded = (password + _FILLING)[:32]
    owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
    key = hashlib.md5(padded + owner + _RIGHTS + b"\0").digest()[:5]

    def locked(number: int, content: bytes) -> bytes:
        of_object = hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[:10]
        head, start, rest = content.partition(b"stream\n")
        return (
            head + start + _rc4(of_object, rest[: -len(b"\nendstream")]) + b"\nendstream" if start else head
        )

    how = b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (
        owner.hex().encode(),
        _rc4(key, _FILLING).hex().encode(),
    )
    return [*(locked(number, one) for number, one in enumerate(objects, 1)), how]


def _rc4(key: bytes, data: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    made, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        made.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(made)


def _file(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    made = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer\n<< /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        table,
    )
    return bytes(made)
