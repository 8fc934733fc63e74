"""Formats that are archives of XML: opening them, and what is in them."""

import io
import re
import zipfile
from dataclasses import replace
from typing import Final

from lxml import etree

from localqa.documents.document import DocumentError
from localqa.documents.formats import Source, corrupted, encrypted

DC_TITLE: Final = "{http://purl.org/dc/elements/1.1/}title"
_PROPERTIES: Final = "docProps/core.xml"
_STRICT: Final = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
"""How names begin in files that Office saved as "Strict Open XML"."""
_TRANSITIONAL: Final = rb"http://schemas.openxmlformats.org/\1/2006/"


def opened(source: Source) -> zipfile.ZipFile:
    """The archive, if what it holds is within the limits.

    Raises:
        DocumentError: it is damaged, encrypted or too large.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(source.data))
    except (zipfile.BadZipFile, ValueError, OSError) as e:
        raise corrupted(source.name, e) from e
    members = archive.infolist()
    if any(member.flag_bits & 1 for member in members):
        raise encrypted(source.name)
    most = source.limits.unpacked_bytes
    if sum(member.file_size for member in members) > most:
        raise DocumentError(
            f"{source.name} holds more than {most:,} bytes when it is unpacked.",
            reason="too_large",
            remedy="Split it, or save it without pictures.",
        )
    return archive


def transitional(source: Source) -> Source:
    """An Office file with the names that its readers know; "Strict Open XML" has others for the same things.

    Raises:
        DocumentError: it is damaged, encrypted or too large.
    """
    with opened(source) as archive:
        if not _STRICT.search(member(archive, "_rels/.rels", source, needed=False)):
            return source
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
            for name in dict.fromkeys(archive.namelist()):
                content = archive.read(name)
                is_xml = name.endswith((".xml", ".rels"))
                made.writestr(name, _STRICT.sub(_TRANSITIONAL, content) if is_xml else content)
    return replace(source, data=stream.getvalue())


def member(archive: zipfile.ZipFile, name: str, source: Source, *, needed: bool = True) -> bytes:
    """What a member holds; nothing where it is not there and not needed.

    Raises:
        DocumentError: it is needed and not there.
    """
    try:
        return archive.read(name)
    except KeyError as e:
        if needed:
            raise corrupted(source.name, f"it has no {name or 'package'}") from e
        return b""


def xml_root(data: bytes) -> etree._Element:
    """The root of an XML file: no network, no entities, no endless depth."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(data, parser=parser)


def namespace(root: etree._Element) -> str:
    """The namespace of an element as it stands before names within it."""
    return f"{{{etree.QName(root).namespace}}}"


def core_title(archive: zipfile.ZipFile) -> str:
    """The title in the properties of an Office file."""
    if _PROPERTIES not in archive.namelist():
        return ""
    try:
        return xml_root(archive.read(_PROPERTIES)).findtext(f".//{DC_TITLE}") or ""
    except etree.XMLSyntaxError:
        return ""
