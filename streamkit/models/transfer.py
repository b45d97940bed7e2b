"""Bringing single files over HTTP: continued where they stopped, tried again, and checked.

It knows nothing of models: what is to come, and from where, is for `hub` and `releases` to say.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

import httpx

from streamkit.errors import ModelError
from streamkit.models.listing import RemoteFile

TIMEOUT: Final = httpx.Timeout(connect=10.0, read=30.0, write=10.0, pool=10.0)
MAX_ATTEMPTS: Final = 4
"""Tries in a row that bring nothing, before a request is given up."""
FIRST_PAUSE: Final = 0.5
"""Seconds before the second try; doubles with each further one."""
PROGRESS_BYTES: Final = 1 << 20
"""A try that brings this much does not count as failed, so a bad line gets through in the end."""

_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_T = TypeVar("_T")


class UnreachableError(ModelError):
    """The server does not answer, or keeps failing."""


class _TransientError(Exception):
    """Worth another try."""


class Transfer:
    """One connection to a server of files, to be used as a context manager, by one thread."""

    def __init__(self, mirror: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Connect to nothing yet.

        Args:
            mirror: how a person names another server, for messages: "HF_ENDPOINT".
            sleep: waits between tries.
        """
        self._mirror = mirror
        self._sleep = sleep
        # Compressed answers cannot be resumed.
        headers = {"user-agent": "streamkit", "accept-encoding": "identity"}
        self._client = httpx.Client(follow_redirects=True, timeout=TIMEOUT, headers=headers)

    def __enter__(self) -> Transfer:
        """Return the transfer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._client.close()

    def download(
        self,
        url: str,
        file: RemoteFile,
        part: Path,
        on_size: Callable[[int], None],
    ) -> None:
        """Complete a partial file, and check it against the hash.

        The address is that of one version and `part` belongs to one hash, so what is there
        already is the beginning of the same content. Should it not be after all, the hash tells,
        and the file is downloaded anew, once.

        Args:
            url: of the file.
            file: what is to lie there.
            part: what there is so far, if anything; holds the whole file afterwards.
            on_size: called with the size of `part` now and then; it may shrink.

        Raises:
            UnreachableError: no answer, or none without a failure; `part` keeps what came.
            ModelError: the content is not that of the hash, the disk is full, or the file is
                not there.
        """
        resumed = False

        def size() -> int:
            return part.stat().st_size if part.is_file() else 0

        def receive() -> None:
            nonlocal resumed
            resumed = resumed or size() > 0
            self._receive(url, file, part, on_size)

        while True:
            self._retry(url, receive, size)
            if size() == file.size and file.matches(part):
                return
            part.unlink()
            if not resumed:
                raise ModelError(
                    f"{url} does not have the content that its publisher promises "
                    f"({file.size} bytes, {file.algorithm} {file.digest}); nothing of it was "
                    "kept. Something on the way changes it, a proxy perhaps: try again, or "
                    f"another mirror through {self._mirror}"
                )
            resumed = False

    def _receive(
        self, url: str, file: RemoteFile, part: Path, on_size: Callable[[int], None]
    ) -> None:
        have = part.stat().st_size if part.is_file() else 0
        on_size(have)
        if have >= file.size > 0:
            return
        headers = {"range": f"bytes={have}-"} if have else {}
        with self._client.stream("GET", url, headers=headers) as response:
            if have and (
                response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE
                or not _continues(response, have)
            ):
                part.unlink()
                raise _TransientError(f"{response.status_code} for the rest of the file")
            self._check_status(response)
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            have = have if resumed else 0
            try:
                with part.open("ab" if resumed else "wb") as output:
                    for block in response.iter_bytes():
                        output.write(block)
                        have += len(block)
                        on_size(have)
                        if have > file.size:
                            return  # not the file that was promised, whatever comes next
                    output.flush()
                    os.fsync(output.fileno())
            except OSError as error:
                raise _disk_error(error, part) from error
        # Where the answer has a length, httpx has compared: then the file is just another one.
        if have < file.size and not _has_length(response):
            raise _TransientError(f"the connection ended after {have} of {file.size} bytes")

    def get_json(self, url: str) -> Any:
        """What is said at an address.

        Raises:
            UnreachableError: no answer.
            ModelError: there is nothing, or no JSON.
        """

        def get() -> Any:
            response = self._client.get(url)
            self._check_status(response)
            return response.json()

        try:
            return self._retry(url, get, lambda: 0)
        except ValueError as error:
            raise ModelError(
                f"{url} answers something that is no JSON; is a login page or a proxy in between?"
            ) from error

    def _retry(self, url: str, request: Callable[[], _T], size: Callable[[], int]) -> _T:
        failures = 0
        # The most that ever was: a file that has to start again makes no progress until there.
        reached = size()
        while True:
            try:
                return request()
            except (httpx.TransportError, _TransientError) as error:
                failures = 1 if size() - reached >= PROGRESS_BYTES else failures + 1
                reached = max(reached, size())
                if failures >= MAX_ATTEMPTS:
                    reason = str(error) or type(error).__name__
                    raise UnreachableError(f"{url}: {reason} ({failures} tries)") from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise UnreachableError(f"{url}: {error}") from error
            self._sleep(FIRST_PAUSE * 2 ** (failures - 1))

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in _TRANSIENT:
            raise _TransientError(f"the server answers {status} {response.reason_phrase}")
        if not response.is_success:
            raise ModelError(
                f"{response.url} answers {status} {response.reason_phrase}: the model is not "
                f"there, or not for everybody; does a mirror in {self._mirror} have it?"
            )


def _continues(response: httpx.Response, offset: int) -> bool:
    """Tell whether an answer is usable for one who has `offset` bytes and asked for the rest."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return True  # the whole file, because the server knows no ranges, or an error
    content_range: str = response.headers.get("content-range", "")
    return content_range.startswith(f"bytes {offset}-")


def _has_length(response: httpx.Response) -> bool:
    """Tell whether the end of an answer can be told from the end of the connection."""
    return "content-length" in response.headers or "transfer-encoding" in response.headers


def _disk_error(error: OSError, part: Path) -> ModelError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelError(
            f"no space left for {part}; what came so far is kept, and the next pull goes on from "
            "there. Make room, or move the cache with STREAMKIT_MODEL_CACHE"
        )
    return ModelError(f"cannot write {part}: {error}")
