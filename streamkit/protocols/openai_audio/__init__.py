"""OpenAI's audio endpoints (`/v1/audio/…`, `/v1/models`), as its SDKs speak them.

Pure: bodies and form fields in, requests out; outputs of a caption session in, answers and events
out. Read off openai 3.54 (Python).
"""

from __future__ import annotations

from streamkit.protocols.openai_audio.collect import Collector, Passage
from streamkit.protocols.openai_audio.errors import ApiError, Message, missing
from streamkit.protocols.openai_audio.models import find_model, model_list, model_object
from streamkit.protocols.openai_audio.replies import Heard, reply, text_delta, text_done
from streamkit.protocols.openai_audio.speech import (
    SpeechRequest,
    audio_delta,
    audio_done,
    parse_speech,
)
from streamkit.protocols.openai_audio.transcription import (
    MAX_FIELDS,
    Chunking,
    TranscriptionRequest,
    parse_transcription,
)
from streamkit.protocols.openai_audio.voices import (
    VoiceRequest,
    no_consents,
    parse_voice,
    voice_deleted,
    voice_list,
    voice_not_found,
    voice_object,
)

__all__ = [
    "MAX_FIELDS",
    "ApiError",
    "Chunking",
    "Collector",
    "Heard",
    "Message",
    "Passage",
    "SpeechRequest",
    "TranscriptionRequest",
    "VoiceRequest",
    "audio_delta",
    "audio_done",
    "find_model",
    "missing",
    "model_list",
    "model_object",
    "no_consents",
    "parse_speech",
    "parse_transcription",
    "parse_voice",
    "reply",
    "text_delta",
    "text_done",
    "voice_deleted",
    "voice_list",
    "voice_not_found",
    "voice_object",
]
