"""Reading documents, and the library that keeps them."""


def headings(document):
    """The words and the level of each heading of a document."""
    return [(document.text[one.start : one.end], one.level) for one in document.headings]
