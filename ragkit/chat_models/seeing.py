"""A model of an Ollama server that reads images."""

from __future__ import annotations

from typing import Any

from ragkit.chat_models.ollama import without_thoughts
from ragkit.ollama import Client
from ragkit.ollama.installed import Chosen

ASKED = (
    "Write down all text in this image exactly as it stands there, from top to bottom, tables row"
    " by row with | between the cells. Add nothing, translate nothing, explain nothing. If there is"
    " no text in it, describe in a few sentences what it shows. If it is blank, write only: BLANK"
)
BLANK = "BLANK"
MOST_TOKENS = 4096  # of a page
CONTEXT = 8192


class OllamaSeeing:
    """Reads images with a model of an Ollama server.

    Args:
        client: of the server.
        chosen: the model.
        keep_alive: how long it stays loaded; None is the server's default.
    """

    def __init__(
        self, client: Client, chosen: Chosen, *, keep_alive: str | float | None = None
    ) -> None:
        self._client = client
        self._chosen = chosen
        self._keep_alive = keep_alive

    @property
    def name(self) -> str:
        """Name that its texts are marked with, such as ``"llava"``."""
        return self._chosen.name.removesuffix(":latest")

    def __call__(self, image: bytes) -> str:
        """Return what stands in an image, "" if nothing does.

        Raises:
            OllamaError: the server failed.
        """
        thinks = "thinking" in (self._chosen.info.capabilities or ())
        options: dict[str, Any] = {"temperature": 0, "num_predict": MOST_TOKENS, "num_ctx": CONTEXT}
        reply = self._client.chat(
            self._chosen.name,
            [{"role": "user", "content": ASKED, "images": [image]}],
            options=options,
            keep_alive=self._keep_alive,
            think=False if thinks else None,
        )
        text = "".join(without_thoughts([reply.content])).strip()
        return "" if text.strip(".") == BLANK else text
