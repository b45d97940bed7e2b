"""Every setting and every bound, in one place.

Each field can be given as an environment variable `STREAMKIT_<FIELD>` (lists as JSON), in a
`.env` file, or by the option of the same name of `streamkit serve`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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

    # Bounds
    max_sessions: Count = Field(default=64, description="sessions at once; the next one gets 503")
    max_message_bytes: Count = Field(
        default=1 << 20, description="largest message; beyond: close 1009"
    )
    max_session_seconds: Seconds = Field(default=12 * 3600, description="longest session")
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
