"""How a connection ends below the WebSocket: so that the peer learns why, and the socket goes."""

from __future__ import annotations

import socket
from asyncio.transports import BaseTransport
from contextlib import suppress

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LINGER_SECONDS = 2.0
"""A peer that broke the protocol may take so long to read the close frame."""

ABANDON_SECONDS = 10.0
"""A peer may take so long to read what was sent last, after the session is over."""


class Connection(WebSocketsSansIOProtocol):
    """Uvicorn's connection with its endings changed."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Remember the socket: a transport of TLS that is closed does not tell it."""
        super().connection_made(transport)
        self._socket = transport.get_extra_info("socket")

    def connection_lost(self, exc: Exception | None) -> None:
        """Take what was read before as the last: there is nothing left to resume.

        Uvicorn would try when the application has taken it, and a transport of TLS cannot.
        """
        super().connection_lost(exc)
        self.read_paused = False

    def shutdown(self) -> None:
        """Say that the server goes down, unless the connection is closing anyway.

        Uvicorn would send a second close frame, which is an error. With TLS there is time for
        that: a closed connection stays until the peer has said that it is closed.
        """
        if not self.transport.is_closing():
            super().shutdown()

    def handle_parser_exception(self) -> None:
        """Send the close frame and throw away what the peer goes on to send.

        Uvicorn closes the socket at once. With bytes unread, which is certain when a message is
        too large, the kernel then resets the connection, and the close frame is lost.
        """
        if self.close_sent:
            return
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    async def send(self, message: ASGISendEvent) -> None:
        """Send, and take a refused upgrade as an answer like any other.

        Uvicorn would log an error for each, as if the application had not answered.
        """
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    async def run_asgi(self) -> None:
        """Serve, and see to it that the socket of a peer that reads nothing goes as well.

        Closing waits until everything is sent, and with TLS until the peer has answered, however
        long that takes.
        """
        await super().run_asgi()
        # What is left to be sent, a transport of TLS that is closed does not tell either.
        if self.scheme == "wss" or self.transport.get_write_buffer_size():
            self.loop.call_later(ABANDON_SECONDS, self.abandon)

    def abandon(self) -> None:
        """Close the socket now, whatever was not sent and not answered."""
        if not self.disconnected:
            self.transport.abort()
            # Uvicorn may close twice, and after that a transport of TLS ignores `abort`.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
