"""Loaders of one's own, by suffix, beside the built-in ones.

What such a loader made is kept under its name as the document's type. So a text is never taken for
what another loader would have made of the same bytes, and a file whose loader is not at hand later
is not read by the built-in ones in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ragkit.errors import LoadError
from ragkit.loading.seen import IMAGE_SUFFIXES
from ragkit.protocols import Loader
from ragkit.types import Document

OWN = "own:"  # how the types of such documents begin


@dataclass(frozen=True, slots=True)
class Loaders:
    """Which loader reads which file."""

    own: Mapping[str, Loader] = field(default_factory=dict)  # by suffix, lower case: ".eml"
    instead: Mapping[str, Loader] = field(default_factory=dict)  # of the built-in ones, by type
    sees: bool = False  # whether a model reads images

    def __post_init__(self) -> None:
        for suffix in self.own:
            if not suffix.startswith(".") or "." in suffix[1:] or suffix != suffix.lower():
                raise ValueError(f"{suffix!r} is no suffix in lower case, such as '.eml'")

    def type_of(self, suffix: str, data: bytes = b"") -> str:
        """Return the type that a file's document is kept under, by its suffix and its content.

        >>> def read_mail(data: bytes) -> Document: ...
        >>> loaders = Loaders({".eml": read_mail})
        >>> loaders.type_of(".eml"), loaders.type_of(".md")
        ('own:read_mail', 'markdown')
        """
        from ragkit.loading.formats import document_type, told_type

        loader = self.own.get(suffix)
        if loader is None:
            return told_type(data, suffix=suffix) if data else document_type(suffix)
        name = getattr(loader, "__qualname__", type(loader).__qualname__)
        return OWN + str(getattr(loader, "fingerprint", name))

    def is_binary_by_name(self, suffix: str) -> bool:
        """Say whether files of a suffix are not to be opened at all."""
        from ragkit.loading.formats import BINARY_SUFFIXES

        return suffix in BINARY_SUFFIXES and suffix not in self.own and not self.is_to_see(suffix)

    def is_to_see(self, suffix: str) -> bool:
        """Say whether a model reads files of a suffix."""
        return self.sees and suffix in IMAGE_SUFFIXES and suffix not in self.own

    def is_binary(self, data: bytes, *, suffix: str) -> str:
        """Return why no loader can read ``data``, "" if one may."""
        from ragkit.loading.formats import is_binary

        return "" if suffix in self.own else is_binary(data, suffix=suffix)

    def load(self, data: bytes, *, suffix: str) -> Document:
        """Return the document in ``data``.

        Raises:
            LoadError: it cannot be read, or its loader returned what cannot be kept.
        """
        from ragkit.loading.formats import load

        if suffix not in self.own:
            return load(data, suffix=suffix, instead=self.instead)
        document = self.own[suffix](data)
        if not isinstance(document, Document):
            raise LoadError(
                f"the loader of {suffix} returned {type(document).__name__}, not a Document",
                stage="parse",
            )
        try:
            f"{document.text}{document.title}".encode()
        except UnicodeEncodeError as error:
            raise LoadError(
                f"the loader of {suffix} returned a text that is not Unicode: {error.reason}",
                stage="decode",
            ) from error
        return replace(document, type=self.type_of(suffix))


BUILT_IN = Loaders()
