"""The voices of Kokoro v1.0: which of them speak what, and whom OpenAI's names stand for.

The first letter of a name is the language, the second "f" or "m". Japanese and Mandarin are not
offered: espeak-ng reads Kanji as "Chinese letter", and loses the tones of Mandarin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from streamkit.errors import SynthesisError
from streamkit.tts.synthesizer import Voice

DEFAULT_LANGUAGE: Final = "en-us"


@dataclass(frozen=True, slots=True)
class Language:
    """A language that some voices speak.

    Attributes:
        tag: BCP 47 in lower case.
        espeak: the same for espeak-ng, which makes the phonemes.
        name: for people.
        favourite: the voice that is best, by the grades that the model's author gave.
    """

    tag: str
    espeak: str
    name: str
    favourite: str


LANGUAGES: Final = MappingProxyType(
    {
        "a": Language("en-us", "en-us", "American English", "af_heart"),
        "b": Language("en-gb", "en-gb", "British English", "bf_emma"),
        "e": Language("es", "es", "Spanish", "ef_dora"),
        "f": Language("fr-fr", "fr-fr", "French", "ff_siwis"),
        "h": Language("hi", "hi", "Hindi", "hf_alpha"),
        "i": Language("it", "it", "Italian", "if_sara"),
        "p": Language("pt-br", "pt-br", "Brazilian Portuguese", "pf_dora"),
    }
)
"""By the first letter of the voices' names."""

OPENAI_VOICES: Final = MappingProxyType(
    {
        "alloy": "af_alloy",
        "ash": "am_michael",
        "ballad": "bm_george",
        "coral": "af_bella",
        "echo": "am_echo",
        "fable": "bm_fable",
        "nova": "af_nova",
        "onyx": "am_onyx",
        "sage": "af_sarah",
        "shimmer": "af_sky",
        "verse": "am_puck",
        "marin": "af_heart",
        "cedar": "am_fenrir",
    }
)
"""OpenAI's name of a voice -> Kokoro's."""


def language_of(voice: str) -> Language | None:
    """The language that a voice speaks; None: one that is not offered."""
    return LANGUAGES.get(voice[:1]) if voice[2:3] == "_" else None


def describe(names: Sequence[str]) -> list[Voice]:
    """Those of some voices that are offered, sorted by name."""
    voices = []
    for name in sorted(names):
        language = language_of(name)
        if language is not None:
            kind = {"f": "female", "m": "male"}.get(name[1], "")
            person = name[3:].replace("_", " ").title()
            voices.append(Voice(name, language.tag, f"{person}, {language.name}, {kind}"))
    return voices


def choose(voice: str | None, language: str | None, names: Sequence[str]) -> str:
    """Find the voice for what was asked for.

    Args:
        voice: its name; None: the favourite of the language.
        language: BCP 47 tag; None: American English. Not looked at when there is a voice.
        names: of the voices that there are.

    Raises:
        SynthesisError: no voice has that name, or none speaks the language.
    """
    offered = [each.name for each in describe(names)]
    if not offered:
        raise SynthesisError(
            "the file of voices holds none that can be offered: `streamkit models pull kokoro`"
        )
    if voice is not None:
        if voice in offered:
            return voice
        reason = "unknown kokoro voice"
        if voice in names:
            reason = "the phonemes of its language cannot be made, so it is not offered: the voice"
        raise SynthesisError(f"{reason} {voice!r}; some that work: {_some(offered)}")
    wanted = (language or DEFAULT_LANGUAGE).lower().replace("_", "-")
    # "en-au" and "en" are spoken by the first that speaks some English, "pt" by the Brazilian.
    for same in (lambda tag: tag == wanted, lambda tag: _base(tag) == _base(wanted)):
        for each in LANGUAGES.values():
            if same(each.tag):
                speaking = [name for name in offered if language_of(name) == each]
                if speaking:
                    return each.favourite if each.favourite in speaking else speaking[0]
    tags = sorted({each.language for each in describe(names)})
    raise SynthesisError(
        f"no kokoro voice speaks {language!r}; some languages that work: {', '.join(tags)}"
    )


def _base(tag: str) -> str:
    return tag.partition("-")[0]


def _some(offered: Sequence[str]) -> str:
    favourites = [each.favourite for each in LANGUAGES.values() if each.favourite in offered]
    return ", ".join(favourites or offered[:8])
