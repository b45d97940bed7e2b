"""An encrypted socket of two threads."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from streamkit.server.self_signed import make_certificate
from streamkit.server.shared_socket import SharedSocket, trusting
from streamkit.server.testing import PATIENCE_SECONDS
from streamkit.server.tls import load_context

MANY = 1 << 21


def echo(line: ssl.SSLSocket) -> None:
    """Send back what comes until nothing more does; one thread, so nothing happens at once."""
    with closing(line), suppress(OSError):
        while data := line.recv(4096):
            line.sendall(data)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[SharedSocket]:
    """The client's end of a connection whose other end is an echo."""
    made = make_certificate(("localhost",), datetime.now(timezone.utc))
    (tmp_path / "authority.pem").write_bytes(made.authority)
    (tmp_path / "server.pem").write_bytes(made.server)
    server = load_context(tmp_path / "server.pem", tmp_path / "server.pem")
    near, far = socket.socketpair()
    near.settimeout(PATIENCE_SECONDS)
    with ThreadPoolExecutor() as pool:
        answering = pool.submit(lambda: echo(server.wrap_socket(far, server_side=True)))
        client = trusting(tmp_path / "authority.pem").wrap_socket(near, server_hostname="localhost")
        assert isinstance(client, SharedSocket)
        client.settimeout(None)
        with closing(client):
            yield client
        answering.result(PATIENCE_SECONDS)


def test_one_thread_reads_while_another_one_writes(shared: SharedSocket) -> None:
    sent = b"".join(number.to_bytes(4, "big") for number in range(MANY // 4))

    def read() -> bytes:
        received = bytearray()
        while len(received) < MANY:
            received += shared.recv(65_536)
        return bytes(received)

    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read)
        shared.sendall(sent)
        assert reading.result(PATIENCE_SECONDS) == sent


def test_openssl_is_entered_by_one_thread_at_a_time(
    shared: SharedSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = threading.Event(), threading.Event()
    overlaps: list[bool] = []
    recv, send = ssl.SSLSocket.recv, ssl.SSLSocket.send

    def slow_recv(line: ssl.SSLSocket, *arguments: Any) -> bytes:
        if line is shared and not reading.is_set():
            reading.set()
            # The writer has time to come in, if it can.
            overlaps.append(writing.wait(0.3))
        return recv(line, *arguments)

    def noted_send(line: ssl.SSLSocket, *arguments: Any) -> int:
        if line is shared:
            writing.set()
        return send(line, *arguments)

    monkeypatch.setattr(ssl.SSLSocket, "recv", slow_recv)
    monkeypatch.setattr(ssl.SSLSocket, "send", noted_send)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(shared.recv, 1)
        assert reading.wait(PATIENCE_SECONDS)
        shared.sendall(b"x")
        assert answer.result(PATIENCE_SECONDS) == b"x"
    assert overlaps == [False]


def test_a_thread_that_waits_sees_that_another_one_has_closed(shared: SharedSocket) -> None:
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(shared.recv, 1)
        assert not reading.done()
        shared.close()
        # An error, or the end of the data, if it was just looking.
        error = reading.exception(PATIENCE_SECONDS)
        assert isinstance(error, (OSError, ValueError)) or reading.result() == b""


def test_only_the_given_certificate_is_trusted(tmp_path: Path) -> None:
    made = make_certificate(("localhost",), datetime.now(timezone.utc))
    (tmp_path / "authority.pem").write_bytes(made.authority)
    context = trusting(tmp_path / "authority.pem")
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
