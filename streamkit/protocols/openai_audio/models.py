"""The names of models: those that are there, and OpenAI's, which stand for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from streamkit.protocols.deepgram.quoting import echo
from streamkit.protocols.openai_audio.errors import ApiError, Message

TRANSCRIPTION_ALIASES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "auto",
)
"""`gpt-4o-transcribe-diarize` is not among them: nobody here tells speakers apart."""

SPEECH_ALIASES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)
"""At the end of a name it says which version; there is but one of each here."""


def check_model(given: str, served: str, aliases: Iterable[str]) -> None:
    """The model that was asked for is the one that is served, or stands for it.

    Raises:
        ApiError: it is not.
    """
    if given != served and _DATE.sub("", given) not in aliases:
        raise ApiError(
            f"the model {echo(given)} does not exist here; accepted: {served}, or one of "
            f"{', '.join(aliases)}, which stand for it",
            status=404,
            param="model",
            code="model_not_found",
        )


def model_object(name: str, owner: str, **own: object) -> Message:
    """One model, as the SDKs read it. When it was made is not known, so `created` is 0.

    Args:
        name: of it.
        owner: who has made it.
        own: what is ours, told under `streamkit`.
    """
    model = {"id": name, "object": "model", "created": 0, "owned_by": owner}
    return {**model, "streamkit": own} if own else model


def model_list(models: Iterable[Message]) -> Message:
    """The answer to `GET /v1/models`."""
    return {"object": "list", "data": list(models)}


def find_model(given: str, models: Sequence[Message]) -> Message:
    """One of the models, by its own name or by one that stands for it.

    Args:
        given: as the client named it.
        models: the recognizer's, then the voice's, then those that reply.

    Raises:
        ApiError: there is none of that name.
    """
    recognizer, voice = models[:2]
    for model in models:
        if given == model["id"]:
            return model
    for model, aliases in ((recognizer, TRANSCRIPTION_ALIASES), (voice, SPEECH_ALIASES)):
        if _DATE.sub("", given) in aliases:
            return {**model, "id": given, "streamkit": {"stands_for": model["id"]}}
    names = (*(model["id"] for model in models), *TRANSCRIPTION_ALIASES, *SPEECH_ALIASES)
    raise ApiError(
        f"the model {echo(given)} does not exist here; accepted: {', '.join(dict.fromkeys(names))}",
        status=404,
        param="model",
        code="model_not_found",
    )
