"""What a caption client asks of the server, as the query of its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from streamkit.errors import ConfigurationError

LISTEN_PATH = "/v1/listen"

_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}

_FIXED: dict[str, str] = {
    "encoding": "linear16",
    "channels": "1",
    "interim_results": "true",
    "vad_events": "true",
}


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Options of one stream of mono linear16 audio; None leaves the choice to the server.

    Attributes:
        sample_rate: samples per second of the audio that is sent.
        language: BCP-47 tag such as "en".
        model: a model name of the server.
        endpointing: milliseconds of silence that end an utterance, or False for never.
        utterance_end_ms: gap between words, in ms, after which `UtteranceEnd` is sent.
        extra: further query parameters; a sequence repeats its key.
    """

    sample_rate: int = 16000
    language: str | None = None
    model: str | None = None
    endpointing: int | Literal[False] | None = None
    utterance_end_ms: int | None = None
    extra: Mapping[str, str | Sequence[str]] = field(default_factory=dict)

    def url(self, server: str) -> str:
        """Return the WebSocket address for these options on `server`.

        Args:
            server: `ws://`, `wss://`, `http://` or `https://` and a host; `/v1/listen` is
                added where the address has no path of its own.

        Raises:
            ConfigurationError: the address is none, or `extra` sets what the client sets.
        """
        parts = urlsplit(server)
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None or not parts.hostname:
            raise ConfigurationError(
                f"{server!r} is no server address; give one like ws://127.0.0.1:8000 "
                "or wss://captions.example.org"
            )
        path = parts.path if parts.path.strip("/") else LISTEN_PATH
        query = "&".join(filter(None, [parts.query, urlencode(self._query(), doseq=True)]))
        return urlunsplit((scheme, parts.netloc, path, query, ""))

    def _query(self) -> dict[str, str | Sequence[str]]:
        asked: dict[str, object] = {
            "sample_rate": self.sample_rate,
            "language": self.language,
            "model": self.model,
            "endpointing": self.endpointing,
            "utterance_end_ms": self.utterance_end_ms,
        }
        clash = sorted(set(self.extra) & {*_FIXED, *asked})
        if clash:
            raise ConfigurationError(
                f"extra query parameters may not set {', '.join(clash)}: the client sets "
                "encoding, channels, interim_results and vad_events itself, and the others "
                "have options of their own"
            )
        chosen = {name: str(value) for name, value in asked.items() if value is not None}
        if self.endpointing is False:
            chosen["endpointing"] = "false"
        return {**_FIXED, **chosen, **self.extra}
