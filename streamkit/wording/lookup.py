"""Which vocabulary a language tag stands for."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Final

from streamkit.wording.vocabulary import Vocabulary

LANGUAGES: Final = ("en", "de", "fr", "es", "it", "pt", "nl", "pl")
"""Languages with a vocabulary; each is a module of this package."""


def base_language(language: str | None) -> str | None:
    """Reduce a BCP 47 tag to its language: "en-US" is "en"."""
    if not language:
        return None
    return language.lower().replace("_", "-").partition("-")[0]


@lru_cache(maxsize=64)
def find_vocabulary(language: str | None) -> Vocabulary | None:
    """Return the vocabulary of a BCP 47 tag, or None where there is none."""
    base = base_language(language)
    if base not in LANGUAGES:
        return None
    found = import_module(f"streamkit.wording.languages.{base}").VOCABULARY
    assert isinstance(found, Vocabulary)
    return found
