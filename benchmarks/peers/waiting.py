"""Knows when to leave a server that does not say that it has finished."""

from __future__ import annotations

import anyio


class Quiet:
    """Waits until nothing has been heard for some time.

    Args:
        seconds: how long that is.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._heard = anyio.current_time()

    def heard(self) -> None:
        """Something has come: the time counts from now."""
        self._heard = anyio.current_time()

    async def wait(self) -> None:
        """Return once it has been quiet, the time before this call not counted."""
        self.heard()
        while True:
            left = self._heard + self._seconds - anyio.current_time()
            if left <= 0:
                return
            await anyio.sleep(left)
