"""streamkit under its own benchmark: the server as people start it, `/v1/listen` spoken raw."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
from websockets.asyncio.client import ClientConnection, connect

import streamkit
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.errors import ConfigurationError
from streamkit_benchmarks.launch import launched
from streamkit_benchmarks.systems import RATE, Served, Setup, Show

if TYPE_CHECKING:
    from streamkit.config import Settings
    from streamkit.session.effects import Transcript

ENDPOINTING = 0.3
"""Seconds of silence that end an utterance: what the query asks for."""

QUERY = (
    f"/v1/listen?encoding=linear16&sample_rate={RATE}&interim_results=true"
    f"&endpointing={round(ENDPOINTING * 1000)}"
)
READY = r"captions (ws://\S+)/v1/listen"
CLOSE = json.dumps({"type": "CloseStream"})


@dataclass(frozen=True, slots=True)
class ShownWord:
    """A word of a transcript; times in seconds of the stream."""

    text: str
    start: float
    end: float


@dataclass(slots=True)
class Screen:
    """What a viewer of the transcripts sees.

    Attributes:
        committed: text that will not change: finals, and committed words of the interim.
        tentative: what follows it.
    """

    committed: str = ""
    tentative: str = ""
    _text: str = ""
    _interim: Sequence[ShownWord] = ()
    _committed: int = 0

    def see(self, output: Transcript) -> None:
        """Take in a transcript of a session, as it would come over the wire."""
        words = [
            ShownWord(word.text, word.start / SAMPLE_RATE, word.end / SAMPLE_RATE)
            for word in output.words
        ]
        self.take(words, output.committed, is_final=output.is_final, end=output.end / SAMPLE_RATE)

    def take(
        self, words: Sequence[ShownWord], committed: int, *, is_final: bool, end: float
    ) -> None:
        """Take in a transcript.

        Args:
            words: of its range.
            committed: how many of them will never change.
            is_final: the range is closed, and the next transcript begins at its end.
            end: of its range, in seconds.
        """
        if is_final:
            said = " ".join(word.text for word in words)
            self._text = f"{self._text} {said}".strip()
            # The interim words behind the range stay on the screen until the next interim.
            rest = self._interim[len(words) :]
            if [word.text for word in self._interim[: len(words)]] != [w.text for w in words]:
                rest = [word for word in self._interim if (word.start + word.end) / 2 >= end]
            self._committed = max(0, self._committed - (len(self._interim) - len(rest)))
            self._interim = rest
        else:
            self._interim, self._committed = words, committed
        settled = " ".join(word.text for word in self._interim[: self._committed])
        self.committed = f"{self._text} {settled}".strip()
        self.tentative = " ".join(word.text for word in self._interim[self._committed :])


def server_settings(pairs: Sequence[str]) -> Settings:
    """The settings of a server that is told these, each "NAME=VALUE" with a value in JSON or text.

    Raises:
        ConfigurationError: a pair is none, or its name or value cannot be used.
    """
    from streamkit.commands.serve import read_settings

    given: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise ConfigurationError(f"the setting {pair!r} has no value: write it as NAME=VALUE")
        try:
            given[name.strip()] = json.loads(value)
        except ValueError:
            given[name.strip()] = value
    return read_settings(given)


@dataclass(frozen=True, slots=True)
class StreamkitSystem:
    """Our server.

    Attributes:
        model: as the server is told it, a name or a directory; None: the directory that all
            systems are given. A name brings the model's own profile along.
        settings: further ones, each "NAME=VALUE".
    """

    model: str | None = None
    settings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For tables."""
        return "streamkit"

    def version(self) -> str:
        """Of this package."""
        return streamkit.__version__

    @contextmanager
    def serve(self, setup: Setup) -> Iterator[Served]:
        """Start `streamkit serve` on a free port."""
        command = [
            sys.executable, "-m", "streamkit.cli", "serve", "--port", "0",
            "--model", self.model or str(setup.model), "--threads", str(setup.threads),
            "--log-level", "warning",
        ]  # fmt: skip
        for setting in self.settings:
            command += ["--set", setting]
        with launched(command, READY) as (process, ready):
            yield Served(ready[1], process)

    async def converse(self, url: str, audio: AsyncIterator[bytes], show: Show) -> None:
        """Send the audio, show each transcript as it comes, until the server has hung up."""
        async with (
            connect(url + QUERY, compression=None) as socket,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_listen, socket, show)
            async for message in audio:
                await socket.send(message)
            await socket.send(CLOSE)


async def _listen(socket: ClientConnection, show: Show) -> None:
    screen = Screen()
    async for message in socket:
        event: dict[str, Any] = json.loads(message)
        if event["type"] != "Results":
            continue
        words = [
            ShownWord(word["punctuated_word"], word["start"], word["end"])
            for word in event["channel"]["alternatives"][0]["words"]
        ]
        screen.take(
            words,
            event["streamkit"]["committed"],
            is_final=event["is_final"],
            end=event["start"] + event["duration"],
        )
        show(screen.committed, screen.tentative)
