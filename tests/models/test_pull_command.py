"""``streamkit models pull`` against a real server; the rest is in tests/commands."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streamkit.commands.models import app
from streamkit.models import download
from streamkit.models.licence import read_acceptance


def test_prints_lines_where_there_is_no_terminal(hub: Any, cache: Path) -> None:
    result = CliRunner().invoke(app, ["pull", "base.en", "--endpoint", hub.endpoint])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "pulling base.en: 0 %, 0.0 of 3.0 MB"
    assert lines[-2] == "pulling base.en: 100 %, 3.0 of 3.0 MB"
    assert lines[-1] == f"base.en is in {cache / 'base.en'}"
    assert 4 < len(lines) < 14


def test_shows_a_bar_on_a_terminal(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    result = CliRunner().invoke(app, ["pull", "base.en", "--endpoint", hub.endpoint])
    assert result.exit_code == 0, result.output
    assert "3.0/3.0 MB" in result.stdout


def test_a_failure_is_one_paragraph(hub: Any) -> None:
    hub.tampered["config.json"] = b"{}"
    result = CliRunner().invoke(app, ["pull", "base.en", "--endpoint", hub.endpoint])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: http://127.0.0.1:")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


def test_ctrl_c_says_that_the_next_pull_goes_on(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(download, "pull", interrupted)
        result = CliRunner().invoke(app, ["pull", "base.en", "--endpoint", hub.endpoint])
    assert result.exit_code == 130
    assert "`streamkit models pull base.en` goes on from there" in result.stderr


def test_an_interrupted_pull_is_listed(hub: Any) -> None:
    hub.statuses["model.bin"] = [404]
    assert CliRunner().invoke(app, ["pull", "base.en", "--endpoint", hub.endpoint]).exit_code == 1
    row = next(
        line
        for line in CliRunner().invoke(app, ["list"]).stdout.splitlines()
        if line.startswith("base.en ")
    )
    assert "in part" in row


LIMIT = 60.0
"""Seconds after which a program that hangs fails a test."""


class TestConsent:
    def test_without_it_the_licence_is_told_and_the_status_is_2(
        self, xtts_hub: Any, cache: Path
    ) -> None:
        result = CliRunner().invoke(app, ["pull", "xtts", "--endpoint", xtts_hub.endpoint])
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        for part in ("non-commercial", "https://coqui.ai/cpml", "--accept-license"):
            assert part in result.stderr
        assert xtts_hub.requests == []
        assert not cache.exists()

    def test_with_it_the_weights_come(self, xtts_hub: Any, cache: Path) -> None:
        arguments = ["pull", "xtts_v2", "--accept-license", "--endpoint", xtts_hub.endpoint]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert result.stdout.endswith(f"xtts_v2 is in {cache / 'xtts_v2'}\n")
        shown = CliRunner().invoke(app, ["path", "xtts"])
        assert (shown.exit_code, shown.stdout) == (0, f"{cache / 'xtts_v2'}\n")

    def test_a_broken_model_asks_for_it_again(self, xtts_hub: Any, cache: Path) -> None:
        (cache / "xtts_v2").mkdir(parents=True)
        result = CliRunner().invoke(app, ["pull", "xtts_v2", "--endpoint", xtts_hub.endpoint])
        assert result.exit_code == 2

    def test_kokoro_needs_none(self, kokoro_release: Any, cache: Path) -> None:
        result = CliRunner().invoke(app, ["pull", "kokoro", "--endpoint", kokoro_release.endpoint])
        assert result.exit_code == 0, result.output
        assert (cache / "kokoro" / "voices-v1.0.bin").is_file()

    @pytest.mark.parametrize(
        ("answer", "status", "by"), [(b"y\n", 0, "terminal"), (b"n\n", 2, None), (b"\n", 2, None)]
    )
    def test_a_person_at_a_terminal_is_asked(
        self, xtts_hub: Any, cache: Path, answer: bytes, status: int, by: str | None
    ) -> None:
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answer)  # it waits there until it is asked for
            command = [sys.executable, "-m", "streamkit.cli", "models", "pull", "xtts_v2"]
            program = subprocess.run(
                [*command, "--endpoint", xtts_hub.endpoint],
                stdin=theirs,
                stderr=theirs,
                stdout=subprocess.PIPE,
                timeout=LIMIT,
                check=False,
            )
            told = os.read(ours, 1 << 16).decode()
        finally:
            os.close(ours)
            os.close(theirs)
        assert program.returncode == status
        assert "non-commercial" in told
        assert "Do you agree?" in told
        accepted = read_acceptance(cache / "xtts_v2")
        assert (accepted and accepted.by) == by
