"""What a caption benchmark asks of a system under test, whoever wrote it.

A system is a server in a process of its own and a client that speaks its protocol. The benchmark
paces the audio and takes the time; the client only passes on what a viewer would see.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

RATE = 16_000
"""Hz of all audio: mono int16, little endian."""

CHUNK_SAMPLES = 1600
"""100 ms: what one message holds."""

Show = Callable[[str, str], None]
"""Takes all text so far that the system calls final, and the text after it that may change."""


class UnavailableError(Exception):
    """The system is not installed here; the text says how it is."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What all systems of one run are given alike.

    Attributes:
        model: directory of a CTranslate2 Whisper model.
        threads: CPU threads of one decoding.
        cores: numbers of the CPU cores that the server may use.
    """

    model: Path
    threads: int
    cores: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs.

    Attributes:
        url: where its clients connect.
        process: its process; what it costs is counted with all its children.
    """

    url: str
    process: psutil.Process


class System(Protocol):
    """One system under test."""

    @property
    def name(self) -> str:
        """For tables."""
        ...

    def version(self) -> str:
        """Of what is installed.

        Raises:
            UnavailableError: nothing is.
        """
        ...

    def serve(self, setup: Setup) -> AbstractContextManager[Served]:
        """Start the server; entered once it takes clients, left once it is gone.

        Raises:
            UnavailableError: it is not installed.
        """
        ...

    async def converse(self, url: str, audio: AsyncIterator[bytes], show: Show) -> None:
        """Send the audio as it comes, tell what is to be seen, return when all has been said.

        Args:
            url: of the server.
            audio: messages of `CHUNK_SAMPLES` samples at most, in real time.
            show: called whenever what a viewer sees has changed.
        """
        ...
