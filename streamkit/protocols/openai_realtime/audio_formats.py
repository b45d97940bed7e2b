"""How sound is written on the wire."""

from __future__ import annotations

import base64
from typing import Any, Literal, get_args

from streamkit.protocols.openai_realtime.errors import EventError
from streamkit.protocols.openai_realtime.fields import (
    Members,
    Reader,
    invalid_value,
    number,
    one_of,
    string,
)

Encoding = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)

RATES: dict[Encoding, int] = {"audio/pcm": 24_000, "audio/pcmu": 8000, "audio/pcma": 8000}
"""Hz. OpenAI's clients know no other rate for PCM."""

MAX_AUDIO_BYTES = 15 << 20
"""Of sound in one event, as OpenAI's limit; the server's own limit of a message may be lower."""


def encoding(current: Encoding) -> Reader[Encoding]:
    """Reader of a format; one that only names a rate keeps the current type."""

    def read(value: object, path: str) -> Encoding:
        if isinstance(value, str):
            raise EventError(
                f"{path} is a string, as in the beta; accepted: an object like "
                '{"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"} or '
                '{"type": "audio/pcma"}',
                code="invalid_type",
                param=path,
            )
        members = Members(value, path, ("type", "rate"))
        chosen = members.changed("type", one_of(ENCODINGS), current, current)
        rate = members.optional("rate", number(0, 1e9))
        if rate is not None and rate != RATES[chosen]:
            raise invalid_value(
                members.path("rate"), rate, f"{RATES[chosen]}; resample the sound to it"
            )
        return chosen

    return read


def format_wire(chosen: Encoding) -> dict[str, Any]:
    """A format as the server tells it."""
    if chosen == "audio/pcm":
        return {"type": chosen, "rate": RATES[chosen]}
    return {"type": chosen}


def sound(value: object, path: str) -> bytes:
    """Read sound in base64; what its bytes mean is another matter."""
    text = string()(value, path)
    # Four characters are three bytes: what is much too long is not decoded first.
    decoded = None if len(text) // 4 * 3 > MAX_AUDIO_BYTES + 3 else _decoded(text, path)
    if decoded is None or len(decoded) > MAX_AUDIO_BYTES:
        raise EventError(
            f"{path} holds more than {MAX_AUDIO_BYTES} bytes of sound; accepted: up to that; send "
            "it in several events",
            code="string_above_max_length",
            param=path,
        )
    return decoded


def _decoded(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise EventError(
            f"{path} is no base64; accepted: the bytes of the sound in base64, with padding",
            code="invalid_value",
            param=path,
        ) from None


def check_whole_samples(audio: bytes, chosen: Encoding, path: str = "audio") -> None:
    """Make sure that no sample is cut in two.

    Raises:
        EventError: it is PCM of an odd number of bytes.
    """
    if chosen == "audio/pcm" and len(audio) % 2:
        raise EventError(
            f"{path} holds {len(audio)} bytes of PCM; accepted: whole samples of two bytes; send "
            "the last byte together with the next one",
            code="invalid_value",
            param=path,
        )
