"""The benchmark of voices as a command."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from streamkit.errors import ConfigurationError, StreamkitError
from streamkit_benchmarks import speech as module

program = typer.Typer()
program.command()(module.speech)

EXTRA = "extra [xtts]: coqui-tts is not installed"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(program, arguments)


def test_a_quick_run(tmp_path: Path) -> None:
    """Everything with a tiny model, real processes and the real library: 1.5 minutes."""
    pytest.importorskip("TTS", reason=EXTRA)
    result = run("--quick", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "speech.json").read_text())
    assert report["finished"]
    assert report["weights"]["real"] is False
    ours, theirs = (report["systems"][name] for name in ("streamkit", "coqui-tts"))
    for own, other in zip(ours["lengths"], theirs["lengths"], strict=True):
        assert own["audio"] == pytest.approx(other["audio"], abs=0.02), "they say as much"
        assert own["audio"] == pytest.approx(own["asked"], abs=0.3)
        assert own["chunks"] > other["chunks"]
    assert [row["calculated"] for row in ours["streams"]] == [False, False]
    assert [row["calculated"] for row in theirs["streams"]] == [False, True]
    tokens = report["tokens"]["streamkit"]
    assert tokens["float32"]["latents"] < 1e-5, "ours are the library's"
    assert tokens["float32"]["latents"] < tokens["bfloat16"]["latents"] < 0.05
    (exact,) = report["exact"].values()
    assert exact["streamkit"]["largest"] < 1e-3
    assert exact["streamkit"]["missing"] == 0
    assert exact["streamkit"]["largest"] < exact["library"]["largest"]
    assert exact["interleaved"]["same_tokens"]
    assert report["loop"]["xtts"]["heard_seconds"] > 0
    assert report["heard"]["espeak"]["wer"] < 30
    assert "random weights" in report["heard"]["streamkit"]["failure"]
    assert report["cuda"]
    assert "Limits" in result.output
    for name in ("systems.png", "vocoder.png", "streams.png"):
        assert (tmp_path / name).stat().st_size > 1000


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        return None if name == "TTS" else find_spec("json")

    monkeypatch.setattr("importlib.util.find_spec", missing)
    result = run("--out", str(tmp_path / "out"))
    assert isinstance(result.exception, ConfigurationError)
    assert "cannot import TTS: pip install 'streamkit[xtts,bench]'" in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "tpu"], "accepted: cpu, cuda"),
        (["--wait", "eagerly"], "accepted: short, passive, active, default"),
        (["--streams", "1,0"], "numbers from 1 to 64"),
        (["--streams", "x"], "numbers from 1 to 64"),
        (["--parts", "voices,songs"], "any of voices, vocoder"),
        (["--threads", "-1"], "out of range"),
    ],
)
def test_options_that_cannot_be(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    # The terminal's box breaks lines.
    assert said in " ".join(result.output.replace("│", " ").split())


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    pytest.importorskip("TTS", reason=EXTRA)
    result = run("--xtts", str(tmp_path), "--out", str(tmp_path / "out"))
    assert isinstance(result.exception, StreamkitError)
    assert "holds no weights" in str(result.exception)
