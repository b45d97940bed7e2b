"""Encrypted connections: which certificates are taken, and who trusts them."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import numpy as np
import numpy.typing as npt
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import connect
from websockets.uri import parse_uri

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.errors import ConfigurationError
from streamkit.server import connection, tls
from streamkit.server.local import local_server
from streamkit.server.self_signed import LIFETIME, make_certificate
from streamkit.server.shared_socket import trusting
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer
from streamkit.server.tls import (
    RENEW_BEFORE,
    certificate_names,
    development_tls,
    load_context,
    read_tls,
)

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]
Eventually = Callable[[Callable[[], bool]], None]

MUSIC = "Turn the music down."
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}
QUERY = "/v1/listen?encoding=linear16&sample_rate=16000"
NOW = datetime.now(timezone.utc)
FOREIGN = Path(__file__).parent.parent / "foreign"


class Files:
    """A certificate for this machine in a folder of its own."""

    def __init__(
        self, folder: Path, now: datetime = NOW, names: tuple[str, ...] = ("127.0.0.1",)
    ) -> None:
        made = make_certificate(names, now)
        self.authority = folder / "authority.pem"
        self.server = folder / "server.pem"
        self.authority.write_bytes(made.authority)
        self.server.write_bytes(made.server)
        self.trusting = trusting(self.authority)
        self.for_http = ssl.create_default_context(cafile=self.authority)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """For the same names, from another authority."""
    return Files(tmp_path_factory.mktemp("other"))


@pytest.fixture(scope="module")
def encrypted(micro: tuple[Recognizer, ModelProfile], files: Files) -> Iterator[LiveServer]:
    """A server with that certificate."""
    settings = Settings(port=0, tls_cert=files.server, tls_key=files.server)
    with LiveServer(settings, *micro) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what the user's programs keep."""
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    return tmp_path / "streamkit" / "tls"


def text_of(error: pytest.ExceptionInfo[ConfigurationError]) -> str:
    return str(error.value)


# Who trusts it


def test_captions_over_an_encrypted_connection(encrypted: LiveServer, speak: Speak) -> None:
    assert encrypted.url.startswith("wss://127.0.0.1:")
    with encrypted.listen(**RAW) as client:
        assert isinstance(client.socket.socket, ssl.SSLSocket)
        client.send(to_linear16(speak(MUSIC)))
        client.close_stream()
    assert client.text == MUSIC
    assert client.closed[0] == 1000


def test_http_over_an_encrypted_connection(encrypted: LiveServer, files: Files) -> None:
    assert encrypted.http_url.startswith("https://127.0.0.1:")
    with httpx.Client(verify=files.for_http, trust_env=False) as client:
        for _ in range(2):
            assert client.get(f"{encrypted.http_url}/readyz").json()["status"] == "ready"


def test_another_authority_s_clients_refuse(encrypted: LiveServer, other: Files) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        connect(encrypted.url + QUERY, ssl=other.trusting, proxy=None)
    with pytest.raises(httpx.ConnectError, match="unable to get local issuer"):
        httpx.get(f"{encrypted.http_url}/readyz", verify=other.for_http, trust_env=False)


def test_clients_that_trust_nobody_in_particular_refuse(encrypted: LiveServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(encrypted.url + QUERY, proxy=None)


def test_another_name_is_refused(encrypted: LiveServer, files: Files) -> None:
    url = encrypted.url.replace("127.0.0.1", "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="ostname"):
        connect(url + QUERY, ssl=files.trusting, proxy=None)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_that_are_safe(
    encrypted: LiveServer, files: Files, version: ssl.TLSVersion
) -> None:
    context = trusting(files.authority)
    context.minimum_version = context.maximum_version = version
    with connect(encrypted.url + QUERY, ssl=context, proxy=None) as client:
        line = client.socket
        assert isinstance(line, ssl.SSLSocket)
        assert line.version() == version.name.replace("_", ".")


def test_no_older_version(files: Files) -> None:
    context = load_context(files.server, files.server)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_plain_client_is_told_off_at_once(encrypted: LiveServer) -> None:
    plain = encrypted.url.replace("wss:", "ws:")
    with pytest.raises((InvalidMessage, ConnectionError)):
        connect(plain + QUERY, proxy=None, open_timeout=PATIENCE_SECONDS)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        httpx.get(encrypted.http_url.replace("https:", "http:") + "/readyz", trust_env=False)


def test_an_encrypting_client_of_a_plain_server_too(server: LiveServer, files: Files) -> None:
    with pytest.raises(ssl.SSLError):
        connect(server.url.replace("ws:", "wss:") + QUERY, ssl=files.trusting, proxy=None)


@pytest.fixture(scope="module")
def node() -> str:
    """Node's program; skips where it or the library is not installed."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs Node.js, and there is no `node` on the path")
    if not (FOREIGN / "node_modules" / "ws").is_dir():
        pytest.skip("needs ws: npm install --prefix tests/foreign")
    return program


NODE = """
import WebSocket from "ws";
const socket = new WebSocket(process.argv[1]);
socket.on("open", () => socket.send('{"type":"CloseStream"}'));
socket.on("close", (code) => console.log(code));
socket.on("error", (error) => console.log(error.code));
"""


def talk(node: str, url: str, **environment: str) -> list[str]:
    """What a client on Node prints."""
    run = subprocess.run(
        [node, "--input-type=module", "-e", NODE, url + QUERY],
        cwd=FOREIGN,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    return run.stdout.split()


def test_node_trusts_the_authority(node: str, encrypted: LiveServer, files: Files) -> None:
    assert talk(node, encrypted.url, NODE_EXTRA_CA_CERTS=str(files.authority)) == ["1000"]


def test_node_refuses_without_it(node: str, encrypted: LiveServer) -> None:
    # Node's name for a chain whose end it does not have.
    assert "UNABLE_TO_VERIFY_LEAF_SIGNATURE" in talk(node, encrypted.url, NODE_EXTRA_CA_CERTS="")


PYTHON = """
import asyncio, sys
from websockets.asyncio.client import connect

async def talk():
    async with connect(sys.argv[1], proxy=None) as client:
        await client.send('{"type":"CloseStream"}')
        print(len([message async for message in client]))

asyncio.run(talk())
"""


def test_python_trusts_the_authority_by_its_environment(
    encrypted: LiveServer, files: Files
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PYTHON, encrypted.url + QUERY],
        env={**os.environ, "SSL_CERT_FILE": str(files.authority)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert run.stdout.strip() == "1"


# How connections end


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Of the server, not of the test's own client."""
    return [
        record
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name != "websockets.client"
    ]


def test_a_refused_client_is_no_error_of_the_server(
    start_server: StartServer, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(tls_cert=files.server, tls_key=files.server, api_keys=["key"])
    with pytest.raises(InvalidStatus) as caught:
        connect(server.url + QUERY, ssl=files.trusting, proxy=None)
    assert caught.value.response.status_code == 401
    with server.listen(key="key", **RAW) as client:
        client.close_stream()
    assert warnings(caplog) == []


def test_a_message_that_is_too_large_is_told_why(start_server: StartServer, files: Files) -> None:
    server = start_server(
        tls_cert=files.server, tls_key=files.server, max_message_bytes=1000, max_event_bytes=4000
    )
    with server.listen(**RAW) as client:
        client.send(bytes(1 << 20), chunk=1 << 20)
        client.read_to_end()
    assert client.closed[0] == 1009


def wait_until_stopped(server: LiveServer) -> None:
    async def wait() -> None:
        with anyio.fail_after(PATIENCE_SECONDS):
            await server.server.stopped.wait()

    server.portal.call(wait)


class BareClient:
    """A client that does nothing that it is not told to: TLS, the handshake, frames."""

    def __init__(self, server: LiveServer, files: Files) -> None:
        address = urlsplit(server.url)
        assert address.hostname is not None
        plain = socket.create_connection((address.hostname, address.port), PATIENCE_SECONDS)
        self.line = files.trusting.wrap_socket(plain, server_hostname=address.hostname)
        self.protocol = ClientProtocol(parse_uri(server.url + QUERY))
        self.protocol.send_request(self.protocol.connect())
        self.flush()
        while not self.protocol.events_received():
            self.protocol.receive_data(self.line.recv(4096))

    def flush(self) -> None:
        self.line.sendall(b"".join(self.protocol.data_to_send()))


@pytest.mark.parametrize("how", ["reset", "end of file"])
@pytest.mark.parametrize("speaks", [True, False], ids=["speech", "silence"])
def test_a_client_that_is_gone_in_mid_word_leaves_nothing_behind(
    start_server: StartServer,
    speak: Speak,
    files: Files,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
    how: str,
    speaks: bool,
) -> None:
    # The server waits before it reads on, so messages lie unread when the connection is lost.
    server = start_server(
        tls_cert=files.server, tls_key=files.server, max_speed=100, audio_burst=0.1
    )
    # In silence there is nothing to send either, which would tell as well that nobody is there.
    audio = to_linear16(speak(MUSIC)) if speaks else bytes(200_000)
    for _ in range(3):
        client = BareClient(server, files)
        with closing(client.line):
            # More than a transport of TLS hands over at once.
            for _ in range(5):
                client.protocol.send_binary(audio)
            client.flush()
            if how == "reset":
                linger = (1).to_bytes(4, sys.byteorder) + bytes(4)
                client.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            else:
                client.line.shutdown(socket.SHUT_WR)
                server.wait_until_empty()
    server.wait_until_empty()
    eventually(lambda: not server.server.server_state.connections)
    assert server.server.state.permits.taken == 0
    assert warnings(caplog) == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ABANDON_SECONDS", 0.2)
    # From Python 3.11 on asyncio gives up by itself, but not soon.
    monkeypatch.setattr("asyncio.constants.SSL_SHUTDOWN_TIMEOUT", 600, raising=False)


@pytest.mark.usefixtures("impatient")
def test_a_client_that_closes_and_does_not_answer_is_given_up(
    start_server: StartServer, files: Files, eventually: Eventually
) -> None:
    server = start_server(tls_cert=files.server, tls_key=files.server)
    client = BareClient(server, files)
    with closing(client.line):
        client.protocol.send_close(1000)
        client.flush()
        # It has not read that the server closes, and so does not answer.
        server.wait_until_empty()
        eventually(lambda: not server.server.server_state.connections)


@pytest.mark.usefixtures("impatient")
def test_a_reader_that_stops_for_good_is_given_up(
    start_server: StartServer, files: Files, eventually: Eventually
) -> None:
    server = start_server(
        tls_cert=files.server, tls_key=files.server, send_timeout=0.3, outbox_messages=10
    )
    rubbish = '{"type":"' + "\N{GRINNING FACE}" * 200 + '"}'
    with server.listen(read_ahead=1, **RAW) as client:
        with pytest.raises(ConnectionClosed):
            while True:
                client.socket.send(rubbish)
        server.wait_until_empty()
        eventually(lambda: not server.server.server_state.connections)


def test_a_connection_that_is_closing_does_not_disturb_the_server_s_end(
    start_server: StartServer,
    files: Files,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = start_server(tls_cert=files.server, tls_key=files.server)
    client = BareClient(server, files)
    with closing(client.line), server.listen(**RAW) as open_still:
        client.protocol.send_close(1000)
        client.flush()
        eventually(lambda: server.sessions == 1)
        server.stop()
        open_still.read_to_end()
        wait_until_stopped(server)
    assert open_still.closed == (1012, "service restart")
    assert warnings(caplog) == []


def test_a_connection_that_is_kept_for_later_does_not_either(
    start_server: StartServer, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(tls_cert=files.server, tls_key=files.server)
    with httpx.Client(verify=files.for_http, trust_env=False) as client:
        client.get(f"{server.http_url}/healthz")
        server.stop()
        wait_until_stopped(server)
    assert warnings(caplog) == []


# Which files are taken


def settings_for(certificate: Path | None, key: Path | None, **more: Any) -> Settings:
    return Settings(port=0, tls_cert=certificate, tls_key=key, **more)


def test_without_options_nothing_is_encrypted(server: LiveServer) -> None:
    assert read_tls(Settings()) is None
    assert server.certificate is None


def test_a_pair_that_works(files: Files) -> None:
    found = read_tls(settings_for(files.server, files.server))
    assert found is not None
    assert found.authority == files.server
    assert found.names == ()
    assert abs(found.expires_at - (NOW + LIFETIME)) < timedelta(seconds=2)


@pytest.mark.parametrize("given", ["cert", "key"])
def test_one_half_of_a_pair(files: Files, given: str) -> None:
    halves = (files.server, None) if given == "cert" else (None, files.server)
    with pytest.raises(ConfigurationError) as caught:
        read_tls(settings_for(*halves))
    assert "--tls-cert" in text_of(caught)
    assert "--tls-key" in text_of(caught)


def test_own_files_and_a_certificate_that_is_made_exclude_each_other(
    files: Files, data: Path
) -> None:
    for halves in ((files.server, files.server), (files.server, None), (None, files.server)):
        with pytest.raises(ConfigurationError, match="choose one of the two"):
            read_tls(settings_for(*halves, tls_self_signed=True))
    assert not data.exists()


@pytest.mark.parametrize("what", ["missing", "a folder"])
def test_files_that_cannot_be_read(files: Files, tmp_path: Path, what: str) -> None:
    path = tmp_path / "nothing.pem" if what == "missing" else tmp_path
    for halves in ((path, files.server), (files.server, path)):
        with pytest.raises(ConfigurationError, match="cannot be read") as caught:
            read_tls(settings_for(*halves))
        assert str(path) in text_of(caught)


def test_files_that_are_no_pem(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "nonsense.pem"
    path.write_bytes(b"nonsense")
    for halves in ((path, files.server), (files.server, path), (path, path)):
        with pytest.raises(ConfigurationError, match="accepted: PEM") as caught:
            read_tls(settings_for(*halves))
        assert str(path) in text_of(caught)


def test_a_key_of_another_certificate(files: Files, other: Files) -> None:
    with pytest.raises(ConfigurationError, match="is not the one of the certificate"):
        read_tls(settings_for(files.server, other.server))


def test_an_encrypted_key_is_not_asked_for_its_password(files: Files, tmp_path: Path) -> None:
    key = load_pem_private_key(files.server.read_bytes(), None)
    path = tmp_path / "key.pem"
    form = PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"secret")))
    with pytest.raises(ConfigurationError, match="encrypted") as caught:
        read_tls(settings_for(files.server, path))
    assert f"openssl pkey -in {path}" in text_of(caught)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (NOW - LIFETIME - timedelta(seconds=10), "certificate has expired"),
        (NOW + timedelta(days=2), "certificate is not yet valid"),
    ],
)
def test_a_certificate_of_another_time(tmp_path: Path, made: datetime, reason: str) -> None:
    files = Files(tmp_path, made)
    with pytest.raises(ConfigurationError, match=reason) as caught:
        read_tls(settings_for(files.server, files.server))
    assert str(files.server) in text_of(caught)


def test_an_authority_is_no_server(files: Files, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not the one of the certificate"):
        read_tls(settings_for(files.authority, files.server))


def test_a_chain_with_its_authority(files: Files, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(files.server.read_bytes() + files.authority.read_bytes())
    assert read_tls(settings_for(chain, files.server)) is not None


@pytest.mark.anyio
async def test_a_local_server_is_not_encrypted(files: Files) -> None:
    settings = settings_for(files.server, files.server, model="whisper-micro-en")
    async with local_server(settings) as url:
        assert url.startswith("ws://127.0.0.1:")


# Certificates that are made here


def made_for(folder: Path, host: str = "127.0.0.1", now: datetime = NOW) -> tuple[bytes, bytes]:
    """Make or reuse; what lies in the files afterwards."""
    found = development_tls(folder, host, now)
    return found.authority.read_bytes(), (found.authority.parent / "server.pem").read_bytes()


def test_it_is_for_this_machine_and_the_given_address() -> None:
    assert certificate_names("127.0.0.1") == ("localhost", "127.0.0.1", "::1")
    assert certificate_names("::1") == certificate_names("localhost")
    assert certificate_names("192.0.2.7")[3:] == ("192.0.2.7",)
    assert certificate_names("fe80::7%eth0")[3:] == ("fe80::7",)
    assert certificate_names("voice.example.org")[3:] == ("voice.example.org",)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_whoever_listens_everywhere_has_the_name_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "kitchen")
    assert certificate_names(host)[3:] == ("kitchen",)
    monkeypatch.setattr(socket, "gethostname", lambda: "x" * 70)
    assert certificate_names(host)[3:] == ()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "192.0.2.7", "2001:db8::7", "Voice.Example.org", "bücher.example", ".."]
)
def test_clients_find_the_server_under_all_its_names(tmp_path: Path, host: str) -> None:
    if host == "..":
        with pytest.raises(ConfigurationError, match="no certificate can name it"):
            development_tls(tmp_path, host, NOW)
        return
    found = development_tls(tmp_path, host, NOW)
    for name in found.names:
        assert tls.expiry(found.context, found.authority, name) == found.expires_at
    with pytest.raises(ssl.SSLCertVerificationError):
        tls.expiry(found.context, found.authority, "elsewhere.example")
    assert found.authority.is_relative_to(tmp_path / found.authority.parent.name)


def test_only_the_user_can_read_the_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        found = development_tls(tmp_path / "tls", "127.0.0.1", NOW)
    finally:
        os.umask(before)
    folder = found.authority.parent
    assert stat.S_IMODE((folder / "server.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert b"PRIVATE" not in found.authority.read_bytes()
    # Nobody can sign with the authority, whose key is nowhere.
    assert sorted(path.name for path in folder.iterdir() if path.suffix == ".pem") == [
        "authority.pem",
        "server.pem",
    ]
    [key] = re.findall(rb"-+BEGIN (\w* ?PRIVATE KEY)-+", (folder / "server.pem").read_bytes())
    assert key == b"PRIVATE KEY"


def test_it_is_reused_until_shortly_before_it_expires(tmp_path: Path) -> None:
    # Made so long ago that the day to renew it is today, since OpenSSL looks at the real clock.
    minute = timedelta(minutes=1)
    first = made_for(tmp_path, now=NOW - LIFETIME + RENEW_BEFORE)
    assert made_for(tmp_path, now=NOW - minute) == first
    assert made_for(tmp_path, "localhost", now=NOW - minute) == first
    second = made_for(tmp_path, now=NOW + minute)
    assert second[0] != first[0]
    assert second[1] != first[1]
    assert made_for(tmp_path, now=NOW + minute) == second


def test_another_address_has_another_one(tmp_path: Path) -> None:
    first = made_for(tmp_path)
    assert made_for(tmp_path, "192.0.2.7") != first
    assert made_for(tmp_path) == first


@pytest.mark.parametrize("name", ["authority.pem", "server.pem"])
@pytest.mark.parametrize("harm", ["gone", "nonsense", "another's", "expired"])
def test_one_that_does_not_work_is_made_anew(tmp_path: Path, name: str, harm: str) -> None:
    first = made_for(tmp_path)
    path = tmp_path / "localhost" / name
    made = NOW - 2 * LIFETIME if harm == "expired" else NOW
    another = make_certificate(certificate_names("localhost"), made)
    if harm == "gone":
        path.unlink()
    elif harm == "nonsense":
        path.write_bytes(b"nonsense")
    else:
        path.write_bytes(another.authority if name == "authority.pem" else another.server)
    second = made_for(tmp_path)
    assert second[0] != first[0]
    assert made_for(tmp_path) == second


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "tls").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="--tls-cert") as caught:
        development_tls(tmp_path / "tls", "127.0.0.1", NOW)
    assert str(tmp_path) in text_of(caught)


def test_without_the_package_that_makes_them(
    data: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigurationError, match=re.escape("pip install 'streamkit[tls]'")):
        read_tls(Settings(tls_self_signed=True))
    # Files of one's own need nothing, and neither does what was made before.
    assert read_tls(settings_for(files.server, files.server)) is not None
    monkeypatch.undo()
    kept = made_for(data)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert made_for(data) == kept


def test_a_live_server_with_one(start_server: StartServer, data: Path) -> None:
    server = start_server(tls_self_signed=True)
    assert server.certificate == data / "localhost" / "authority.pem"
    with server.listen(**RAW) as client:
        client.close_stream()
    assert client.closed[0] == 1000


# The program


@contextmanager
def serve(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program, whose user keeps files in `folder`; killed if it is not over at the end."""
    program = [sys.executable, "-m", "streamkit.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        [*program, "--model", "whisper-micro-en", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_program_says_what_clients_have_to_trust(tmp_path: Path) -> None:
    with serve(tmp_path, "--tls-self-signed") as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "Ctrl-C ends it" in line:
                break
        [url] = re.findall(r"captions (wss://\S+)/v1/listen", said)
        assert f"{url.replace('wss', 'https')}/readyz" in said
        [path] = re.findall(r"SSL_CERT_FILE='(.+)'", said)
        assert f"NODE_EXTRA_CA_CERTS='{path}'" in said
        assert "localhost, 127.0.0.1, ::1" in said
        with connect(url + QUERY, ssl=trusting(Path(path)), proxy=None) as client:
            client.send('{"type":"CloseStream"}')
            assert json.loads(client.recv(PATIENCE_SECONDS))["type"] == "Metadata"
        process.send_signal(signal.SIGTERM)
        said += process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert "ended" in said
    assert Path(path).is_relative_to(tmp_path)


def test_the_program_finds_mistakes_before_it_loads_a_model(tmp_path: Path) -> None:
    with serve(tmp_path, "--tls-cert", str(tmp_path / "no.pem"), "--tls-key", "no.pem") as process:
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "no.pem" in said
    assert "Traceback" not in said
    assert "loading" not in said
