"""Presentations: a slide is a page, and nothing on it is lost without a word."""

# mypy: disable-error-code="no-untyped-call,attr-defined,union-attr"

import io
from collections.abc import Callable, Mapping

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.presentation import Presentation
from pptx.util import Inches

from ragkit.errors import LoadError
from tests.office import CORE, FIELDS, NAMES, NO_PARTS, outline, read, rels, zipped

BOX = (Inches(1), Inches(1), Inches(4), Inches(1))


def made(fill: Callable[[Presentation], object]) -> bytes:
    slides = pptx.Presentation()
    fill(slides)
    out = io.BytesIO()
    slides.save(out)
    return out.getvalue()


def pages(text: str, starts: tuple[int, ...]) -> list[str]:
    return [text[a:b].strip() for a, b in zip(starts, (*starts[1:], len(text)), strict=True)]


def test_slides_of_another_library_are_read_whole() -> None:
    def fill(slides: Presentation) -> None:
        first = slides.slides.add_slide(slides.slide_layouts[1])
        first.shapes.title.text = "Bolts\vand nuts"
        body = first.placeholders[1].text_frame
        body.text = "They hold"
        deeper = body.add_paragraph()
        deeper.text, deeper.level = "until they do not", 1
        first.notes_slide.notes_text_frame.text = "Say it slowly."
        slides.slides.add_slide(slides.slide_layouts[6])
        third = slides.slides.add_slide(slides.slide_layouts[5])
        table = third.shapes.add_table(2, 2, *BOX).table
        for at, text in enumerate(("Name", "Price", "Bolt", "3\n4")):
            table.cell(at // 2, at % 2).text = text
        group = third.shapes.add_group_shape()
        group.shapes.add_textbox(*BOX).text_frame.text = "In a group"
        data = CategoryChartData()
        data.categories = ["2024", "2025"]
        data.add_series("North", (1, 2))
        third.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, *BOX, data)
        third.shapes.title.text = "Figures"
        slides.core_properties.author = "Ann"

    document = read(made(fill), ".pptx")
    assert pages(document.text, document.page_starts) == [
        "Bolts\nand nuts\n\nThey hold\n  - until they do not\n\nNotes: Say it slowly.",
        "",
        "Figures\n\nName | Price\nBolt | 3 4\n\nIn a group\n\nNorth | 2024 | 2025 | 1 | 2",
    ]
    assert document.pages_without_text == (2,)
    assert [(level, title) for level, title, _ in outline(document)] == [
        (1, "Bolts and nuts"), (1, "Figures")
    ]  # fmt: skip
    assert ("author", "Ann") in document.fields


def shape(text: str, kind: str = "", inner: str = "") -> str:
    holder = f'<p:ph type="{kind}"/>' if kind else ""
    body = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return (
        f"<p:sp><p:nvSpPr><p:nvPr>{holder}</p:nvPr></p:nvSpPr>"
        f"<p:txBody>{body}</p:txBody>{inner}</p:sp>"
    )


def presentation(*slides: str, more: Mapping[str, str] = NO_PARTS, attributes: str = "") -> bytes:
    count = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in count)
    members = {
        "[Content_Types].xml": "<Types/>",
        "ppt/presentation.xml": f"<p:presentation {NAMES}><p:sldIdLst>{listed}</p:sldIdLst>"
        "</p:presentation>",
        "ppt/_rels/presentation.xml.rels": rels(*(("slide", f"slides/s{n}.xml") for n in count)),
        **{
            f"ppt/slides/s{n}.xml": f"<p:sld {NAMES} {attributes}><p:cSld><p:spTree>{slide}"
            "</p:spTree></p:cSld></p:sld>"
            for n, slide in enumerate(slides, 1)
        },
    }
    return zipped({**members, **more})


def test_the_title_comes_first_and_what_is_repeated_once() -> None:
    footer = shape("ACME", "ftr") + shape("7", "sldNum") + shape("", "dt")
    slides = (shape("Text") + shape("One", "ctrTitle") + footer, shape("Two", "title") + footer)
    document = read(presentation(*slides, more={"docProps/core.xml": CORE}), ".pptx")
    assert pages(document.text, document.page_starts) == ["One\n\nText\n\nACME", "Two"]
    assert document.notes == ("1 repeated footer is left out",)
    assert (document.title, document.fields) == ("The handbook", FIELDS)


def test_hidden_and_missing_slides_pictures_and_macros() -> None:
    picture = '<p:pic><p:nvPicPr><p:cNvPr id="1" descr="{}"/></p:nvPicPr></p:pic>'
    slide = picture.format("A bridge") + picture.format("") + "<p:sp/><p:cxnSp/>"
    slide += f"<mc:AlternateContent><mc:Choice>{shape('new')}</mc:Choice><mc:Fallback>"
    slide += f"{shape('old')}</mc:Fallback></mc:AlternateContent>"
    more = {"ppt/vbaProject.bin": "Shell"}
    document = read(presentation(slide, attributes='show="0"', more=more), ".pptm")
    assert document.text == "A bridge\n\nnew"
    assert document.notes == (
        "slide 1 is hidden, and read too", "its macros are neither run nor read",
        "1 picture has no text",
    )  # fmt: skip
    without = presentation("", more={"ppt/_rels/presentation.xml.rels": rels()})
    assert read(without, ".pptx").notes == ("slide 1 is missing in the file",)
    assert read(presentation(more={"ppt/presentation.xml": "<p/>"}), ".pptx").text == ""


def test_notes_comments_and_what_stands_behind() -> None:
    comments = (
        f'<c {NAMES}><p:cm authorId="0"><p:text>Why\n?</p:text></p:cm><p:cm authorId="5"><p:txBody>'
        "<a:p><a:r><a:t>New kind</a:t></a:r></a:p></p:txBody></p:cm><p:cm/></c>"
    )
    notes = f"<n {NAMES}><p:cSld><p:spTree>{shape('Say it.', 'body')}{shape('2', 'sldNum')}"
    notes += f"{shape('And this.')}</p:spTree></p:cSld></n>"
    layout = f"<l {NAMES}><p:cSld><p:spTree>{shape('Click here', 'title')}{shape('ACME')}"
    layout += f"{shape('')}</p:spTree></p:cSld></l>"
    more = {
        "ppt/slides/_rels/s1.xml.rels": rels(
            ("notesSlide", "../n.xml"), ("comments", "../c.xml"), ("slideLayout", "../l.xml")
        ),
        "ppt/_rels/l.xml.rels": rels(("slideMaster", "m.xml")),
        "ppt/n.xml": notes, "ppt/c.xml": comments, "ppt/l.xml": layout, "ppt/m.xml": layout,
        "ppt/_rels/presentation.xml.rels": rels(
            ("slide", "slides/s1.xml"), ("commentAuthors", "a.xml")
        ),
        "ppt/a.xml": '<a><x id="0" name="Bob"/></a>',
    }  # fmt: skip
    document = read(presentation(shape("Text"), more=more), ".pptx")
    assert document.text == (
        "Text\n\nNotes: Say it.\n\nAnd this.\n\n[Comment by Bob: Why ?]\n\n[Comment: New kind]"
    )
    assert document.notes == ("behind the slides stands, and is left out: ACME",)


def test_a_level_that_no_program_writes_is_the_deepest() -> None:
    far = shape("far").replace("<a:p>", '<a:p><a:pPr lvl="1000000"/>')
    assert read(presentation(far), ".pptx").text == "  " * 8 + "- far"
    none = shape("none").replace("<a:p>", '<a:p><a:pPr lvl="²"/>')
    assert read(presentation(none), ".pptx").text == "none"


def test_a_raised_number_is_no_part_of_the_one_before_it() -> None:
    up = '</a:t></a:r><a:r><a:rPr baseline="30000"/><a:t>6</a:t></a:r><a:r><a:t> units'
    assert read(presentation(shape("10" + up)), ".pptx").text == "10^6 units"


def test_groups_nested_too_deeply() -> None:
    deep = "<p:grpSp>" * 3000 + shape("x") + "</p:grpSp>" * 3000
    with pytest.raises(LoadError, match="nested too deeply"):
        read(presentation(deep), ".pptx")
