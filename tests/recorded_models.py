"""The models that the transcripts were recorded with, as the test server's models."""

from dataclasses import replace
from itertools import chain

from tests.ollama_server import Model
from tests.ollama_server.models import CHAT_TEMPLATE, THINK_TEMPLATE


def tokens(cut: str) -> tuple[str, ...]:
    """Return the tokens of a text that has a bar between each two."""
    return tuple(cut.split("|"))


DOCUMENTS = tokens(
    "The| documents| s|ay| that| ke|ep|_|al|ive| h|old|s| a| model| in| memory| for| five| min|utes"
    "| [|1|]."
)
WIDE = tokens("温|度| is| |0|.|8|;| f|ü|r|😀|\u2028|then|\x85|end| [|2|].")
WORDS = tokens(
    " aberrant| adhes| amino| around| baseline| capabilities| chimer| complement| constitutive"
    "| critically| dendritic| directly| effector| enzym| expected| final| given| homologous"
    "| improved| inhib| intrinsic| lethal| mammals| metastasis| mucos| number| oxygen| phase"
    "| practice| profession| purified| recur| reporter| rhyth| shock| stabil| substrates| taken"
    "| traff| underwent"
)
TOOL_TEMPLATE = CHAT_TEMPLATE.replace("<|assistant|>", "{{ if .Tools }}{{ .Tools }}{{ end }}")

PLAIN = Model(
    "chat-plain",
    ("completion",),
    dim=256,
    context_length=8192,
    num_ctx=2048,
    parameters=4_753_664,
    template=CHAT_TEMPLATE,
    system="Be brief.",
    blocks=1,
    vocabulary=8003,
    reply=DOCUMENTS,
    keys_sorted=True,
)
OTHER = replace(PLAIN, system="")
BAG = Model(
    "embed-bag",
    dim=128,
    context_length=512,
    parameters=1_099_008,
    weights="embed-bag",
    keys_sorted=True,
)
MODELS = (
    PLAIN,
    replace(OTHER, name="chat-wide", reply=WIDE),
    replace(
        OTHER,
        name="chat-think",
        capabilities=("completion", "thinking"),
        template=THINK_TEMPLATE,
        thinking=tokens("A| source| nam|es| it|."),
        thinks_always=True,
        reply=tokens("F|ive| min|utes| [|1|]."),
    ),
    replace(OTHER, name="chat-tools", capabilities=("completion", "tools"), template=TOOL_TEMPLATE),
    replace(
        OTHER,
        name="chat-call",
        capabilities=("completion", "tools"),
        template=TOOL_TEMPLATE,
        tool_call=("search", {"q": "memory"}),
    ),
    replace(OTHER, name="chat-json", reply=tokens('{"|min|utes|":| |5|}')),
    replace(OTHER, name="chat-native", native=True),
    replace(OTHER, name="chat-endless", reply=WORDS, endless=True),
    replace(OTHER, name="chat-huge", context_length=134_217_728),
    replace(OTHER, name="chat-copy", system="You are terse."),
    BAG,
    replace(BAG, name="embed-short", num_ctx=64),
    replace(BAG, name="embed-nan", nan="poison"),
)
assert len(set(chain(m.name for m in MODELS))) == len(MODELS)
