from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streamkit.cli", "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_sound_installation() -> None:
    run = doctor("--json", "--model", "whisper-micro-en")
    findings = {finding["subject"]: finding for finding in json.loads(run.stdout)}
    assert run.returncode == 0
    for subject in ("streamkit", "faster-whisper", "voice", "speech detector", "model", "speed"):
        assert findings[subject]["state"] == "ok", findings[subject]
    assert "RTF" in findings["speed"]["detail"]
    assert (
        "The bus to Berlin is eight minutes late." in findings["speed"]["detail"].split("heard")[1]
    )
    assert findings["microphone"]["state"] in ("ok", "missing")


def test_a_broken_model_is_found_and_the_status_says_so(tmp_path: Path) -> None:
    run = doctor("--model", str(tmp_path / "nowhere"))
    assert run.returncode == 1
    assert "broken" in run.stdout
    assert "nowhere" in run.stdout
    assert "Traceback" not in run.stderr


def test_the_built_in_model_of_replies_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMKIT_LLM_URL", raising=False)
    run = doctor("--json", "--model", "whisper-micro-en")
    findings = {finding["subject"]: finding for finding in json.loads(run.stdout)}
    assert findings["reply model"]["state"] == "ok"
    assert "parrot" in findings["reply model"]["detail"]


def test_a_model_of_replies_that_cannot_be_reached_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv("STREAMKIT_LLM_URL", f"http://127.0.0.1:{port}/v1")
        run = doctor("--json", "--model", "whisper-micro-en")
    findings = {finding["subject"]: finding for finding in json.loads(run.stdout)}
    assert run.returncode == 1
    assert findings["reply model"]["state"] == "broken"
    assert str(port) in findings["reply model"]["detail"]
