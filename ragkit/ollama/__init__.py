"""A client of Ollama's HTTP API, usable on its own. Importing it opens nothing.

* ``clients``: ``Client`` and ``AsyncClient``
* ``hosts``: several servers, and which of them answer
* ``endpoints``: what to send where, as data
* ``records``: what comes back, as typed frozen values
* ``parsing``: those values out of JSON
* ``address``: every form of ``OLLAMA_HOST``
* ``exchange``: tries, timeouts, records, shared by both clients
* ``framing``: a reply's bytes cut into JSON values
* ``said``: the text of a failed reply
* ``failures``: what a failed reply means
* ``unanswered``: what no reply means
* ``files``: what is read of files that are sent
* ``uploads``: requests that follow from each other
* ``installed``: which installed model to use, and what it can do
* ``releases``: what releases are known to get wrong
* ``transfers``: how far a pull is, all its files together
* ``fetching``: pages of the web, which have nothing to do with Ollama: httpx is imported here only
"""

from ragkit.ollama.clients import AsyncClient, Client
from ragkit.ollama.records import (
    ChatReply,
    EmbedReply,
    GenerateReply,
    InstalledModel,
    Metrics,
    ModelInfo,
    RunningModel,
    TokenLogprob,
    ToolCall,
    TransferStatus,
)

__all__ = [
    "AsyncClient",
    "ChatReply",
    "Client",
    "EmbedReply",
    "GenerateReply",
    "InstalledModel",
    "Metrics",
    "ModelInfo",
    "RunningModel",
    "TokenLogprob",
    "ToolCall",
    "TransferStatus",
]
