"""An encrypted socket that one thread may read while another one writes.

That is what the threaded client of websockets does. OpenSSL does not allow it, and CPython does not
prevent it in every version: now and then a message is lost, and both sides wait for ever.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

LOOK_SECONDS = 0.1
"""A thread that waits sees so soon that another one has closed the socket."""

ValueT = TypeVar("ValueT")


def trusting(certificate: Path) -> ssl.SSLContext:
    """A context for clients in threads that trusts a certificate and nothing else.

    Args:
        certificate: a file in PEM; it need not be an authority's.
    """
    context = ssl.create_default_context(cafile=certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.sslsocket_class = SharedSocket
    return context


class SharedSocket(ssl.SSLSocket):
    """A socket that lets one thread at a time into OpenSSL, and waits outside.

    It waits as long as it takes, whatever `settimeout` was told: the client wants no other.
    """

    _alone: Lock

    def __new__(cls, *args: Any, **options: Any) -> SharedSocket:
        """Make one as `SSLContext.wrap_socket` does, which calls no `__init__`."""
        made = super().__new__(cls, *args, **options)
        made._alone = Lock()
        return made

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As that of a socket."""
        return self._share(lambda: super(SharedSocket, self).recv(buflen, flags))

    def send(self, data: Any, flags: int = 0) -> int:
        """As that of a socket; `sendall` calls it."""
        return self._share(lambda: super(SharedSocket, self).send(data, flags))

    def _share(self, attempt: Callable[[], ValueT]) -> ValueT:
        while True:
            with self._alone:
                timeout = self.gettimeout()
                self.settimeout(0)
                try:
                    return attempt()
                except ssl.SSLWantReadError:
                    reads = True
                except ssl.SSLWantWriteError:
                    reads = False
                finally:
                    if self.fileno() >= 0:
                        self.settimeout(timeout)
            # Not for long: nobody is woken by another thread that closes the socket.
            select.select([self] if reads else [], [] if reads else [self], [], LOOK_SECONDS)
