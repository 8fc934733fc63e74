"""Reader of EPUB."""

import posixpath
import zipfile
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote

from lxml import etree

from localqa.documents.archives import DC_TITLE, member, opened, xml_root
from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.encodings import decoded_page
from localqa.documents.formats import Source, encrypted
from localqa.documents.markup import MarkupWriter

_OF_FONTS: Final = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""Algorithms that make fonts useless elsewhere; they lock no text."""


def read_epub(source: Source) -> Document:
    """A book: its chapters in reading order."""
    with opened(source) as archive:
        container = xml_root(member(archive, "META-INF/container.xml", source))
        rootfile = container.find(".//{*}rootfile")
        path = rootfile.get("full-path", "") if rootfile is not None else ""
        package = xml_root(member(archive, path, source))
        chapters = list(_chapters(package, posixpath.dirname(path)))
        if _is_locked(archive, chapters, source):
            raise encrypted(source.name)
        builder = Builder(source.limits)
        for chapter in chapters:
            if chapter in archive.namelist():
                MarkupWriter(builder).write(decoded_page(archive.read(chapter)))
    return builder.built(
        source.name, source.media_type, source.digest, title=package.findtext(f".//{DC_TITLE}") or ""
    )


def _is_locked(archive: zipfile.ZipFile, chapters: Sequence[str], source: Source) -> bool:
    """Whether more than fonts is encrypted."""
    listed = member(archive, "META-INF/encryption.xml", source, needed=False)
    for one in xml_root(listed).iterfind(".//{*}EncryptedData") if listed else ():
        method, reference = one.find("{*}EncryptionMethod"), one.find(".//{*}CipherReference")
        if method is None or method.get("Algorithm") not in _OF_FONTS:
            return True
        if reference is not None and unquote(reference.get("URI", "")) in chapters:
            return True
    return False


def _chapters(package: etree._Element, folder: str) -> Iterator[str]:
    """Paths in the archive of the chapters, in reading order; none that leads out of it."""
    items = {item.get("id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is not None and "nav" not in item.get("properties", "").split():
            yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
