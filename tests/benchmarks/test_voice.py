"""The benchmark of the voice agent, on a real server; what it measures is not judged here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from streamkit_benchmarks import voice as module
from streamkit_benchmarks.voice_judge import STAGES

program = typer.Typer()
program.command()(module.voice)


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A sentence whose answer is broken into: about 12 s."""
    out = tmp_path_factory.mktemp("voice")
    arguments = ["--users", "1", "--turns", "1", "--kinds", "barge-in", "--out", str(out)]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 0, result.output
    assert "voice to voice" in result.output
    report = json.loads((out / "voice.json").read_text())
    assert report["finished"]
    assert {"voice.html", "waits.png", "stages.png"} <= {path.name for path in out.iterdir()}
    (found,) = report["steps"]
    assert isinstance(found, dict)
    return found


def test_every_sentence_is_heard_and_answered(step: dict[str, Any]) -> None:
    assert step["errors"] == step["failures"] == []
    assert step["sentences"] == 2
    assert step["unanswered"] == 0
    assert step["barge_ins"] == {"of": 1, "count": 0, "not_judged": 0}
    assert step["time_to_silence"]["count"] == 1


def test_what_the_server_says_of_the_same_turns_stands_beside_it(step: dict[str, Any]) -> None:
    assert step["ours"]
    assert set(step["stages"]) == {*STAGES, "voice_to_voice"}
    assert step["difference"]["count"] == step["voice_to_voice"]["count"]
    assert step["difference"]["all"]["max"] <= 5.0
    assert step["server"]["cpu_per_user"] > 0


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    arguments = ["--url", "ws://127.0.0.1:9", "--turns", "1", "--out", str(tmp_path), "--no-plots"]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code != 0
    assert "127.0.0.1:9" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--users", "0"], "numbers from 1 to"),
        (["--users", "many"], "numbers from 1 to"),
        (["--kinds", "plain,sing"], "sing is not known"),
        (["--until-p95", "0"], "out of range"),
        (["--url", "ws://h", "--turn-detection", "loud"], "a JSON object"),
        (["--url", "ws://h", "--header", "loud"], "NAME: VALUE"),
    ],
)
def test_options_that_cannot_be_used(arguments: list[str], words: str, tmp_path: Path) -> None:
    result = CliRunner(env={"COLUMNS": "400"}).invoke(program, [*arguments, "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert words in result.output
