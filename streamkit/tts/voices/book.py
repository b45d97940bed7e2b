"""Who speaks when a client names a voice: a built-in speaker, a cloned voice, or nobody.

The order is fixed: a model's own speakers, then OpenAI's names, then cloned voices. So no file that
somebody puts into the folder changes what another name means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.voice_names import OPENAI_VOICES, UnknownVoiceError
from streamkit.tts.voices.names import key_of, shown
from streamkit.tts.voices.store import VoiceStore

RESERVED_NAMES: Final = (*OPENAI_VOICES, "default")
"""Names that mean something else already, whatever the model; `default` is no voice in particular,
for clients that have to name one."""

XTTS_STAND_INS: Final = MappingProxyType(
    {
        "alloy": ("Claribel Dervla", "Brenda Stern"),
        "ash": ("Andrew Chipper", "Aaron Dreschner"),
        "ballad": ("Royston Min", "Torcull Diarmuid"),
        "coral": ("Gracie Wise", "Alison Dietlinde"),
        "echo": ("Viktor Eka", "Viktor Menelaos"),
        "fable": ("Dionisio Schuyler", "Abrahan Mack"),
        "nova": ("Nova Hogarth", "Tammie Ema"),
        "onyx": ("Damien Black", "Baldur Sanjin"),
        "sage": ("Sofia Hellen", "Henriette Usha"),
        "shimmer": ("Daisy Studious", "Tanja Adelina"),
        "verse": ("Craig Gutsy", "Ilkin Urbano"),
        "marin": ("Ana Florence", "Annmarie Nele"),
        "cedar": ("Gilberto Mathias", "Badr Odhiambo"),
    }
)
"""OpenAI's name of a voice -> speakers of XTTS v2 that may stand for it, best first.

They cannot sound like the originals. Women stand for voices that people describe as a woman's, men
for those of men; alloy is described as neither.
"""

_SHOWN_NAMES: Final = 8


def stand_ins(
    speakers: Sequence[str], wanted: Mapping[str, Sequence[str]] = XTTS_STAND_INS
) -> dict[str, str]:
    """OpenAI's name of a voice -> the speaker that stands for it, always the same one.

    A name whose speakers the model lacks gets the first speaker that stands for none yet; when all
    of them do, they are gone through again.

    Args:
        speakers: of the model, in any order.
        wanted: speakers for OpenAI's names, best first.

    Returns:
        All of OpenAI's names, or none where there is no speaker.
    """
    if not speakers:
        return {}
    here = {key_of(speaker): speaker for speaker in sorted(speakers)}
    chosen: dict[str, str] = {}
    for name in OPENAI_VOICES:
        found = (here.get(key_of(speaker)) for speaker in wanted.get(name, ()))
        first = next((each for each in found if each and each not in chosen.values()), None)
        if first is not None:
            chosen[name] = first
    free = [speaker for speaker in here.values() if speaker not in chosen.values()]
    others = [*free, *(speaker for speaker in here.values() if speaker not in free)]
    left = [name for name in OPENAI_VOICES if name not in chosen]
    chosen |= {name: others[index % len(others)] for index, name in enumerate(left)}
    return {name: chosen[name] for name in OPENAI_VOICES}


class VoiceBook:
    """Finds voices by name, in any case; any thread may call anything.

    Args:
        speakers: that are built into the model.
        store: of cloned voices.
        model: which is loaded; voices of other models are not for it.
        wanted: see `stand_ins`.
    """

    def __init__(
        self,
        speakers: Sequence[str],
        store: VoiceStore,
        model: str,
        wanted: Mapping[str, Sequence[str]] = XTTS_STAND_INS,
    ) -> None:
        self._speakers = tuple(sorted(speakers))
        self._store = store
        self._model = model
        self._built_in = {key_of(speaker): speaker for speaker in self._speakers}
        for name, speaker in stand_ins(self._speakers, wanted).items():
            self._built_in.setdefault(key_of(name), speaker)

    @property
    def reserved(self) -> tuple[str, ...]:
        """Names that no cloned voice may have."""
        return (*self._speakers, *RESERVED_NAMES)

    def names(self) -> list[str]:
        """What can be asked for beside OpenAI's names: speakers, then cloned voices.

        Raises:
            VoiceFolderError: the folder of voices cannot be read.
            VoiceError: safetensors is not installed.
        """
        records, _ = self._store.voices()
        cloned = [
            record.name
            for record in records
            if record.model == self._model and key_of(record.name) not in self._built_in
        ]
        return [*self._speakers, *cloned]

    def find(self, name: str) -> str:
        """The name of a voice as it is kept: of a speaker, or of a cloned voice.

        Raises:
            UnknownVoiceError: there is none; the message names some that there are.
            VoiceError: the voice's file, or the folder, cannot be used.
        """
        speaker = self._built_in.get(key_of(name))
        if speaker is not None:
            return speaker
        record = self._store.find(name)
        if record is None:
            raise UnknownVoiceError(f"there is no voice {shown(name)}; {self._accepted()}")
        if record.model != self._model:
            raise UnknownVoiceError(
                f"the voice {record.name} was made by the model {shown(record.model)}, and "
                f"{self._model} is loaded; add it again with that one; {self._accepted()}"
            )
        return record.name

    def voice(self, name: str) -> str | VoiceLatents:
        """What speaks: the name of a built-in speaker, or what is kept of a cloned voice.

        Raises:
            UnknownVoiceError: there is none; the message names some that there are.
            VoiceError: the voice's file, or the folder, cannot be used.
        """
        found = self.find(name)
        if key_of(found) in self._built_in:
            return found
        latents = self._store.latents(found)
        if latents is None:
            raise UnknownVoiceError(f"the voice {found} was just removed; {self._accepted()}")
        return latents

    def _accepted(self) -> str:
        some = [*self._speakers[:_SHOWN_NAMES], *self._store.names()[:_SHOWN_NAMES]]
        more = f"OpenAI's names ({', '.join(OPENAI_VOICES)})" if self._speakers else ""
        listed = ", ".join([*some, more] if more else some)
        return f"some that work: {listed}" if listed else "there is none at all"
