"""How a connection ends below the WebSocket: so that the peer learns why, and the socket goes."""

from __future__ import annotations

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LINGER_SECONDS = 2.0
"""A peer that broke the protocol may take so long to read the close frame."""

ABANDON_SECONDS = 10.0
"""A peer may take so long to read what was sent last, after the session is over."""


class Connection(WebSocketsSansIOProtocol):
    """Uvicorn's connection with three endings changed."""

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

        Closing waits until everything is sent, however long that takes.
        """
        await super().run_asgi()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(ABANDON_SECONDS, self.transport.abort)
