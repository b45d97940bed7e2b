"""A speech model in a process of its own, behind the Synthesizer Protocol."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from streamkit.errors import SynthesisError
from streamkit.tts.arguments import check_arguments
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.synthesizer import Voice
from streamkit.tts.worker.jobs import Sentence
from streamkit.tts.worker.messages import Speak
from streamkit.tts.worker.sentences import Prepare, PreparedSentence
from streamkit.tts.worker.speakers import find_speaker, list_speakers
from streamkit.tts.worker.stream import WorkerStream
from streamkit.tts.worker.supervisor import Supervisor

MIN_SPEED: Final = 0.5
MAX_SPEED: Final = 2.0
DEFAULT_LANGUAGE: Final = "en"
SEED_BYTES: Final = 4
NAMED_IN_ERRORS: Final = 8

_UNSPEAKABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
"""Characters that no tokenizer takes; each becomes a blank, so that all others stay in place."""

FindVoice = Callable[[str], "str | VoiceLatents"]
"""From a name to what the model takes; raises SynthesisError."""


class WorkerSynthesizer:
    """Speaks with the model of a `Supervisor`.

    Args:
        supervisor: whose process speaks.
        prepare: makes sentences of a text.
        default_voice: who speaks when nobody is named; None: the model's first speaker.
        find_voice: what a name stands for; None: the model's speakers only.
        voices: all that `find_voice` knows; None: the model's speakers.
        languages: that the model speaks, as in "en"; None: as it says itself, which loads it.
        speeds: the lowest and the highest.
        seed: what the sound depends on beside the arguments; None: another one for every stream.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        prepare: Prepare,
        *,
        default_voice: str | None = None,
        find_voice: FindVoice | None = None,
        voices: Callable[[], Sequence[Voice]] | None = None,
        languages: Sequence[str] | None = None,
        speeds: tuple[float, float] = (MIN_SPEED, MAX_SPEED),
        seed: int | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._prepare = prepare
        self._default_voice = default_voice
        self._find_voice = find_voice
        self._voices = voices
        self._languages = languages
        self._speeds = speeds
        self._seed = seed

    @property
    def supervisor(self) -> Supervisor:
        """Whose process speaks."""
        return self._supervisor

    def synthesize(
        self,
        text: str,
        *,
        voice: str | None = None,
        language: str | None = None,
        speed: float = 1.0,
    ) -> WorkerStream:
        """Begin to speak; see `Synthesizer.synthesize`.

        Args:
            text: at most `arguments.MAX_TEXT_CHARACTERS` characters.
            voice: a name out of `voices`; each speaks all languages.
            language: BCP 47 tag, of which the language counts; None: `DEFAULT_LANGUAGE`.
            speed: within `speeds`.

        Raises:
            SynthesisError: an argument is not accepted, or the voice cannot be had at all.
        """
        check_arguments(text, speed, *self._speeds)
        self._supervisor.start()
        spoken = self._find_language(language)
        who = self._find(voice)
        seed = secrets.randbits(8 * SEED_BYTES) if self._seed is None else self._seed
        sentences = self._prepare(_UNSPEAKABLE.sub(" ", text), spoken)
        return WorkerStream(
            [
                partial(self._begin, sentence, spoken, who, speed, derive_seed(seed, number))
                for number, sentence in enumerate(sentences)
                if sentence.text.strip()
            ]
        )

    def voices(self) -> Sequence[Voice]:
        """All voices, sorted by name.

        Raises:
            SynthesisError: the model cannot be loaded.
        """
        if self._voices is not None:
            return sorted(self._voices(), key=lambda voice: voice.name)
        return list_speakers(self._supervisor.info())

    def close(self) -> None:
        """End the process; streams end with it."""
        self._supervisor.close()

    def _begin(
        self,
        sentence: PreparedSentence,
        language: str,
        voice: str | VoiceLatents,
        speed: float,
        seed: int,
    ) -> Sentence:
        speak = Speak(0, sentence.text, sentence.words, language, voice, speed, seed)
        return self._supervisor.speak(speak)

    def _find(self, name: str | None) -> str | VoiceLatents:
        name = name or self._default_voice
        if name is not None and self._find_voice is not None:
            return self._find_voice(name)
        info = self._supervisor.info()
        if name is not None:
            return find_speaker(info, name)
        if not info.speakers:
            raise SynthesisError(
                f"{info.name} brings no voices along, so one has to be named: add one from a "
                "recording first"
            )
        return info.speakers[0]

    def _find_language(self, tag: str | None) -> str:
        languages = self._languages
        if languages is None:
            languages = self._supervisor.info().languages
        wanted = (tag or DEFAULT_LANGUAGE).lower().replace("_", "-")
        while wanted not in languages and "-" in wanted:
            wanted = wanted.rpartition("-")[0]
        if wanted not in languages:
            some = ", ".join(languages[:NAMED_IN_ERRORS])
            raise SynthesisError(
                f"this voice does not speak {tag or DEFAULT_LANGUAGE!r}; some languages that "
                f"work: {some}"
            )
        return wanted


def derive_seed(seed: int, number: int) -> int:
    """The seed of one sentence of a stream; others for others, the same for the same."""
    digest = hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=SEED_BYTES)
    return int.from_bytes(digest.digest(), "big")
