"""E-mails: every text in them is read once, in the encoding that it has."""

import base64

import pytest

from localqa.documents.document import DocumentError


def mail(body, *, kind="text/plain", head="Subject: x\n"):
    body = body if isinstance(body, bytes) else body.encode()
    return f"{head}MIME-Version: 1.0\nContent-Type: {kind}\n\n".encode() + body


def parts(kind, *those):
    """A mail of parts: each its headers, a blank line and its content."""
    return mail("".join(f"--B\n{part}\n" for part in those) + "--B--\n", kind=f"multipart/{kind}; boundary=B")


def plain(text):
    return f"Content-Type: text/plain\n\n{text}\n"


def html(text):
    return f"Content-Type: text/html\n\n{text}\n"


PICTURE = "Content-Type: image/png\nContent-Disposition: inline; filename=p.png\n\nAAAA\n"


@pytest.mark.parametrize("kind", ["text/plain", "text/plain; charset=us-ascii", "text/plain; charset=utf-8"])
def test_utf8_whatever_the_mail_declares(read, kind):
    assert read(mail("Café costs 5 €.", kind=kind), "a.eml").text == "Subject: x\n\nCafé costs 5 €."


@pytest.mark.parametrize(
    ("charset", "text", "encoding"),
    [
        ("iso-8859-1", "We don’t “charge”", "cp1252"),
        ("windows-1251", "Привет, мир", "cp1251"),
        ("iso-2022-jp", "日本語の文章です", "iso2022_jp"),
    ],
)
def test_the_declared_charset_is_read_as_browsers_do(read, charset, text, encoding):
    data = mail(text.encode(encoding), kind=f"text/plain; charset={charset}")
    assert read(data, "a.eml").text == f"Subject: x\n\n{text}"


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n", b"\n\n"])
def test_what_stands_before_the_first_header_hides_none(read, before):
    body = base64.b64encode(b"The rent is 900.")
    data = before + mail(body, head="Subject: x\nContent-Transfer-Encoding: base64\n")
    assert read(data, "a.eml").text == "Subject: x\n\nThe rent is 900."


def test_a_page_in_a_mail_may_declare_its_charset_itself(read):
    page = "<meta charset=iso-8859-2><p>Opłata wynosi 90 zł za każdą".encode("iso-8859-2")
    assert read(mail(page, kind="text/html"), "a.eml").text == "Subject: x\n\nOpłata wynosi 90 zł za każdą"


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("jsmith@x.example (John Smith)", "jsmith@x.example (John Smith)"),
        ("=?gb2312?B?1uzpRrv5?= <a@b.example>", "朱镕基 <a@b.example>"),
    ],
)
def test_names_in_headers(read, header, text):
    assert read(mail("x", head=f"From: {header}\n"), "a.eml").text == f"From: {text}\n\nx"


@pytest.mark.parametrize(
    ("data", "text", "notes"),
    [
        (
            parts("mixed", plain("First."), PICTURE, plain("Second: 90 euro.")),
            "First.\n\nSecond: 90 euro.",
            ("attached and not read: p.png",),
        ),
        (
            parts("mixed", html("<p>First.</p>"), PICTURE, html("<p>Second.</p>")),
            "First.\n\nSecond.",
            ("attached and not read: p.png",),
        ),
        (parts("alternative", plain(" \n"), html("<p>The fee is 90.</p>")), "The fee is 90.", ()),
        (parts("alternative", plain("Plain."), html("<p>Rich.</p>")), "Plain.", ()),
        (
            parts(
                "mixed",
                plain("See file."),
                'Content-Disposition: attachment; filename="=?utf-8?q?=C3=A4.txt?="\n\nno\n',
            ),
            "See file.",
            ("attached and not read: ä.txt",),
        ),
        (
            parts(
                "mixed",
                plain("See below."),
                "Content-Type: message/rfc822\n\nFrom: z@z.example\nSubject: Contract\n\nThe rent is 900.\n",
            ),
            "See below.\n\nFrom: z@z.example\nSubject: Contract\n\nThe rent is 900.",
            (),
        ),
        (
            parts(
                "mixed",
                plain("See below."),
                "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
                + base64.encodebytes(b"Subject: Contract\n\nThe rent is 900.\n").decode(),
            ),
            "See below.\n\nSubject: Contract\n\nThe rent is 900.",
            (),
        ),
        (
            mail("<bold>Rich</bold> <param>red</param>body\n", kind="text/enriched"),
            "Rich body",
            (),
        ),
        (
            mail("plain although it says otherwise\n", kind="multipart/mixed"),
            "plain although it says otherwise",
            (),
        ),
    ],
)
def test_all_texts_of_a_mail(read, data, text, notes):
    document = read(data, "a.eml")
    assert document.text == f"Subject: x\n\n{text}"
    assert document.notes == notes


@pytest.mark.parametrize("header", ["From: <", "From: a@[", "From: a:b;c:d", "To: ,"])
def test_headers_that_cannot_be_understood_are_read_as_they_stand(read, header):
    assert read(mail("body", head=f"{header}\n"), "a.eml").text == f"{header}\n\nbody"


def test_headers_as_people_read_them(read):
    head = "From: =?utf-8?q?J=C3=BCrgen?= <j@x.example>\nSubject: Café =?utf-8?q?long?=\n =?utf-8?q?_one?=\n"
    document = read(mail("body", head=head), "a.eml")
    assert document.text == "From: Jürgen <j@x.example>\nSubject: Café long one\n\nbody"
    assert document.title == "Café long one"


@pytest.mark.parametrize(
    ("kind", "reason"), [("signed-data", "unsupported"), ("enveloped-data", "encrypted")]
)
def test_a_signature_is_no_encryption(read, kind, reason):
    with pytest.raises(DocumentError) as told:
        read(mail("AAAA", kind=f"application/pkcs7-mime; smime-type={kind}"), "a.eml")
    assert told.value.reason == reason


def test_lists_of_links_in_a_mail_are_no_menu(read):
    links = "".join(f'<li><a href="{at}">Reference number {at}</a></li>' for at in range(6))
    assert read(mail(f"<ul>{links}</ul>", kind="text/html"), "a.eml").text.endswith("Reference number 5")
