from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import typer
from typer.testing import CliRunner

from streamkit.errors import ConfigurationError, ConnectionLostError
from streamkit_benchmarks import captions as module
from streamkit_benchmarks import extras
from streamkit_benchmarks.drive import cpu_seconds, memory_mib, play
from streamkit_benchmarks.launch import launched
from streamkit_benchmarks.streamkit_system import Screen, ShownWord, server_settings
from streamkit_benchmarks.systems import Served, Setup, Show
from streamkit_benchmarks.talk import make_talk

program = typer.Typer()
program.command()(module.captions)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(program, arguments)


def test_a_short_run_of_our_server(tmp_path: Path) -> None:
    """A real server, 12 s of talk for one client and 6 s for two: about 30 s."""
    result = run(
        "--minutes", "0.2", "--clients", "1,2", "--limit", "30", "--step-seconds", "6",
        "--no-naive", "--out", str(tmp_path), "--save", str(tmp_path / "talk.wav"),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "captions.json").read_text())
    assert report["finished"]
    assert report["offline"]["wer"] <= 30
    ours = report["systems"]["streamkit"]
    assert "failure" not in ours
    main = ours["main"]
    for figures in (main, report["unaware"]):
        assert figures["committed_words_rewritten"] == 0
        assert figures["understood"] > 0.7 * figures["words"]
        assert figures["commit"]["p50"] >= figures["first_partial"]["p50"]
    assert len(main["latencies"]["commit"]) == main["understood"]
    assert main["cpu_per_audio_second"] > 0
    assert main["memory_mib"]["end"] > 10
    assert [row["clients"] for row in ours["clients"]] == [1, 2]
    assert all(row["committed_words_rewritten"] == 0 for row in ours["clients"])
    assert "WER of the stream" in result.output
    for name in ("latency.png", "clients.png", "talk.wav", "talk.json"):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--clients", "one"), "numbers from 1 to 512"),
        (("--clients", "0,1"), "numbers from 1 to 512"),
        (("--minutes", "0"), "0.1 to 1440"),
        (("--cores", "4095"), "accepted"),
        (("--peer", "nobody"), "there is no peer"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match="NAME=VALUE"):
        server_settings(["threads"])
    with pytest.raises(ConfigurationError, match="no setting"):
        server_settings(["thread=1"])
    assert server_settings(["threads=2", "model=auto"]).threads == 2


def test_what_is_missing_is_named_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        extras, "find_spec", lambda name: None if name == "matplotlib" else there(name)
    )
    result = run("--out", str(tmp_path / "out"))
    assert isinstance(result.exception, ConfigurationError)
    assert "streamkit[bench]" in str(result.exception)
    assert "--no-plots" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_it_is_a_program() -> None:
    path = Path(module.__file__)
    result = subprocess.run(
        [sys.executable, str(path), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "--step-seconds" in result.stdout


def shown(*texts: str, start: float = 0.0) -> list[ShownWord]:
    return [ShownWord(text, start + i, start + i + 0.5) for i, text in enumerate(texts)]


def test_a_screen_keeps_what_follows_a_final() -> None:
    screen = Screen()
    screen.take(shown("one", "two", "three", "four"), 3, is_final=False, end=4.0)
    assert (screen.committed, screen.tentative) == ("one two three", "four")
    screen.take(shown("one", "two"), 0, is_final=True, end=2.0)
    assert (screen.committed, screen.tentative) == ("one two three", "four")
    screen.take(shown("three", "for", start=2.0), 1, is_final=False, end=4.0)
    assert (screen.committed, screen.tentative) == ("one two three", "for")
    screen.take(shown("three", "four.", start=2.0), 0, is_final=True, end=4.0)
    assert (screen.committed, screen.tentative) == ("one two three four.", "")


class Broken:
    """A system whose connection ends when it likes."""

    name = "broken"

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def version(self) -> str:
        return "1"

    @contextmanager
    def serve(self, setup: Setup) -> Iterator[Served]:
        yield Served("nowhere", psutil.Process())

    async def converse(self, url: str, audio: AsyncIterator[bytes], show: Show) -> None:
        count = 0
        async for _ in audio:
            count += 1
            if count == 3:
                break
        show("hello", "")
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize(
    ("error", "said"), [(None, "hung up"), (ValueError("no words"), "ValueError: no words")]
)
def test_a_system_that_breaks_is_reported(error: Exception | None, said: str) -> None:
    system = Broken(error)
    talk = make_talk(2.0)
    with system.serve(Setup(Path(), 1, ())) as served:
        load = play(system, served, [talk, talk], lambda line: None)
    assert [said in (viewer.failure or "") for viewer in load.viewers] == [True, True]
    assert load.viewers[0].recording.committed == "hello"
    assert all(-0.001 < late < 5 for late in load.viewers[0].late)


def test_an_interrupt_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(self: module.Run, system: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.Run, "system", interrupt)
    result = run("--minutes", "0.1", "--no-naive", "--out", str(tmp_path))
    assert result.exit_code == 130
    report = json.loads((tmp_path / "captions.json").read_text())
    assert not report["finished"]
    assert report["unaware"]["words"] > 0
    assert "Interrupted" in result.output


def test_a_server_that_does_not_start_says_why() -> None:
    command = [sys.executable, "-c", "print('the disk is full')"]
    with pytest.raises(ConnectionLostError, match="the disk is full"), launched(command, "ready"):
        pass


def test_a_server_is_gone_with_its_children() -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('ready', child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    with launched([sys.executable, "-c", script], r"ready (\d+)") as (process, match):
        child = psutil.Process(int(match[1]))
        assert memory_mib(process) > memory_mib(child) > 0
        assert cpu_seconds(process) >= 0
    assert not process.is_running()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
