"""What reading one file may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of reading one file; beyond them it is refused, and the next one is read.

    Attributes:
        bytes: of the file.
        unpacked_bytes: of what an archive (DOCX, EPUB and their like) holds.
        characters: of the text that is read from it.
        seconds: of reading.
        memory_bytes: of the process that reads.
        ocr: whether pages that are pictures are recognised by Tesseract, which takes seconds a page.
    """

    bytes: int = 256 * 1024 * 1024
    unpacked_bytes: int = 512 * 1024 * 1024
    characters: int = 20_000_000
    seconds: float = 180.0
    memory_bytes: int = 2 * 1024 * 1024 * 1024
    ocr: bool = False
