"""Names of voices as clients know them, and the built-in voices that stand for them.

Clients of OpenAI's protocols ask for voices by its names. espeak-ng cannot sound like those; each
gets a voice of its own, higher or lower as people describe the original, always the same one.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from streamkit.errors import SynthesisError
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.espeak_library import Engine

OPENAI_VOICES: Final = MappingProxyType(
    {
        "alloy": "en-us",
        "ash": "en-us+m3",
        "ballad": "en-gb-x-rp+m2",
        "coral": "en-us+f1",
        "echo": "en-us+m1",
        "fable": "en-gb-x-rp",
        "nova": "en-us+f2",
        "onyx": "en-us+m7",
        "sage": "en-us+f3",
        "shimmer": "en-us+f4",
        "verse": "en-us+m4",
        "marin": "en-us+f5",
        "cedar": "en-us+m8",
    }
)
"""OpenAI's name of a voice -> espeak-ng's."""

MAX_VOICE_CHARACTERS: Final = 64


class UnknownVoiceError(SynthesisError):
    """There is no voice of that name; the message says which there are."""


_ESPEAK: Final = EspeakSynthesizer()


def resolve_voice(name: str | None) -> str | None:
    """The voice that a client's name for it stands for, as `Synthesizer.synthesize` takes it.

    The first call loads espeak-ng, and each takes part in its turns (milliseconds while somebody
    speaks): call it in a worker thread.

    Args:
        name: one of `OPENAI_VOICES`, in any case, or a name of espeak-ng's such as "de" or
            "en-us+f2"; None: the default voice.

    Raises:
        UnknownVoiceError: there is no such voice.
        SynthesisError: espeak-ng cannot be loaded.
    """
    if name is None:
        return None
    known = OPENAI_VOICES.get(name.lower())
    if known is not None:
        return known
    others = f"; OpenAI's names are accepted too: {', '.join(OPENAI_VOICES)}"
    if not 0 < len(name) <= MAX_VOICE_CHARACTERS:
        raise UnknownVoiceError(
            f"a voice's name of {len(name)} characters was given; accepted: names of espeak-ng's "
            f"voices, as in en-us+f2 or de{others}"
        )
    Engine.load()  # if that fails, the name is not to blame
    try:
        # Nothing is spoken by this: a name is looked up among those that are installed.
        _ESPEAK.synthesize("", voice=name).close()
    except SynthesisError as error:
        raise UnknownVoiceError(f"{error}{others}") from error
    return name
