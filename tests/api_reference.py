"""Makes ``sample_corpus/api-reference.pdf``: ``python -m tests.api_reference``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos

TARGET = Path(__file__).parents[1] / "sample_corpus" / "api-reference.pdf"
TITLE = "Reference of the HTTP API"

Table = tuple[tuple[str, ...], ...]
Part = str | Table  # "# ..." is a heading, a tuple a table, the rest paragraphs

PARTS: tuple[Part, ...] = (
    "The routes of Ollama at a glance, with the fields that matter. The base address is "
    "http://127.0.0.1:11434 unless OLLAMA_HOST says otherwise. Requests and replies are JSON.",
    "# Running models",
    (
        ("Route", "Method", "Purpose", "Streams by default"),
        ("/api/chat", "POST", "answer a conversation", "yes"),
        ("/api/generate", "POST", "complete one prompt", "yes"),
        ("/api/embed", "POST", "vectors of one or many texts", "never"),
        ("/api/embeddings", "POST", "vector of one text (legacy)", "never"),
    ),
    "The first two take format, options, think, keep_alive, truncate and stream. The third takes "
    "input, truncate, dimensions, options and keep_alive. The legacy route takes prompt, options "
    "and keep_alive, and nothing else: a field named input is ignored there, and the reply then "
    "holds an empty vector.",
    "# Managing models",
    (
        ("Route", "Method", "Purpose", "Streams by default"),
        ("/api/tags", "GET", "list of installed models", "never"),
        ("/api/ps", "GET", "list of models in memory", "never"),
        ("/api/show", "POST", "facts about one model", "never"),
        ("/api/pull", "POST", "download a model", "yes"),
        ("/api/push", "POST", "upload a model to a registry", "yes"),
        ("/api/create", "POST", "build a model", "yes"),
        ("/api/copy", "POST", "give a model a second name", "never"),
        ("/api/delete", "DELETE", "remove a model", "never"),
        ("/api/blobs/:digest", "HEAD, POST", "ask for a file, or send it", "never"),
    ),
    "Pushing reports its progress like pulling: retrieving manifest, pushing with the digest of "
    "a layer, pushing manifest, success.",
    "# The server itself",
    (
        ("Route", "Method", "Purpose", "Streams by default"),
        ("/", "GET, HEAD", "the text: Ollama is running", "never"),
        ("/api/version", "GET, HEAD", "the release", "never"),
        ("/api/status", "GET", "whether cloud models are off", "never"),
    ),
    "# Status codes",
    "The status says what kind of failure it was. The text in the field error says which one.",
    (
        ("Status", "Meaning"),
        ("200", "done; in a stream, begun: a later line may still hold an error"),
        ("201", "a file that was sent has been stored"),
        ("400", "wrong JSON, a wrong name, a prompt too long, or something the model cannot do"),
        ("401", "a cloud model, and nobody has signed in"),
        ("403", "the Host or Origin header is not allowed, or cloud models are off"),
        ("404", "no such model (JSON) or no such path (plain text)"),
        ("405", "the path exists, but not with this method"),
        ("429", "too many requests to a cloud model"),
        ("499", "the client left before the answer began"),
        ("500", "the model did not load or crashed; also a wrong type in options"),
        ("501", "the model does not support embeddings"),
        ("503", "too many requests wait for a model to be loaded"),
    ),
    "# Mistakes in the body",
    "A body that is empty is refused with status 400 and the text: missing request body. JSON that "
    "ends too early gives: unexpected EOF. A list where a string is wanted, or the reverse, gives "
    "a message that begins with: json: cannot unmarshal. Fields that the server does not know are "
    "ignored, and so is the Content-Type of the request.",
    "# How values are written",
    (
        ("Kind", "Form", "Example"),
        ("duration in a reply", "whole nanoseconds", "4883583458"),
        ("duration in a request", "seconds, or a text with a unit", '300 or "5m"'),
        ("moment", "RFC 3339, up to 9 decimals", "2026-08-21T10:00:00.123Z"),
        ("picture", "standard base64", "iVBORw0KGgo..."),
        ("digest", "sha256: and 64 hexadecimal digits", "sha256:970aa74c0a90..."),
        ("name of a model", "model:tag", "qwen3:4b"),
    ),
    "Values that are zero or empty are usually left out of a reply, so a program should take zero "
    "for a counter that is not there. A part of a name has at most 80 characters: letters, digits, "
    "dots, hyphens and underscores, the first being a letter, a digit or an underscore.",
)


def build() -> bytes:
    """Return the document."""
    pdf = FPDF()
    pdf.set_title(TITLE)
    pdf.set_creation_date(datetime(2026, 8, 21, tzinfo=UTC))
    pdf.set_auto_page_break(auto=True, margin=20)
    pdf.add_page()
    pdf.set_font("Helvetica", "B", 20)
    pdf.cell(0, 12, TITLE, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for part in PARTS:
        if isinstance(part, tuple):
            pdf.set_font("Helvetica", "", 10)
            wide = {2: (1, 6), 3: (3, 4, 4), 4: (3, 2, 5, 3)}[len(part[0])]
            with pdf.table(col_widths=wide, line_height=6) as table:
                for cells in part:
                    row = table.row()
                    for cell in cells:
                        row.cell(cell)
        elif part.startswith("# "):
            if pdf.will_page_break(40):  # a heading stays with what follows
                pdf.add_page()
            pdf.ln(4)
            pdf.start_section(part[2:])
            pdf.set_font("Helvetica", "B", 14)
            pdf.cell(0, 10, part[2:], new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        else:
            pdf.set_font("Helvetica", "", 11)
            pdf.multi_cell(0, 6, part, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            pdf.ln(2)
    return bytes(pdf.output())


if __name__ == "__main__":
    TARGET.write_bytes(build())
