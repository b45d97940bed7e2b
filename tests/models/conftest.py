"""A small model hub on a real socket that can be told to misbehave, and models to lie around."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import random
import re
import shutil
import socket
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from streamkit.models.catalogue import bundled_path
from streamkit.models.listing import RemoteFile
from streamkit.models.voice_models import VOICE_MODELS

REPOSITORY = "Systran/faster-whisper-base.en"
WEIGHTS = b"\x06\0\0\0\x0c\0WhisperSpec\0" + random.Random(1).randbytes(3_000_000)
"""More than `streamkit.models.transfer.PROGRESS_BYTES`."""


class FakeHub:
    """What the hub knows, and what it is to do wrong."""

    def __init__(self) -> None:
        self.repository = REPOSITORY
        self.release = "/nobody/nothing/releases/download/v0"
        """Path under which the files are a release too."""
        self.commit = "c" * 40
        self.files = {
            "README.md": b"not part of the model",
            "config.json": b'{"lang_ids": [1]}',
            "model.bin": WEIGHTS,
            "tokenizer.json": b"{}",
            "vocabulary.txt": b"a\nb\nc\n",
        }
        self.large = {"model.bin"}
        self.requests: list[tuple[str, str | None]] = []
        self.statuses: dict[str, list[int]] = defaultdict(list)
        """Answers to give first, by file name, or "api"."""
        self.cuts: dict[str, list[int]] = defaultdict(list)
        """Bytes after which the connection ends, for the next answers with that file."""
        self.tampered: dict[str, bytes] = {}
        self.knows_ranges = True
        self.range_shift = 0
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.endpoint = ""

    def downloads(self, name: str) -> list[str | None]:
        """The range of every request for a file."""
        return [ranged for path, ranged in self.requests if path.endswith(f"/{name}")]

    def tree(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = [
            {"type": "directory", "path": "onnx", "oid": "d", "size": 0}
        ]
        for name, content in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            entry: dict[str, Any] = {
                "type": "file",
                "path": name,
                "size": len(content),
                "oid": blob,
            }
            if name in self.large:
                digest = hashlib.sha256(content).hexdigest()
                entry |= {"oid": "p" * 40, "lfs": {"oid": digest, "size": len(content)}}
            entries.append(entry)
        return entries


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        hub = self.hub
        hub.requests.append((self.path, self.headers["range"]))
        name = self.path.rpartition("/")[2]
        is_api = self.path.startswith("/api/")
        statuses = hub.statuses["api" if is_api else name]
        if statuses:
            self.answer(statuses.pop(0), b"no")
        elif self.path == f"/api/models/{hub.repository}/revision/main":
            self.answer(200, json.dumps({"sha": hub.commit}).encode())
        elif self.path == f"/api/models/{hub.repository}/tree/{hub.commit}":
            self.answer(200, json.dumps(hub.tree()).encode())
        elif name in hub.files and self.path in (
            f"/{hub.repository}/resolve/{hub.commit}/{name}",
            f"{hub.release}/{name}",
        ):
            # The real one sends clients on to another host as well.
            self.answer(302, b"", {"location": f"/blobs/{name}"})
        elif self.path == f"/blobs/{name}":
            hub.entered.set()
            hub.gate.wait(30)
            self.send_file(name)
        else:
            self.answer(404, b"no")

    def send_file(self, name: str) -> None:
        content = self.hub.tampered.get(name, self.hub.files[name])
        ranged = re.fullmatch(r"bytes=(\d+)-", self.headers["range"] or "")
        if not ranged or not self.hub.knows_ranges:
            self.answer(200, content, cuts=self.hub.cuts[name])
            return
        begin = int(ranged[1]) + self.hub.range_shift
        if begin >= len(content):
            self.answer(416, b"")
            return
        span = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self.answer(206, content[begin:], {"content-range": span}, self.hub.cuts[name])

    def answer(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        cuts: list[int] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if cuts:
            self.wfile.write(body[: cuts.pop(0)])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away in the middle are what is tested."""


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    fake = FakeHub()
    handler = type("BoundHandler", (Handler,), {"hub": fake})
    with Server(("127.0.0.1", 0), handler) as server:
        fake.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield fake
        fake.gate.set()
        server.shutdown()
        thread.join()


def torch_archive(size: int, *, seed: int = 1) -> bytes:
    """What looks like a checkpoint of torch, as far as anybody here looks: nothing is unpacked."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"never loaded")
        archive.writestr("archive/data/0", random.Random(seed).randbytes(size))
    return file.getvalue()


def numpy_archive() -> bytes:
    """What looks like Kokoro's voices."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("af_heart.npy", b"x" * 2000)
    return file.getvalue()


XTTS_FILES = {
    "config.json": b'{"model": "xtts"}',
    "model.pth": torch_archive(2_000_000),
    "vocab.json": b'{"model": {"vocab": {}}}',
    "speakers_xtts.pth": torch_archive(3000),
    "LICENSE.txt": b"Coqui Public Model License 1.0.0",
}
"""Of the repository; what else is there is not wanted."""

KOKORO_FILES = {
    "kokoro-v1.0.onnx": b"\x08\x08" + random.Random(2).randbytes(1_500_000),
    "voices-v1.0.bin": numpy_archive(),
}


@pytest.fixture
def xtts_hub(hub: FakeHub) -> FakeHub:
    """The hub with XTTS v2 on it."""
    hub.repository = "coqui/XTTS-v2"
    hub.files = {**XTTS_FILES, "dvae.pth": b"for training", "mel_stats.pth": b"the same"}
    hub.large = {"model.pth", "speakers_xtts.pth", "dvae.pth"}
    return hub


@pytest.fixture
def kokoro_release(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A mirror of GitHub with Kokoro on it; small files, so the catalogue says their hashes."""
    model = VOICE_MODELS["kokoro"]
    assert model.release is not None
    files = tuple(
        RemoteFile(name, len(content), hashlib.sha256(content).hexdigest(), "sha256")
        for name, content in KOKORO_FILES.items()
    )
    release = dataclasses.replace(model.release, files=files)
    monkeypatch.setitem(VOICE_MODELS, "kokoro", dataclasses.replace(model, release=release))
    hub.release = f"/{release.repository}/releases/download/{release.tag}"
    hub.files = dict(KOKORO_FILES)
    return hub


@pytest.fixture
def write_files() -> Callable[[Path, dict[str, bytes]], Path]:
    """Puts files into a directory, as somebody does who copies weights by hand."""

    def write(path: Path, files: dict[str, bytes]) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (path / name).write_bytes(content)
        return path

    return write


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or writes this machine's own models, nor asks a proxy."""
    for name in ("HF_ENDPOINT", "HF_HUB_OFFLINE", "COQUI_TOS_AGREED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path / "models"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def make_model() -> Callable[[Path], Path]:
    """Makes a directory that holds a complete model; the bundled one's weights."""

    def make(path: Path) -> Path:
        shutil.copytree(bundled_path(), path)
        return path

    return make


@pytest.fixture
def in_hub_cache(tmp_path: Path) -> Callable[[str], Path]:
    """Puts a model where huggingface_hub keeps what it has downloaded."""

    def make(repository: str) -> Path:
        folder = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
        snapshot = folder / "snapshots" / ("a" * 40)
        shutil.copytree(bundled_path(), snapshot)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("a" * 40)
        return snapshot

    return make


@pytest.fixture
def closed_endpoint() -> str:
    """An address where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{reserved.getsockname()[1]}"
