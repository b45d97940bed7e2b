"""@deepgram/sdk, the JavaScript SDK, unmodified, under Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Protocol

import pytest

from streamkit.server.testing import PATIENCE_SECONDS, LiveServer

FOLDER = Path(__file__).parent


class Talk(Protocol):
    first: bytes
    second: bytes

    def check(self, messages: list[dict[str, Any]]) -> None: ...


@pytest.fixture(scope="module")
def node() -> str:
    """Node's program; skips where it or the SDK is not installed."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs Node.js, and there is no `node` on the path")
    if not (FOLDER / "node_modules" / "@deepgram" / "sdk").is_dir():
        pytest.skip("needs @deepgram/sdk: npm install --prefix tests/foreign")
    return program


def run(node: str, url: str, key: str, talk: Talk, folder: Path) -> list[dict[str, Any]]:
    """Let the script talk; what it printed."""
    (folder / "first.raw").write_bytes(talk.first)
    (folder / "second.raw").write_bytes(talk.second)
    arguments = [url, key, str(folder / "first.raw"), str(folder / "second.raw")]
    done = subprocess.run(
        [node, str(FOLDER / "listen.mjs"), *arguments],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_talk(node: str, guarded: LiveServer, talk: Talk, tmp_path: Path) -> None:
    *messages, end = run(node, guarded.url, "right-key", talk, tmp_path)
    assert end == {"closed": 1000}
    talk.check(messages)


def test_a_wrong_key(node: str, guarded: LiveServer, talk: Talk, tmp_path: Path) -> None:
    [told] = run(node, guarded.url, "wrong-key", talk, tmp_path)
    assert "401" in told["error"]
