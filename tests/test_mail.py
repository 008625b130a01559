"""Mail: headers, text of the right part, names of attachments; hostile ones end in time."""

from __future__ import annotations

import base64
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.loading.formats import load
from ragkit.loading.holders import holder_of
from ragkit.loading.mail import attachments
from ragkit.loading.members import Budget
from ragkit.types import Document

HEAD = (
    "From: =?utf-8?q?Ann_M=C3=BCller?= <ann@a.example>\r\nTo: Bob <bob@b.example>, c@c.example\r\n"
    "Subject: =?gb2312?b?xKPQzQ==?=\r\n and tea\r\nDate: Thu, 26 Nov 2026 10:30:00 +0100\r\n"
)


def read(text: str | bytes, suffix: str = ".eml") -> Document:
    return load(text if isinstance(text, bytes) else text.encode(), suffix=suffix)


def made(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@a.example", "b@b.example", "Tea"
    for name, value in headers.items():
        message[name] = value
    return message


def test_headers_are_text_and_fields() -> None:
    document = read(HEAD + "\r\nIt is ready.\r\n")
    assert document.text == (
        "From: Ann Müller <ann@a.example>\nTo: Bob <bob@b.example>, c@c.example\n"
        "Date: Thu, 26 Nov 2026 10:30:00 +0100\nSubject: 模型 and tea\n\nIt is ready.\r\n"
    )
    assert (document.type, document.title, document.notes) == ("eml", "模型 and tea", ())
    assert document.fields == (
        ("from", "Ann Müller <ann@a.example>"), ("to", "Bob <bob@b.example>"),
        ("to", "c@c.example"), ("date", "2026-11-26T10:30:00+01:00"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("header", "charset", "encoding"),
    [
        ("", "utf-8", "8bit"),
        ("utf-8", "utf-8", "base64"),
        ("iso-8859-1", "cp1252", "quoted-printable"),
        ("gb2312", "gb18030", "base64"),
        ("koi8-r", "koi8_r", "8bit"),
        ("us-ascii", "utf-8", "8bit"),
        ("windows-874", "cp874", "8bit"),
        ("utf-8*en", "utf-8", "8bit"),
        ("utf-7", "utf-7", "7bit"),
        ("x-unheard", "utf-8", "8bit"),
        ("no-such", "utf-8", "8bit"),
        ("hex", "utf-8", "8bit"),
        ("idna", "utf-8", "8bit"),
        ("utf-8", "utf-16", "base64"),
    ],
)
def test_charsets_and_encodings(header: str, charset: str, encoding: str) -> None:
    known = {"cp1252": "café", "koi8_r": "Модель в памяти", "cp874": "สวัสดี"}
    text = known.get(charset, "模型 café in the memory")
    content = text.encode(charset)
    if encoding == "base64":
        content = base64.encodebytes(content)
    elif encoding == "quoted-printable":
        content = b"caf=E9"
    kind = f"Content-Type: text/plain; charset={header}\r\n" if header else ""
    data = f"From: a\r\n{kind}Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + content
    assert read(data).text.rstrip() == f"From: a\n\n{text}"


@pytest.mark.parametrize(
    ("charset", "encoded"), [("iso-2022-jp", b"\x1b$B-!\x1b(B"), ("x-sjis", "①".encode("cp932"))]
)
def test_headers_in_encodings_that_the_library_does_not_know(charset: str, encoded: bytes) -> None:
    word = f"=?{charset}?B?{base64.b64encode(encoded).decode()}?="
    assert read(f"From: a\nSubject: No. {word}\n\nx").title == "No. ①"


def test_a_page_among_its_pictures_says_its_encoding_and_counts_as_a_form() -> None:
    page = f'<meta charset="windows-1251"><p>{"Чай подан. " * 9}'.encode("cp1251")
    parts = (b"--a\n\nA page.\n--a\nContent-Type: multipart/related; boundary=b\n\n--b\n"
             b"Content-Type: text/html\n\n" + page + b"\n--b--\n--a--\n")  # fmt: skip
    data = b"From: a\nContent-Type: multipart/alternative; boundary=a\n\n" + parts
    document = read(data)
    assert "Чай подан." in document.text
    assert "A page." not in document.text


def test_of_several_forms_one_is_read() -> None:
    message = made()
    message.set_content("The plain words.")
    message.add_alternative("<p>The <b>page</b>.", subtype="html")
    assert read(message.as_bytes()).text.split("\n\n")[1:] == ["The plain words.\n"]
    message = made()
    message.set_content(" ")
    message.add_alternative("<p>The <b>page</b>.<img src=cid:x>", subtype="html")
    page = message.get_payload(1)
    assert isinstance(page, EmailMessage)
    page.add_related(b"\x89PNG", "image", "png", cid="x", filename="logo.png")
    document = read(message.as_bytes())
    assert document.text.split("\n\n")[1:] == ["The page.", "Attached: logo.png"]
    assert list(attachments(message.as_bytes())) == [("logo.png", b"\x89PNG")]
    message = made()
    message.add_alternative("BEGIN:VCALENDAR", subtype="calendar")
    assert [name for name, _ in attachments(message.as_bytes())] == ["part1.ics"]


def test_what_is_attached_beside_a_form_that_is_not_read_is_kept() -> None:
    message = made()
    message.set_content("Plain.")
    message.add_alternative("<p>Page.", subtype="html")
    page = message.get_payload(1)
    assert isinstance(page, EmailMessage)
    page.add_attachment(b"%PDF-", "application", "pdf", filename="a.pdf")
    assert list(attachments(message.as_bytes())) == [("a.pdf", b"%PDF-")]
    assert read(message.as_bytes()).text.split("\n\n")[1:] == ["Plain.", "\nAttached: a.pdf"]


def test_attachments_are_given_out_and_named() -> None:
    inner = made()
    inner.set_content("Forwarded.")
    message = made()
    message.set_content("See the report.")
    message.add_attachment(b"%PDF-1.7", "application", "pdf", filename="../../etc/report.pdf")
    message.add_attachment("a,b\n1,2\n", subtype="csv", filename="模型.csv")
    message.add_attachment(b"\0\1", "application", "octet-stream")
    message.add_attachment(inner)
    message.add_attachment("more", filename="..")
    data = message.as_bytes()
    found = dict(attachments(data))
    assert list(found) == ["report.pdf", "模型.csv", "part4.bin", "part5.eml", "part6.bin"]
    assert found["report.pdf"] == b"%PDF-1.7"
    assert found["模型.csv"].split() == [b"a,b", b"1,2"]
    assert b"Forwarded." in found["part5.eml"]
    document = read(data)
    assert "See the report." in document.text
    assert "Forwarded." not in document.text
    assert document.text.endswith("\nAttached: part6.bin")


MAILS = (
    "From ann@a.example Thu Nov 26 10:00:00 2026\nFrom: ann@a.example\nSubject: One\n\nFirst.\n"
    "From here on is text.\n\nFrom bob@b.example Thu Nov 26 11:00:00 2026\nFrom: b\n\nSecond.\n"
)


def test_a_mailbox_is_its_mails() -> None:
    document = read(MAILS, ".mbox")
    assert document.text == (
        "From: ann@a.example\nSubject: One\n\nFirst.\nFrom here on is text.\n\nFrom: b\n\nSecond."
    )
    assert [(h.start, h.title) for h in document.headings] == [(0, "One"), (64, "mail 2")]
    assert document.places == ((0, "#message=1"), (64, "#message=2"))
    with_file = made()
    with_file.add_attachment(b"x", "image", "png", filename="x.png")
    box = MAILS.encode() + b"\nFrom c@c Thu Nov 26 12:00:00 2026\n" + with_file.as_bytes()
    box += b"\nFrom d@d Thu Nov 26 12:00:00 2026\nA: b\n\n"
    assert read(box, ".mbox").notes == ("no part of it is text (2 mails)",)
    holder = holder_of(box, suffix=".mbox")
    assert holder is not None
    (member,) = holder.members(box, "old.mbox", Budget(len(box), 1000))
    assert (member.name, member.data) == ("3/x.png", b"x")
    assert read("From: a\n\nNo mailbox.", ".mbox").text == "From: a\n\nNo mailbox."


MIXED = 'From: a\nContent-Type: multipart/mixed; boundary="b"\n\n'


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [
        ("just words\n", "just words\n", "it has no headers, as a mail has"),
        ("", "", "it has no headers, as a mail has"),
        ("From: a\n", "From: a", "no part of it is text"),
        ("From: a\nContent-Type: multipart/mixed\n\nwords", "From: a\n\nwords", "parts its parts"),
        (MIXED + "preamble", "From: a\n\npreamble", "no part of it begins"),
        (MIXED + "--b\n\nfirst\n--b\n\nsec", "From: a\n\nfirst\n\nsec", "it may be cut off"),
        (MIXED + "Read this.\n--b\n\nfirst\n--b--\ncaf\xe9, d\xe9j\xe0 vu\n",
         "From: a\n\nRead this.\n\nfirst\n\ncafé, déjà vu", "outside its parts"),
        (MIXED + "This is a multi-part message in MIME format.\n\n--b\n\nfirst\n--b--\n\n",
         "From: a\n\nfirst", None),
        ("From: a\nContent-Transfer-Encoding: base64\n\nSGVsbG8", "From: a\n\nHello", "cut off"),
        ("From: a\nContent-Transfer-Encoding: base64\n\nS*G!VsbG8=", "From: a\n\nHello",
         "characters that its encoding"),
        ("From: a\nContent-Type: application/pdf\n\n%PDF-",
         "From: a\n\nAttached: part1.pdf", "no part of it is text"),
        (b"From: a\n\nr\x16\xab\xb1\xeb".decode("latin-1"), "From: a\n\nr\x16\ufffd\ufffd\ufffd",
         "cannot be told"),
        ("From: a\nContent-Transfer-Encoding: x-uuencode\n\nnot so", "From: a\n\nnot so", None),
    ],
)  # fmt: skip
def test_broken_mails_are_read_as_far_as_they_go(data: str, text: str, note: str | None) -> None:
    document = read(data.encode("latin-1"))
    assert document.text == text
    assert any(note in said for said in document.notes) if note else not document.notes


@pytest.mark.parametrize("cut", range(0, 900, 60))
def test_a_mail_may_be_cut_off_anywhere(cut: int) -> None:
    message = made(Date="Thu, 26 Nov 2026 10:30:00 +0100")
    message.set_content("Words.")
    message.add_alternative("<p>Page.", subtype="html")
    message.add_attachment(b"x" * 100, "image", "png", filename="x.png")
    data = message.as_bytes()[:cut]
    assert read(data).type == "eml"
    assert len(list(attachments(data))) <= 1


NESTED = "".join(f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(51))
HOSTILE = {
    "parts": MIXED + "--b\n\nword\n" * 3_000 + "--b--\n",
    "forms": MIXED.replace("mixed", "alternative") + "--b\n\n \n" * 3_000 + "--b--\n",
    "same boundary": "From: a\n" + "Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 50,
    "long header": "Subject: " + "=?utf-8?q?=C3=A9?= " * 20_000 + "\n\nx",
    "many headers": "X-A: b\n" * 30_000 + "\nx",
    "people": "To: " + "a@a.example, " * 20_000 + "\n\nx",
    "odd people": "From: " + "(" * 1_500 + "<" * 5_000 + "\n\nx",
    "odd header": "Subject: =?utf-8?b?" + "=" * 1000 + "?=\nDate: 99 99 99999999999\nTo: <<>>\n\nx",
    "odd encoding": "Subject: =?ut\xfd-8?q?caf=C3=A9?=\n\nx",
    "raw header": b"Subject: caf\xe9 \xff\xfe\nFrom: \xe6\xa8\xa1\n\nx".decode("latin-1"),
    "odd names": MIXED + "--b\nContent-Disposition: attachment; filename*=x''%\n\nx\n--b--",
    "odd name": MIXED + "--b\nContent-Disposition: attachment; filename*=idna''%C3\n\nx\n--b--",
    "odd charset": "Content-Type: text/plain; charset*=u'x'%%%\n\nx",
    "surrogates": "Content-Type: text/plain; charset=utf-7\n\n+2AA-",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_mails_end_in_time(kind: str) -> None:
    data = HOSTILE[kind].encode("latin-1")
    document = read(data)
    document.text.encode()
    assert document.type == "eml"
    assert len(list(attachments(data))) <= 3_000


@pytest.mark.parametrize("parts", [NESTED, "Content-Type: message/rfc822\n\n" * 1_000])
def test_parts_that_are_nested_too_deep_are_refused(parts: str) -> None:
    for reads in (read, lambda data: list(attachments(data.encode()))):
        with pytest.raises(LoadError, match="nested too deep"):
            reads("From: a\n" + parts)


@given(
    st.lists(
        st.sampled_from(
            "From: a|Subject: =?|utf-8?b?|=?=|Content-Type: multipart/mixed; boundary=b|--b|--b--||"
            "Content-Type: text/html|Content-Type: message/rfc822|charset=x|: |<p>x|é|\0"
            "|From x 2026|Content-Disposition: attachment; filename=a/b|x="
            "|Content-Transfer-Encoding: base64"
            .split("|")
        )
    ).map("\n".join)
)  # fmt: skip
def test_any_mail_ends_as_text(text: str) -> None:
    for suffix in (".eml", ".mbox"):
        read(text, suffix).text.encode()
    assert all("/" not in name for name, _ in attachments(text.encode()))


def test_a_mail_that_came_back_says_why() -> None:
    document = read(
        "From: mailer@a.example\r\nSubject: Returned\r\n"
        "Content-Type: multipart/report; boundary=b\r\n\r\n"
        "--b\r\n\r\nIt could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; a.example\r\n\r\nDiagnostic-Code: smtp; 550 mailbox full\r\n--b--\r\n"
    )
    assert "Diagnostic-Code: smtp; 550 mailbox full" in document.text


def test_a_hint_that_a_mail_is_a_page_is_not_the_mail() -> None:
    message = made()
    message.set_content("Your program cannot show this.")
    page = "<main>" + "<p>Tea is served at four.</p>" * 20 + "</main><footer>Pay soon</footer>"
    message.add_alternative(page, subtype="html")
    document = read(message.as_bytes())
    assert "Tea is served at four." in document.text
    assert document.notes == ("left out: page footer (10 characters)",)
