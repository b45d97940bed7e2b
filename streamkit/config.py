"""Every setting and every bound, in one place.

Each field can be given as an environment variable `STREAMKIT_<FIELD>` (lists as JSON), in a
`.env` file, or by the option of the same name of `streamkit serve`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """Settings of one server process."""

    model_config = SettingsConfigDict(
        env_prefix="STREAMKIT_", env_file=".env", extra="ignore", frozen=True
    )

    # Where it listens
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port; 0 takes a free one")
    tls_cert: Path | None = Field(
        default=None, description="certificate chain in PEM, the server's own first; makes it wss"
    )
    tls_key: Path | None = Field(default=None, description="its private key in PEM, not encrypted")
    tls_self_signed: bool = Field(
        default=False, description="make a certificate for this machine instead; development only"
    )

    # Who may come in
    api_keys: tuple[SecretStr, ...] = Field(
        default=(), description="accepted keys; none: everybody"
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        description="exact origins of web pages that may connect, https://example.org, say",
    )
    allow_missing_origin: bool = Field(
        default=True, description="accept clients that are no browser and send no Origin"
    )

    # The recognizer
    model: str = Field(default="auto", description="name, directory, or auto")
    device: str = Field(default="auto", description="auto, cpu or cuda")
    compute_type: str = Field(default="default", description="CTranslate2 type: int8, float16, …")
    threads: Count | None = Field(
        default=None, description="CPU threads of one decoding; default: as fits the machine"
    )
    workers: Count | None = Field(
        default=None, description="decodings at once; default: as fits the machine"
    )
    pass_timeout: Seconds = Field(
        default=30, description="seconds after which a decoding is given up, and tried once more"
    )

    # How captions behave
    endpointing: float = Field(
        default=0.3,
        ge=0.1,
        le=30,
        description="silence in seconds after which an utterance is over",
    )
    partial_interval: float = Field(
        default=0.25, ge=0.1, le=10, description="new speech in seconds between two partials"
    )
    vad_threshold: float = Field(
        default=0.5, ge=0.05, le=0.95, description="probability that is speech"
    )

    # The conversation
    llm_url: str | None = Field(
        default=None,
        description="base URL of an OpenAI-compatible endpoint; none: the parrot replies",
    )
    llm_model: str | None = Field(default=None, description="the endpoint's name of the model")
    llm_models: tuple[str, ...] = Field(
        default=(), description="further models of the endpoint, which clients may ask for by name"
    )
    llm_api_key: SecretStr | None = Field(default=None, description="the endpoint's key")
    llm_context_tokens: Count = Field(
        default=4096, description="tokens that the model can hold; older turns are left out"
    )
    turn_model: Path | None = Field(
        default=None,
        description="network that hears whether a turn is over (ONNX); none: the words decide",
    )
    voice: str | None = Field(
        default=None, description="voice of clients that ask for none; default: the engine's"
    )
    tts: str = Field(
        default="espeak",
        description="who speaks: espeak, xtts_v2, kokoro, or a directory with weights",
    )
    tts_device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where the voice's model runs; auto: cuda if there is one"
    )
    tts_precision: Literal["auto", "int8", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="of the weights of XTTS; auto: what is fastest on the device"
    )
    tts_threads: Count | None = Field(
        default=None, description="CPU threads of the voice's model; default: as fits the machine"
    )
    tts_seed: int | None = Field(
        default=None,
        ge=0,
        lt=1 << 32,
        description="the same text then sounds the same each time; default: never twice the same",
    )
    trace: Path | None = Field(
        default=None,
        description="file that gets a line of JSON for each chunk, hypothesis, turn and response",
    )
    trace_words: bool = Field(
        default=False, description="write there too what was said; else ids, times and codes only"
    )
    otel: bool = Field(
        default=False,
        description="send spans to OpenTelemetry, as the OTEL_* variables say; extra [otel]",
    )

    record: Path | None = Field(
        default=None, description="folder in which every session is kept with sound and words"
    )

    # Bounds
    max_sessions: Count = Field(default=64, description="sessions at once; the next one gets 503")
    max_client_secrets: Count = Field(
        default=1000, description="client secrets valid at once; the next one gets 429"
    )
    max_client_secret_bytes: Count = Field(
        default=1 << 16, description="largest request for one; its session is kept that long"
    )
    max_message_bytes: Count = Field(
        default=1 << 20, description="largest message; beyond: close 1009"
    )
    max_event_bytes: Count = Field(
        default=1 << 24,
        description="largest event of a conversation; its sound is in it, in base64",
    )
    max_session_seconds: Seconds = Field(default=12 * 3600, description="longest session")
    max_conversation_seconds: Seconds = Field(
        default=3600, description="longest conversation; its client may be silent all that time"
    )
    max_item_seconds: Seconds = Field(
        default=300, description="sound in items of a conversation that waits to be recognized"
    )
    max_upload_bytes: Count = Field(
        default=1 << 27, description="largest form with a sound file; beyond: 413"
    )
    upload_timeout: Seconds = Field(default=600, description="seconds that it may take to come")
    max_file_seconds: Seconds = Field(
        default=4 * 3600, description="sound in one file; a small one can unpack to a lot"
    )
    file_threads: Count = Field(
        default=2, description="sound files that are unpacked at once; live sessions have the rest"
    )
    synthesis_threads: Count = Field(default=4, description="texts that are spoken at once")
    tts_batch: Count = Field(
        default=16, le=256, description="sentences that XTTS speaks at once; the next ones wait"
    )
    tts_queue: Count = Field(
        default=256, description="sentences of XTTS that may be open; the next one fails at once"
    )
    tts_memory_limit: Count | None = Field(
        default=None,
        description="bytes of the voice's process; beyond them it is replaced; default: none",
    )
    tts_start_timeout: Seconds = Field(
        default=300, description="seconds in which the voice's model has to be loaded and warm"
    )
    tts_heartbeat_timeout: Seconds = Field(
        default=30,
        description="seconds without a word of the voice's process after which it is replaced",
    )
    synthesis_timeout: Seconds = Field(
        default=30, description="seconds after which a voice that says nothing is given up"
    )
    max_voices: Count = Field(default=200, description="cloned voices; the next one is refused")
    max_voice_bytes: Count = Field(
        default=10 << 20, description="largest recording that a voice is made of; beyond: 413"
    )
    clone_timeout: Seconds = Field(
        default=120, description="seconds that making a voice may take, with those before it"
    )
    idle_timeout: Seconds = Field(default=10, description="seconds without audio or KeepAlive")
    max_speed: float = Field(
        default=50,
        ge=1,
        description="audio seconds per second that one client may send in the long run",
    )
    audio_burst: Seconds = Field(default=60, description="audio seconds that it may send at once")
    ring_seconds: float = Field(
        default=45, ge=40, description="audio kept per channel; the longest window is 28 s"
    )
    record_max_bytes: Count = Field(
        default=1 << 28, description="of one recorded session; beyond, it is not recorded on"
    )
    outbox_messages: Count = Field(
        default=256, description="finals that may wait for a slow reader"
    )
    send_timeout: Seconds = Field(
        default=20, description="seconds that a reader may take for a message"
    )
    finish_timeout: Seconds = Field(
        default=60, description="seconds for decoding what was heard last"
    )
    drain_timeout: Seconds = Field(default=10, description="seconds for the last words at shutdown")

    # Files
    cache: Path | None = Field(
        default=None, description="folder for models; default: the user's cache"
    )
    voices: Path | None = Field(
        default=None, description="folder for cloned voices; default: beside the folder for models"
    )
