"""The file of one voice: two arrays and what is known of their origin, as safetensors.

The format holds numbers and text and nothing that could be executed. A file of another origin is
checked in everything before its numbers are used.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.voices.errors import DamagedVoiceError, VoiceError

FORMAT: Final = "streamkit-voice"
VERSION: Final = "1"

MAX_FILE_BYTES: Final = 1 << 20
"""XTTS v2's arrays take 133 kB."""

MAX_TEXT_CHARACTERS: Final = 1000
MAX_CHANNELS: Final = 4096

_CONDITIONING: Final = "conditioning"
_SPEAKER: Final = "speaker"
_POSITIONS: Final = 32
_SPEAKER_SHAPE: Final = (1, 512, 1)
_LENGTH_BYTES: Final = 8
_LAST_TIME: Final = 253_402_300_799
"""The last second of the year 9999; calendars know none after it."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether the person who speaks in the recording has agreed.

    Attributes:
        given: they have.
        said_by: who or what said so, and in which words.
        at: Unix time of that, in seconds.
    """

    given: bool
    said_by: str
    at: int


@dataclass(frozen=True, slots=True)
class VoiceRecord:
    """What is known of a cloned voice beside what it sounds like.

    Attributes:
        name: as it was given; see `names.check_name`.
        model: that made it, and alone can speak with it, as in "xtts_v2".
        consent: of the person who speaks.
        created_at: Unix time in seconds.
        source_sha256: of the file that it was made of, in hexadecimal.
        source_seconds: of sound in it, as far as it was looked at.
        language: BCP 47 tag of the recording; None: it was not said.
    """

    name: str
    model: str
    consent: Consent
    created_at: int
    source_sha256: str
    source_seconds: float
    language: str | None = None


def write_voice(record: VoiceRecord, latents: VoiceLatents) -> bytes:
    """The content of a voice's file.

    Raises:
        DamagedVoiceError: the latents are none.
        VoiceError: safetensors is not installed.
    """
    check_latents(latents)
    arrays = {_CONDITIONING: latents.conditioning, _SPEAKER: latents.speaker}
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "name": record.name,
        "model": record.model,
        "language": record.language or "",
        "consent": "true" if record.consent.given else "false",
        "consent_said_by": record.consent.said_by[:MAX_TEXT_CHARACTERS],
        "consent_at": str(record.consent.at),
        "created_at": str(record.created_at),
        "source_sha256": record.source_sha256,
        "source_seconds": f"{record.source_seconds:.3f}",
    }
    _safetensors()
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata)


def read_voice(content: bytes) -> tuple[VoiceRecord, VoiceLatents]:
    """Take the content of a voice's file apart.

    Raises:
        DamagedVoiceError: it is no such file, or a damaged one.
        VoiceError: safetensors is not installed.
    """
    library = _safetensors()
    if len(content) > MAX_FILE_BYTES:
        raise DamagedVoiceError(
            f"the file has over {MAX_FILE_BYTES} bytes, which no voice has; {_ADVICE}"
        )
    try:
        tensors = dict(library.deserialize(content))
    except library.SafetensorError as error:
        raise DamagedVoiceError(
            f"the file is damaged, or not in the format safetensors ({error}); {_ADVICE}"
        ) from error
    # The library has checked the header, but gives its text only for files that it opens itself.
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
    record = _record(header.get("__metadata__") or {})
    latents = VoiceLatents(_array(tensors, _CONDITIONING), _array(tensors, _SPEAKER))
    check_latents(latents)
    return record, latents


def check_latents(latents: VoiceLatents) -> None:
    """Refuse arrays that no model of this family could have made.

    Raises:
        DamagedVoiceError: shapes or numbers are impossible.
    """
    conditioning, speaker = latents.conditioning, latents.speaker
    fits = (
        conditioning.ndim == 3
        and conditioning.shape[:2] == (1, _POSITIONS)
        and 1 <= conditioning.shape[2] <= MAX_CHANNELS
        and speaker.shape == _SPEAKER_SHAPE
    )
    if not fits:
        raise DamagedVoiceError(
            f"its arrays have the shapes {conditioning.shape} and {speaker.shape}; accepted: "
            f"(1, {_POSITIONS}, channels) and {_SPEAKER_SHAPE}; {_ADVICE}"
        )
    if conditioning.dtype != np.float32 or speaker.dtype != np.float32:
        raise DamagedVoiceError(
            f"its arrays hold {conditioning.dtype} and {speaker.dtype}; accepted: float32; "
            f"{_ADVICE}"
        )
    if not (np.isfinite(conditioning).all() and np.isfinite(speaker).all()):
        raise DamagedVoiceError(f"its arrays hold numbers that are none; {_ADVICE}")


_ADVICE: Final = "remove the voice, and add it again from its recording"


def _array(tensors: dict[str, Any], name: str) -> npt.NDArray[np.float32]:
    found = tensors.get(name)
    if found is None or found["dtype"] != "F32":
        kind = "is missing" if found is None else f"holds {found['dtype']}"
        raise DamagedVoiceError(f"its array {name} {kind}; accepted: float32; {_ADVICE}")
    return np.frombuffer(found["data"], "<f4").astype(np.float32).reshape(found["shape"])


def _record(metadata: dict[str, str]) -> VoiceRecord:
    if metadata.get("format") != FORMAT:
        raise DamagedVoiceError(
            f"the file was not written by `streamkit voices add`; accepted: those that were; "
            f"{_ADVICE}"
        )
    if metadata.get("version") != VERSION:
        raise DamagedVoiceError(
            f"the file has version {metadata.get('version', '')[:20]!r} of its format; accepted: "
            f"{VERSION}: update streamkit, or add the voice again from its recording"
        )
    try:
        return VoiceRecord(
            name=_text(metadata["name"]),
            model=_text(metadata["model"]),
            language=_text(metadata["language"]) or None,
            consent=Consent(
                given=metadata["consent"] == "true",
                said_by=_text(metadata["consent_said_by"]),
                at=_time(metadata["consent_at"]),
            ),
            created_at=_time(metadata["created_at"]),
            source_sha256=_text(metadata["source_sha256"]),
            source_seconds=_seconds(metadata["source_seconds"]),
        )
    except (KeyError, ValueError) as error:
        raise DamagedVoiceError(f"what the file says of itself is damaged; {_ADVICE}") from error


def _text(given: str) -> str:
    """As it may be shown: nothing in it can move a terminal's cursor."""
    return "".join(
        character if character.isprintable() else "\ufffd"
        for character in given[:MAX_TEXT_CHARACTERS]
    )


def _time(given: str) -> int:
    if not 0 <= (at := int(given)) <= _LAST_TIME:
        raise ValueError(f"there is no time {at}")
    return at


def _seconds(given: str) -> float:
    if not 0 <= (length := float(given)) < math.inf:
        raise ValueError(f"nothing takes {length} seconds")
    return length


def _safetensors() -> Any:
    try:
        import safetensors
    except ImportError as error:
        raise VoiceError(
            "cloned voices need the package safetensors; install it with "
            "`pip install 'streamkit[xtts]'`",
            "missing_package",
        ) from error
    return safetensors
