"""Binding, exposure, and the server inside another program."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from anyio.to_thread import run_sync
from pydantic import SecretStr

from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.errors import ConfigurationError, ModelError
from streamkit.server.local import local_server
from streamkit.server.serving import bind, check_exposure, load_recognizer, url_of
from streamkit.server.testing import LiveServer, WireClient

Samples = npt.NDArray[np.float32]
StartServer = Callable[..., LiveServer]

MUSIC = "Turn the music down."


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_no_key(host: str) -> None:
    check_exposure(Settings(host=host, api_keys=()))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_the_network_needs_a_key(host: str) -> None:
    with pytest.raises(ConfigurationError, match="--api-key"):
        check_exposure(Settings(host=host, api_keys=()))
    check_exposure(Settings(host=host, api_keys=(SecretStr("key"),)))


def test_a_port_that_is_taken() -> None:
    with bind(Settings(port=0)) as taken:
        port = taken.getsockname()[1]
        assert url_of(taken) == f"ws://127.0.0.1:{port}"
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{port}.*--port"):
            bind(Settings(port=port))


def test_small_messages_do_not_wait_for_the_client_s(start_server: StartServer) -> None:
    server = start_server()
    with server.listen(encoding="linear16", sample_rate=16_000):
        (connection,) = server.server.server_state.connections
        peer = connection.transport.get_extra_info("socket")
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_that_is_not_this_machine_s() -> None:
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1"):
        bind(Settings(host="192.0.2.1", port=0))


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6, which this machine does not have")
def test_an_address_of_ip_version_6_stands_in_brackets() -> None:
    try:
        listener = bind(Settings(host="::1", port=0))
    except ConfigurationError:
        pytest.skip("needs the IPv6 loopback address, which this machine does not have")
    with listener:
        assert url_of(listener, "http") == f"http://[::1]:{listener.getsockname()[1]}"


def test_a_model_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="no-such-model"):
        load_recognizer(Settings(model="no-such-model"))


@pytest.mark.anyio
async def test_a_local_server_is_for_its_own_program(speak: Callable[..., Samples]) -> None:
    settings = Settings(
        model="whisper-micro-en", host="0.0.0.0", port=8000, api_keys=(SecretStr("key"),)
    )

    def talk(url: str) -> str:
        raw: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}
        with WireClient(f"{url}/v1/listen", raw) as client:
            client.send(to_linear16(speak(MUSIC)))
            client.close_stream()
        return client.text

    async with local_server(settings) as url:
        assert url.startswith("ws://127.0.0.1:")
        assert not url.endswith(":8000")
        assert await run_sync(talk, url) == MUSIC


def test_two_servers_in_one_process(
    start_server: Callable[..., LiveServer], speak: Callable[..., Samples]
) -> None:
    one, other = start_server(), start_server(max_sessions=1)
    assert one.url != other.url
    raw: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}
    with other.listen(**raw), one.listen(**raw) as client:
        client.send(to_linear16(speak(MUSIC)))
        client.close_stream()
        assert other.sessions == 1
    assert client.text == MUSIC
