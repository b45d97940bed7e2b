"""How a model wants to be decoded: the choice, where it is kept, and a run with the real model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamkit.asr.profile import ModelProfile
from streamkit.cli import app
from streamkit.errors import ModelError
from streamkit.models import resolve
from streamkit_benchmarks import calibrate
from streamkit_benchmarks.calibrate import Trial, pick, store


def trial(wer: float, cost: float) -> Trial:
    return Trial(ModelProfile(), wer, cost, "")


def test_the_cheapest_of_those_that_are_good_enough() -> None:
    tries = [trial(5.0, 9.0), trial(5.3, 3.0), trial(5.6, 1.0), trial(9.0, 0.5)]
    assert pick(tries, 0.5).cost == 3.0
    assert pick(tries, 0.0).cost == 9.0
    assert pick(tries, 10).cost == 0.5


def test_a_named_model_s_profile_lies_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path))
    path = store(resolve("whisper-micro-en"), {"margin": 0.5, "policy": "agreement"})
    store(resolve("whisper-micro-en"), {"trim": 6.0})
    assert path.parent == tmp_path
    profile = resolve("whisper-micro-en").profile
    assert (profile.margin, profile.policy, profile.trim) == (0.5, "agreement", 6.0)


def test_a_directory_s_profile_lies_in_it(tmp_path: Path, multilingual: Path) -> None:
    shutil.copytree(multilingual, tmp_path / "own")
    before = resolve(str(tmp_path / "own")).profile
    store(resolve(str(tmp_path / "own")), {"hold_back": 0.7})
    after = resolve(str(tmp_path / "own")).profile
    assert after.hold_back == 0.7
    assert after.margin == before.margin


def test_a_profile_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = resolve("whisper-micro-en")
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="cannot be stored"):
        store(found, {"margin": 1.0})


def test_the_command(recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path))
    monkeypatch.setattr(calibrate, "MARGINS", (None, 1.0))
    monkeypatch.setattr(calibrate, "HOLD_BACKS", (0.4,))
    monkeypatch.setattr(calibrate, "TRIMS", (3.0,))
    command = ["models", "calibrate", "whisper-micro-en", "--minutes", "0.3"]
    run = CliRunner().invoke(app, [*command, "--recordings", str(recordings)])
    assert run.exit_code == 0, run.output
    stored = json.loads((tmp_path / "whisper-micro-en.profile.json").read_text())
    # The full window costs many times as much, and this model does not need it.
    assert stored["margin"] == 1.0
    assert stored["trim"] == 3.0
    assert stored["policy"] in {"agreement", "either"}
    assert "margin" in run.output
    assert "policy" in run.output


def test_a_dry_run_stores_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path))
    monkeypatch.setattr(calibrate, "MARGINS", (1.0,))
    monkeypatch.setattr(calibrate, "HOLD_BACKS", ())
    monkeypatch.setattr(calibrate, "TRIMS", (3.0,))
    command = ["models", "calibrate", "whisper-micro-en", "--minutes", "0.2", "--dry-run"]
    run = CliRunner().invoke(app, command)
    assert run.exit_code == 0, run.output
    assert "chosen" in run.output
    assert list(tmp_path.iterdir()) == []


def test_no_folder_is_said() -> None:
    command = ["models", "calibrate", "whisper-micro-en", "--recordings", "nowhere"]
    run = CliRunner().invoke(app, command)
    assert run.exit_code != 0
    assert "nowhere is no folder" in str(run.exception)
