"""What a client wants to be told of the words that are said to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from streamkit.protocols.openai_realtime.fields import (
    Members,
    Reader,
    array,
    matching,
    one_of,
    string,
)

MAX_NAME_CHARACTERS = 256
MAX_PROMPT_CHARACTERS = 2000
MAX_KEYWORDS = 100
MAX_KEYWORD_CHARACTERS = 100
MAX_LANGUAGES = 100

DELAYS = ("minimal", "low", "medium", "high", "xhigh")

LANGUAGE = matching(
    re.compile("[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*"), "an ISO 639-1 code like en, or en-GB"
)


@dataclass(frozen=True, slots=True)
class Transcription:
    """Settings of the transcripts of the person's speech.

    Attributes:
        model: name that the client gave; the server has one recognizer, so it is only kept.
        language: of the speech, as the client wrote it; None: found out.
        prompt: text that might have come before.
        keywords: names and terms that are likely to be said.
        languages: that may be spoken; only kept.
        delay: OpenAI's choice between early and certain; only kept.
    """

    model: str
    language: str | None = None
    prompt: str | None = None
    keywords: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    delay: str | None = None

    @property
    def spoken(self) -> str | None:
        """ISO 639-1 code of the language; recognizers know languages, not regions."""
        return None if self.language is None else self.language.split("-")[0].lower()

    @property
    def without_effect(self) -> list[str]:
        """Fields that were given and change nothing."""
        return [name for name in ("delay", "languages") if getattr(self, name) is not None]

    def wire(self) -> dict[str, Any]:
        """The settings as the server tells them."""
        newer = {"keywords": self.keywords, "languages": self.languages, "delay": self.delay}
        return {
            "model": self.model,
            "language": self.language,
            "prompt": self.prompt,
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name, value in newer.items()
                if value is not None
            },
        }


def transcription(current: Transcription | None, default_model: str) -> Reader[Transcription]:
    """Reader of a partial update."""

    def read(value: object, path: str) -> Transcription:
        old = Transcription(default_model) if current is None else current
        members = Members(
            value, path, ("model", "language", "prompt", "keywords", "languages", "delay")
        )
        return Transcription(
            model=members.changed(
                "model", string(MAX_NAME_CHARACTERS, shortest=1), old.model, default_model
            ),
            language=members.changed("language", LANGUAGE, old.language, None),
            prompt=members.changed("prompt", string(MAX_PROMPT_CHARACTERS), old.prompt, None),
            keywords=members.changed(
                "keywords",
                array(string(MAX_KEYWORD_CHARACTERS, shortest=1), MAX_KEYWORDS),
                old.keywords,
                None,
            ),
            languages=members.changed(
                "languages", array(LANGUAGE, MAX_LANGUAGES), old.languages, None
            ),
            delay=members.changed("delay", one_of(DELAYS), old.delay, None),
        )

    return read
