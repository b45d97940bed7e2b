"""What an HTTP request is to the server while it is worked on: a session among the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from streamkit.protocols.openai_audio import ApiError
from streamkit.protocols.openai_audio.errors import SERVER_ERROR

RETRY_SECONDS = 2
"""After which a client that found all places taken may try again."""


class Job:
    """One request (a `Drainable`).

    When the server goes down, what has come whole is finished, as long as that takes no longer than
    `drain_timeout`; half a transcript would look like a whole one.
    """

    def __init__(self) -> None:
        self._reading = anyio.CancelScope()
        self._life = anyio.CancelScope()

    def drain(self) -> None:
        """Stop reading; finish what has been read."""
        self._reading.cancel()

    def abort(self) -> None:
        """Stop at once."""
        self._life.cancel()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around the reading of the request.

        Raises:
            ApiError: the server went down meanwhile.
        """
        with self._reading:
            yield
        if self._reading.cancelled_caught:
            raise going_down()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Around everything.

        Raises:
            ApiError: the server went down, and had no time left.
        """
        with self._life:
            yield
        if self._life.cancelled_caught:
            raise going_down()


def going_down() -> ApiError:
    """The server ends before the request is answered."""
    return ApiError(
        "the server is going down; try again later",
        status=503,
        code="service_unavailable",
        kind=SERVER_ERROR,
        retry_after=RETRY_SECONDS,
    )
