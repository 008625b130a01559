"""Which model reads images, if one was named for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragkit.config import Settings
from ragkit.protocols import Seeing

if TYPE_CHECKING:
    from ragkit.rag.parts import Parts


def seeing(settings: Settings, parts: Parts) -> Seeing | None:
    """Return what reads images, on the first server that has it; None if no model was named.

    Raises:
        OllamaError: no server has it, or it does not take images.
    """
    if not settings.vision_model:
        return None
    from ragkit.chat_models.seeing import OllamaSeeing
    from ragkit.ollama.installed import choose_seeing

    client, chosen = parts.of_first(lambda client: choose_seeing(client, settings.vision_model))
    return OllamaSeeing(client, chosen, keep_alive=settings.keep_alive or None)
