"""``streamkit models pull`` against a real server; the rest is in tests/commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streamkit.commands.models import app
from streamkit.models import download


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
