"""``streamkit models`` without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streamkit.commands.models import app
from streamkit.models import CATALOGUE, resolve
from streamkit.models.catalogue import bundled_path


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path / "models"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "models"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


class TestList:
    def test_shows_every_model_uncut(self, cache: Path) -> None:
        shutil.copytree(bundled_path(), cache / "tiny")
        shutil.copytree(bundled_path(), cache / "my-own")
        result = run("list")
        assert result.exit_code == 0
        rows = {line.split()[0]: line for line in result.stdout.splitlines()}
        assert set(CATALOGUE) <= set(rows)
        assert str(cache / "tiny") in rows["tiny"]
        assert " yes " in rows["tiny"]
        assert " no " in rows["base.en"]
        assert str(bundled_path()) in rows["whisper-micro-en"]
        assert str(cache / "my-own") in rows["my-own"]

    def test_tells_what_hears_and_what_speaks_and_under_which_licence(self, cache: Path) -> None:
        (cache / "kokoro").mkdir(parents=True)
        rows = {line.split()[0]: line.split() for line in run("list").stdout.splitlines()}
        assert rows["tiny"][1:3] == ["hears", "78"]
        assert rows["xtts_v2"][1:7] == ["speaks", "1877", "17", "CPML,", "non-commercial", "no"]
        assert rows["kokoro"][1:6] == ["speaks", "354", "6", "Apache-2.0", "broken"]

    def test_tells_a_broken_one(self, cache: Path) -> None:
        (cache / "base").mkdir(parents=True)
        rows = run("list").stdout.splitlines()
        assert any(row.startswith("base ") and " broken " in row for row in rows)

    def test_brackets_are_no_markup(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        cache = tmp_path / "[bold]models[/x]"
        monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(cache))
        shutil.copytree(bundled_path(), cache / "tiny")
        result = run("list")
        assert result.exit_code == 0
        assert str(cache / "tiny") in result.stdout


class TestPath:
    def test_prints_nothing_but_the_path(self) -> None:
        result = run("path", "whisper-micro-en")
        assert result.stdout == f"{resolve('whisper-micro-en').path}\n"
        assert result.stderr == ""

    def test_the_notice_goes_to_the_other_channel(self) -> None:
        result = run("path", "auto")
        assert result.stdout == f"{bundled_path()}\n"
        assert "about 440 words only" in result.stderr

    def test_a_missing_voice_says_how_to_get_it(self) -> None:
        result = run("path", "xtts")
        assert result.exit_code == 1
        assert "`streamkit models pull xtts` downloads it" in result.stderr

    def test_a_missing_model_is_an_error_of_one_paragraph(self) -> None:
        result = run("path", "base.en")
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("error: the model 'base.en' is not on this machine")
        assert result.stderr.count("\n") == 1


class TestRemove:
    def test_deletes(self, cache: Path) -> None:
        shutil.copytree(bundled_path(), cache / "tiny")
        result = run("remove", "tiny")
        assert (result.exit_code, result.stdout) == (0, f"removed {cache / 'tiny'}\n")
        assert not (cache / "tiny").exists()

    def test_what_is_not_there_is_an_error(self) -> None:
        result = run("remove", "tiny")
        assert result.exit_code == 1
        assert "is not in" in result.stderr


class TestPull:
    def test_the_bundled_model_needs_no_network(self) -> None:
        result = run("pull", "whisper-micro-en")
        assert result.stdout == f"whisper-micro-en is in {bundled_path()}\n"

    @pytest.mark.parametrize("name", ["nova-3", "[/bold]"])
    def test_an_unknown_name(self, name: str) -> None:
        result = run("pull", name)
        assert result.exit_code == 1
        assert f"unknown model {name!r}" in result.stderr


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys, streamkit.commands.models; "
        "print([m for m in ('httpx', 'faster_whisper', 'huggingface_hub', 'numpy', 'rich.progress')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
