"""`streamkit talk` as a person runs it, without sound devices (see tests/client for those)."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from anyio.abc import Process

from streamkit.client.realtime_testing import LEVEL, Reply, ScriptedRealtimeServer
from streamkit.client.testing import Refusal

pytestmark = pytest.mark.anyio

RATE = 16000
COMMAND = [sys.executable, "-m", "streamkit.cli", "talk"]
LIMIT = 60.0
"""Seconds after which a test that hangs fails."""

SOUND = (1000 + np.arange(48000) % 9000).astype(np.int16)
"""Two seconds of a reply: no two stretches of it are the same."""

TEXT = "one two three four five six seven eight"


def write_wav(path: Path, *runs: tuple[int, float]) -> Path:
    """Runs of (word number or 0 for silence, seconds)."""
    samples = np.concatenate([np.full(round(s * RATE), v * LEVEL, "<i2") for v, s in runs])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def read_wav(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.fixture
def question(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "question.wav", (0, 0.2), (1, 0.3), (2, 0.3))


@pytest.fixture
def interruption(tmp_path: Path) -> Path:
    """A question, and another one a second after the reply to it has begun."""
    return write_wav(tmp_path / "two.wav", (1, 0.3), (0, 1.2), (2, 0.4))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.wav"


async def talk(
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


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


async def wait_for_report(server: ScriptedRealtimeServer, milliseconds: int) -> None:
    """Wait until the client says that it has played so much."""
    times = 0
    while True:
        times += 1
        message = await server.wait_for("input_audio_buffer.append", times)
        played = message.get("streamkit", {}).get("played", {})
        if played.get("audio_end_ms", -1) >= milliseconds:
            return


async def test_a_question_and_its_answer(question: Path, out: Path) -> None:
    reply = Reply(TEXT, SOUND, latency={"endpoint": 200.0, "voice_to_voice": 321.0})
    async with ScriptedRealtimeServer([reply]) as server:
        done = await talk("--server", server.url, "--input", question, "--output", out)
        visit = server.visits[0]
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["you: w1 w2", f"agent: {TEXT}"]
    assert "at the server 321 ms (endpoint 200)" in done.stderr
    assert "voice to voice ms: p50" in done.stderr
    heard = read_wav(out)
    there = np.flatnonzero(heard)
    np.testing.assert_array_equal(heard[there[0] : there[-1] + 1], SOUND)
    assert visit.query["model"]
    appends = visit.of("input_audio_buffer.append")
    stamps = [each["streamkit"]["captured_at"] for each in appends[10:] if each["audio"]]
    np.testing.assert_allclose(np.diff(stamps), 0.02, atol=1e-3)
    played = [each["streamkit"]["played"] for each in appends if "played" in each["streamkit"]]
    milliseconds = [each["audio_end_ms"] for each in played]
    assert milliseconds == sorted(milliseconds)
    assert (milliseconds[0], milliseconds[-1]) == (0, 2000)
    assert [each.get("ended", False) for each in played] == [False] * (len(played) - 1) + [True]
    assert visit.of("conversation.item.truncate") == []


async def test_an_interruption_is_exact(interruption: Path, out: Path) -> None:
    """The reply in progress is cut, what comes late of it is not heard, and the talk goes on."""
    replies = [
        Reply("eins zwei drei vier", SOUND, pause_after=18, late=3),
        Reply(TEXT, SOUND[:12000]),
    ]
    async with ScriptedRealtimeServer(replies) as server:
        arguments = ("--server", server.url, "--input", interruption, "--output", out, "--json")
        done = await talk(*arguments)
        (truncate,) = server.visits[0].of("conversation.item.truncate")
        refused = [each for each in server.visits[0].sent if each["type"] == "error"]
    assert done.returncode == 0, done.stderr
    assert refused == []
    first, cut, second, whole = records(done)
    assert (first["text"], second["text"]) == ("w1", "w2")
    assert cut["interrupted"]
    assert cut["text"]
    assert cut["unheard"]
    assert f"{cut['text']} {cut['unheard']}" == "eins zwei drei vier"
    assert cut["played_ms"] == truncate["audio_end_ms"]
    assert cut["item_ids"] == [truncate["item_id"]]
    assert (whole["text"], whole["interrupted"], whole["unheard"]) == (TEXT, False, "")
    heard = read_wav(out)
    heard = heard[heard != 0]
    samples = len(heard) - 12000
    np.testing.assert_array_equal(heard[:samples], SOUND[:samples])
    np.testing.assert_array_equal(heard[samples:], SOUND[:12000])
    assert truncate["audio_end_ms"] == samples * 1000 // 24000


async def test_a_server_that_pauses_and_goes_on(question: Path, out: Path) -> None:
    reply = Reply(TEXT, SOUND, pause_after=2)
    async with ScriptedRealtimeServer([reply]) as server, anyio.create_task_group() as tasks:

        async def go_on() -> None:
            await wait_for_report(server, 200)
            server.go_on()

        tasks.start_soon(go_on)
        done = await talk("--server", server.url, "--input", question, "--output", out)
    assert done.stdout.splitlines()[1] == f"agent: {TEXT}"
    heard = read_wav(out)
    np.testing.assert_array_equal(heard[heard != 0], SOUND)


async def test_errors_are_one_line_and_the_talk_goes_on(question: Path, out: Path) -> None:
    replies = [Reply(error="the model is away"), Reply(TEXT, SOUND[:2400])]
    async with ScriptedRealtimeServer(replies) as server:
        asked = ("--input", question, "--input", question, "--turn-gap", "0.5")
        done = await talk("--server", server.url, *asked, "--output", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["you: w1 w2", "you: w1 w2", f"agent: {TEXT}"]
    assert done.stderr.splitlines()[0] == "the reply failed: the model is away"
    assert "Traceback" not in done.stderr


async def test_a_server_that_goes_away_and_comes_back(question: Path, out: Path) -> None:
    replies = [Reply(TEXT, SOUND[:24000]), Reply("nine ten", SOUND[:2400])]
    async with ScriptedRealtimeServer(replies) as server, anyio.create_task_group() as tasks:

        async def cut() -> None:
            await wait_for_report(server, 1000)
            server.cut()

        tasks.start_soon(cut)
        asked = ("--input", question, "--input", question, "--turn-gap", "2")
        done = await talk("--server", server.url, *asked, "--output", out)
        again = server.visits[1].received
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "you: w1 w2",
        f"agent: {TEXT}",
        "you: w1 w2",
        "agent: nine ten",
    ]
    assert "connection lost" in done.stderr
    assert "connected again, in a new session that knows what was said before" in done.stderr
    assert [message["type"] for message in again[:3]] == [
        "session.update",
        "conversation.item.create",
        "conversation.item.create",
    ]
    said = [message["item"]["content"][0]["text"] for message in again[1:3]]
    assert said == ["w1 w2", TEXT]


async def test_options_become_the_session(question: Path, out: Path) -> None:
    async with ScriptedRealtimeServer() as server:
        chosen = ("--voice", "v", "--speed", "1.2", "--language", "de", "--eagerness", "low")
        more = ("--instructions", "Be brief.", "--model", "m", "--key", "k")
        async with anyio.create_task_group() as tasks:
            arguments = ("--server", server.url, "--input", question, "--output", out)
            process = await start(*arguments, *chosen, *more)
            message = await server.wait_for("session.update")
            tasks.cancel_scope.cancel()
        process.kill()
        await process.aclose()
        visit = server.visits[0]
    assert visit.query["model"] == "m"
    assert visit.headers["authorization"] == "Bearer k"
    session = message["session"]
    assert session["instructions"] == "Be brief."
    assert session["audio"]["output"]["voice"] == "v"
    assert session["audio"]["output"]["speed"] == 1.2
    assert session["audio"]["input"]["transcription"]["language"] == "de"
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
    }


async def test_writing(out: Path) -> None:
    replies = [Reply("spoken", SOUND[:2400]), Reply("in writing")]
    async with ScriptedRealtimeServer(replies) as server:
        arguments = ("--server", server.url, "--text", "--output", out, "--turn-gap", "0.5")
        done = await talk(*arguments, stdin=b"Hello\n\n  Bye")
        items = server.visits[0].of("conversation.item.create")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["you: Hello", "agent: spoken", "you: Bye",
                                        "agent: in writing"]  # fmt: skip
    assert [each["item"]["content"][0]["text"] for each in items] == ["Hello", "Bye"]
    heard = read_wav(out)
    np.testing.assert_array_equal(heard[heard != 0], SOUND[:2400])


async def test_the_key_comes_from_the_environment_and_stays_secret(
    question: Path, out: Path
) -> None:
    replies, refusals = [Reply(TEXT, SOUND[:2400])], [Refusal(401, "wrong key")]
    async with ScriptedRealtimeServer(replies, refusals=refusals) as server:
        arguments = ("--server", server.url, "--input", question, "--output", out)
        environment = {"STREAMKIT_API_KEY": "canary-key"}
        refused = await talk(*arguments, environment=environment)
        accepted = await talk(*arguments, environment=environment)
        assert server.visits[0].headers["authorization"] == "Bearer canary-key"
    assert refused.returncode == 1
    assert "HTTP 401: wrong key; check the API key" in refused.stderr
    assert accepted.returncode == 0
    for done in (refused, accepted):
        assert "Traceback" not in done.stderr
        assert "canary-key" not in done.stdout + done.stderr


async def test_no_server_there(question: Path, out: Path, free_tcp_port: int) -> None:
    url = f"ws://127.0.0.1:{free_tcp_port}"
    done = await talk("--server", url, "--input", question, "--output", out)
    assert done.returncode == 1
    assert "cannot reach a server" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_leaves_at_once_and_the_file_is_whole(
    question: Path, out: Path, number: signal.Signals
) -> None:
    async with ScriptedRealtimeServer([Reply(TEXT, SOUND)]) as server:
        with anyio.fail_after(LIMIT):
            arguments = ("--server", server.url, "--input", question, "--output", out)
            process = await start(*arguments)
            async with process:
                await wait_for_report(server, 500)
                process.send_signal(number)
                assert await process.wait() == 0
    heard = read_wav(out)
    samples = np.count_nonzero(heard)
    assert samples >= 12000
    np.testing.assert_array_equal(heard[heard != 0], SOUND[:samples])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--text", "--input", "a.wav"], "different ways to speak"),
        (["--push-to-talk", "--text"], "different ways to speak"),
        (["--text", "--device", "0"], "names a microphone"),
        (["--output", "o.wav", "--speaker", "0"], "takes the place of the loudspeaker"),
        (["--eagerness", "low", "--silence", "500"], "two ways to end a turn"),
        (["--push-to-talk"], "needs a terminal"),
        (["--server", "ws://x", "--llm", "http://y"], "for the server inside"),
        (["--server", "ws://x", "--tts", "xtts"], "for the server inside"),
        (["--speed", "9"], "1.5"),
        (["--eagerness", "huge"], "huge"),
    ],
)
async def test_wrong_combinations_exit_with_2(arguments: list[str], says: str) -> None:
    done = await talk(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tts", "xtts"], "streamkit models pull xtts_v2"),
        (["--tts", "festival"], "unknown voice engine 'festival'"),
        (["--llm-model", "a-model"], "a-model"),
    ],
)
async def test_the_server_inside_does_as_it_is_told(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    done = await talk("--text", "--model", "whisper-micro-en", *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


async def test_bad_files_exit_with_1(tmp_path: Path, question: Path, out: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no audio")
    nowhere = tmp_path / "nowhere" / "out.wav"
    async with ScriptedRealtimeServer() as server:
        cases: list[tuple[tuple[Path, Path], str]] = [
            ((tmp_path / "nothing.wav", out), "No such file"),
            ((text, out), "no audio format"),
            ((question, nowhere), "choose another --output"),
        ]
        for (source, target), says in cases:
            done = await talk("--server", server.url, "--input", source, "--output", target)
            assert done.returncode == 1
            assert says in done.stderr
            assert "Traceback" not in done.stderr
        assert server.visits == []


async def test_the_live_view_on_a_terminal(interruption: Path, out: Path) -> None:
    replies = [Reply(TEXT, SOUND), Reply("nine", SOUND[:12000])]
    async with ScriptedRealtimeServer(replies) as server:
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        arguments = ["--server", server.url, "--input", str(interruption), "--output", str(out)]
        process = await anyio.open_process(
            [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        with anyio.fail_after(LIMIT):
            seen = await anyio.to_thread.run_sync(_read_terminal, ours)
            assert await process.wait() == 0
        os.close(ours)
        await process.aclose()
    for state in ("listening", "you speak", "speaking"):
        assert state in seen
    # The unheard part of the interrupted reply is struck out.
    assert "\x1b[2;9m" in seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    assert "voice to voice ms" in seen.splitlines()[-1]


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


async def test_without_a_server_one_is_started_inside(recordings: Path, out: Path) -> None:
    """The whole way: real ears, the built-in parrot, the built-in voice."""
    arguments = ("--model", "whisper-micro-en", "--json", "--output", out)
    done = await talk("--input", recordings / "short_01.flac", *arguments)
    assert done.returncode == 0, done.stderr
    said, reply = records(done)
    assert said["role"] == "user"
    assert said["text"].rstrip(".?") in reply["text"]
    assert not reply["interrupted"]
    assert reply["voice_to_voice_ms"] > 0
    assert reply["latency_ms"]["endpoint"] > 0
    heard = np.flatnonzero(np.abs(read_wav(out).astype(int)) > 500)
    assert heard[-1] - heard[0] <= reply["played_ms"] * 24


async def test_a_model_that_is_not_there(question: Path, out: Path) -> None:
    done = await talk("--model", "no-such-model", "--input", question, "--output", out)
    assert done.returncode == 1
    assert "no-such-model" in done.stderr
    assert "Traceback" not in done.stderr
