"""The benchmark of the voice agent, on a real server; what it measures is not judged here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from streamkit_benchmarks import voice as module

program = typer.Typer()
program.command()(module.voice)

PARTS = ("endpoint", "final", "first_token", "first_piece", "first_byte", "first_audible")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Four sentences, the second reply broken into: about 25 s."""
    out = tmp_path_factory.mktemp("voice")
    result = CliRunner().invoke(program, ["--turns", "4", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "end of speech -> audible reply" in result.output
    found: dict[str, Any] = json.loads((out / "voice.json").read_text())
    return found


def test_every_sentence_is_heard_and_answered(report: dict[str, Any]) -> None:
    assert report["errors"] == []
    assert report["missed"] == 0
    assert report["replies"] == report["turns_heard"] == 4
    assert report["interruptions"] == 1


def test_what_the_person_waits_for_is_what_the_server_says(report: dict[str, Any]) -> None:
    assert set(PARTS) <= set(report["stages"])
    whole = report["stages"]["voice_to_voice"]["p50"]
    # The person's clock stops later by the way through the socket, and the detector hears the
    # end of a voice a window or so after or before the last loud sample.
    assert report["voice_to_voice"]["p50"] > whole - 0.15
    assert report["beyond_endpointing"]["p50"] <= whole


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    arguments = ["--server", "ws://127.0.0.1:9", "--turns", "1", "--out", str(tmp_path)]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code != 0
    assert "127.0.0.1:9" in str(result.exception)
