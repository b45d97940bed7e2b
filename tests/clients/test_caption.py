from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import wave
from pathlib import Path

import anyio
import numpy as np
import pytest
from anyio.abc import Process

from streamkit.client.testing import Refusal, ScriptedServer

pytestmark = pytest.mark.anyio

RATE = 8000
COMMAND = [sys.executable, "-m", "streamkit.cli", "caption"]
ENDLESS_BLOCKS = 30
"""Audio messages after which the second word of the endless recording has begun."""

LIMIT = 60.0
"""Seconds after which a test that hangs fails."""


def speech(*runs: tuple[int, float]) -> np.ndarray:
    return np.concatenate([np.full(round(s * RATE), v, dtype="<i2") for v, s in runs])


DIALOGUE = speech((0, 0.3), (1, 0.2), (2, 0.3), (0, 0.8), (3, 0.4), (0, 0.1), (4, 0.2))
LINES = ["w1 w2", "w3 w4"]


def write_wav(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


@pytest.fixture
def dialogue(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "dialogue.wav", DIALOGUE)


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A first utterance, then a word that has not ended when the test interrupts it."""
    return write_wav(tmp_path / "endless.wav", speech((1, 0.2), (0, 0.8), (2, 600.0)))


async def caption(
    *arguments: str | Path, stdin: bytes = b"", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    with anyio.fail_after(LIMIT):
        done = await anyio.run_process(
            [*COMMAND, *map(str, arguments)],
            input=stdin,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


async def start(*arguments: str | Path) -> Process:
    return await anyio.open_process([*COMMAND, *map(str, arguments)])


async def test_a_file_becomes_lines_and_subtitles(dialogue: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / f"out.{name}" for name in ("srt", "vtt", "json", "txt")}
    async with ScriptedServer() as server:
        done = await caption(
            dialogue,
            *("--server", server.url, "--fast", "--language", "en", "--model", "m"),
            *("--endpointing", "400"),
            *(part for name, path in files.items() for part in (f"--{name}", path)),
        )
        query = server.visits[0].query
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == LINES
    assert "latency ms" in done.stderr
    assert (query["language"], query["model"], query["endpointing"]) == ("en", "m", "400")
    assert files["txt"].read_text().splitlines() == LINES
    assert "00:00:00,300 --> 00:00:01,300\nw1 w2\n" in files["srt"].read_text()
    assert files["vtt"].read_text().startswith("WEBVTT\n\n00:00:00.300 --> ")
    finals = json.loads(files["json"].read_text())["finals"]
    assert [word["word"] for final in finals for word in final["words"]] == ["w1", "w2", "w3", "w4"]


async def test_a_paced_file_is_sent_with_capture_times(dialogue: Path) -> None:
    async with ScriptedServer() as server:
        done = await caption(dialogue, "--server", server.url)
        stamps = [
            text["streamkit"]["captured_at"]
            for text in server.visits[0].texts
            if "captured_at" in text.get("streamkit", {})
        ]
    assert done.stdout.splitlines() == LINES
    steps = np.diff(stamps)
    np.testing.assert_allclose(steps, 0.05, atol=1e-3)
    assert "latency ms: shown" in done.stderr


@pytest.mark.parametrize("raw", [True, False])
async def test_stdin(raw: bool, dialogue: Path) -> None:
    async with ScriptedServer() as server:
        if raw:
            audio, options = DIALOGUE.tobytes(), ["--rate", str(RATE)]
        else:
            audio, options = await anyio.Path(dialogue).read_bytes(), []
        done = await caption("-", "--server", server.url, *options, stdin=audio)
    assert (done.returncode, done.stdout.splitlines()) == (0, LINES), done.stderr


async def test_a_dropped_connection_costs_no_word(dialogue: Path) -> None:
    async with ScriptedServer(drops=[25, 18]) as server:
        done = await caption(dialogue, "--server", server.url, "--fast")
    assert (done.returncode, done.stdout.splitlines()) == (0, LINES)
    assert done.stderr.count("connection lost") == 2
    assert done.stderr.count("connected again") == 2


async def test_quiet_prints_the_words_only(dialogue: Path) -> None:
    async with ScriptedServer(drops=[25]) as server:
        done = await caption(dialogue, "--server", server.url, "--fast", "--quiet")
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, LINES, "")


async def test_the_key_comes_from_the_environment_and_stays_secret(dialogue: Path) -> None:
    async with ScriptedServer(refusals=[Refusal(401, "wrong key")]) as server:
        arguments = (dialogue, "--server", server.url, "--fast")
        environment = {"STREAMKIT_API_KEY": "canary-key"}
        refused = await caption(*arguments, environment=environment)
        accepted = await caption(*arguments, environment=environment)
        assert server.visits[0].headers["authorization"] == "Token canary-key"
    assert refused.returncode == 1
    assert "HTTP 401: wrong key; check the API key" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert accepted.returncode == 0
    for done in (refused, accepted):
        assert "canary-key" not in done.stdout + done.stderr


async def test_a_server_that_goes_away_leaves_the_finals_on_disk(
    dialogue: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.txt"
    async with ScriptedServer(close_codes=[1008]) as server:
        failed = await caption(dialogue, "--server", server.url, "--fast", "--txt", out)
    assert failed.returncode == 1
    assert "close code 1008" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert out.read_text() == ""

    # After so many messages the first utterance is final; then every new connection is refused.
    async with ScriptedServer(drops=[70]) as server, anyio.create_task_group() as tasks:

        async def refuse_later() -> None:
            await server.wait_for_audio()
            server.refusals.append(Refusal(403, "no more"))

        tasks.start_soon(refuse_later)
        failed = await caption(dialogue, "--server", server.url, "--fast", "--txt", out)
    assert failed.returncode == 1
    assert "HTTP 403: no more" in failed.stderr
    assert failed.stdout.splitlines() == LINES[:1]
    assert out.read_text().splitlines() == LINES[:1]


async def test_no_server_there(dialogue: Path, free_tcp_port: int) -> None:
    done = await caption(dialogue, "--server", f"ws://127.0.0.1:{free_tcp_port}")
    assert done.returncode == 1
    assert "cannot reach a server" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_flushes_the_last_words(
    endless: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out.txt"
    async with ScriptedServer() as server:
        with anyio.fail_after(LIMIT):
            process = await start(endless, "--server", server.url, "--txt", out)
            async with process:
                assert process.stdout is not None
                said = await process.stdout.receive()
                await server.wait_for_audio(ENDLESS_BLOCKS)
                process.send_signal(number)
                async for more in process.stdout:
                    said += more
            assert process.returncode == 0
        assert server.visits[0].texts[-1] == {"type": "CloseStream"}
    assert said.decode().splitlines() == ["w1", "w2"]
    assert out.read_text().splitlines() == ["w1", "w2"]


async def test_finals_are_on_disk_when_the_program_is_killed(endless: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    async with ScriptedServer() as server:
        with anyio.fail_after(LIMIT):
            process = await start(endless, "--server", server.url, "--txt", out)
            async with process:
                while not out.exists():  # noqa: ASYNC110 - nobody tells when a file appears
                    await anyio.sleep(0.05)
                process.kill()
    assert out.read_text() == "w1\n"


async def test_a_second_interrupt_leaves_at_once(endless: Path) -> None:
    async with ScriptedServer(held=True) as server:
        with anyio.fail_after(LIMIT):
            process = await start(endless, "--server", server.url)
            async with process:
                await server.wait_for_audio()
                # The server is held, so the program waits for last words until it is told twice.
                while process.returncode is None:
                    process.send_signal(signal.SIGINT)
                    with anyio.move_on_after(0.2):
                        await process.wait()
        assert process.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no audio given"),
        (["a.wav", "--mic"], "two sources"),
        (["a.wav", "--device", "0"], "two sources"),
        (["--mic", "--fast"], "--fast is for a file"),
        (["-", "--fast"], "--fast is for a file"),
        (["a.wav", "--rate", "16000"], "raw linear16 on stdin"),
        (["a.wav", "--rate", "1"], "8000"),
        (["a.wav", "--unknown"], "unknown"),
    ],
)
async def test_wrong_combinations_exit_with_2(arguments: list[str], says: str) -> None:
    done = await caption(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


async def test_bad_files_exit_with_1(tmp_path: Path, dialogue: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no audio")
    async with ScriptedServer() as server:
        cases: list[tuple[list[str | Path], str]] = [
            ([tmp_path / "nothing.wav"], "No such file"),
            ([text], "no audio format"),
            ([dialogue, "--srt", tmp_path / "nowhere" / "x.srt"], "there is no folder"),
            ([dialogue, "--srt", tmp_path / "x", "--txt", tmp_path / "x"], "same file"),
        ]
        for arguments, says in cases:
            done = await caption(*arguments, "--server", server.url)
            assert done.returncode == 1
            assert says in done.stderr
            assert "Traceback" not in done.stderr
        assert server.visits == []


async def test_live_view_on_a_terminal(dialogue: Path) -> None:
    async with ScriptedServer() as server:
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        process = await anyio.open_process(
            [*COMMAND, str(dialogue), "--server", server.url],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
        )
        os.close(theirs)
        with anyio.fail_after(LIMIT):
            seen = await anyio.to_thread.run_sync(_read_terminal, ours)
            assert await process.wait() == 0
        os.close(ours)
        await process.aclose()
    assert "listening to dialogue.wav" in seen
    # The open word is dim while it may change, and the cursor comes back at the end.
    assert "\x1b[2mw1" in seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    assert "latency ms: shown" in seen.splitlines()[-1]


def _read_terminal(descriptor: int) -> str:
    seen = b""
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # Linux answers so when the other end is closed
            data = b""
        if not data:
            return seen.decode()
        seen += data


async def test_without_a_server_one_is_started_inside(recordings: Path, tmp_path: Path) -> None:
    recording = recordings / "long_00.flac"
    out = tmp_path / "out.txt"
    done = await caption(
        recording, "--fast", "--model", "whisper-micro-en", "--quiet", "--txt", out
    )
    assert done.returncode == 0, done.stderr
    assert "What is the weather like in Boston?" in done.stdout.splitlines()
    assert done.stderr == ""
    assert out.read_text() == done.stdout


async def test_a_model_that_is_not_there(dialogue: Path) -> None:
    done = await caption(dialogue, "--model", "no-such-model")
    assert done.returncode == 1
    assert "no-such-model" in done.stderr
    assert "Traceback" not in done.stderr
