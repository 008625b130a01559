"""Office files, made here part by part."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from ragkit.loading.formats import load
from ragkit.types import Document

NO_PARTS: Mapping[str, str] = {}
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
    'xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    f'xmlns:r="{OFFICE}"'
)
CORE = (
    f"<cp:coreProperties {NAMES}><dc:title>The  handbook</dc:title><dc:creator>Ann</dc:creator>"
    "<cp:keywords>bolts, nuts; bolts</cp:keywords><dc:description>What to\nknow</dc:description>"
    "<dc:language>en-GB</dc:language><dcterms:created>2024-01-02T03:04:05Z</dcterms:created>"
    "<dcterms:modified>2025-06-07T08:09:10Z</dcterms:modified><dc:subject> </dc:subject>"
    "</cp:coreProperties>"
)
FIELDS = (
    ("author", "Ann"), ("description", "What to know"), ("language", "en-GB"),
    ("created", "2024-01-02T03:04:05Z"), ("date", "2025-06-07T08:09:10Z"),
    ("tag", "bolts"), ("tag", "nuts"),
)  # fmt: skip


def zipped(members: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP of the members, in order; a mimetype is stored, as it must be."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            how = zipfile.ZIP_STORED if name == "mimetype" else method
            archive.writestr(name, content, how)
    return out.getvalue()


def rels(*targets: tuple[str, str] | tuple[str, str, str]) -> str:
    """Return relations of (kind, target) with the ids rId1, rId2 and so on."""
    found = ""
    for number, (kind, target, *mode) in enumerate(targets, 1):
        external = f' TargetMode="{mode[0]}"' if mode else ""
        found += (
            f'<Relationship Id="rId{number}" Type="{OFFICE}/{kind}" Target="{target}"{external}/>'
        )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{found}</Relationships>'


def docx(
    body: str, parts: Mapping[str, str] = NO_PARTS, more: Mapping[str, str] = NO_PARTS
) -> bytes:
    """Return a Word document.

    Args:
        body: what stands in its body, in XML.
        parts: further parts by kind, such as "footnotes": what stands in their root.
        more: members of the ZIP by name, written as they are.
    """
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default '
        'Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.'
        'main+xml"/></Types>',
        "_rels/.rels": rels(("officeDocument", "word/document.xml")),
        "word/document.xml": f"<w:document {NAMES}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": rels(
            *((kind.rstrip("0123456789"), f"{kind}.xml") for kind in parts)
        ),
        **{
            f"word/{kind}.xml": f"<w:root {NAMES}>{inner}</w:root>" for kind, inner in parts.items()
        },
    }
    return zipped(members | dict(more))


def p(text: str, style: str = "", inner: str = "") -> str:
    """Return a paragraph of Word."""
    marks = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{marks}{inner}</w:pPr>{r(text)}</w:p>"


def r(text: str) -> str:
    """Return a run of Word."""
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def outline(document: Document) -> list[tuple[int, str, str]]:
    """Return each heading's level and title, and how its text begins."""
    return [
        (h.level, h.title, document.text[h.start :].partition("\n")[0]) for h in document.headings
    ]


def read(data: bytes, suffix: str) -> Document:
    """Return the document, whose offsets were looked at."""
    document = load(data, suffix=suffix)
    starts = [offset for offset, _ in document.places]
    assert starts == sorted(starts)
    for offset in (*starts, *(heading.start for heading in document.headings)):
        assert 0 <= offset < len(document.text)
        assert offset == 0 or document.text[offset - 1] in "\n "
    return document
