"""The peers of the caption benchmark: what their messages add up to, and where they live.

The messages are what the real servers said to the beginning of `long_00.flac`, shortened where a
test does not look; refusals and lines of silence are made after their source.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
import soundfile

from streamkit.models import resolve
from streamkit_benchmarks.peers import (
    PEERS,
    RECIPES,
    environments,
    processes,
    realtimestt,
    whisper_live,
    whisper_streaming,
    whisperlivekit,
)
from streamkit_benchmarks.peers.waiting import Quiet
from streamkit_benchmarks.systems import CHUNK_SAMPLES, RATE, Setup, System, UnavailableError

SETUP = Setup(Path("model"), threads=2, cores=(0,))


def test_whisper_streaming_sends_the_words_that_it_commits() -> None:
    lines = ["0 920  Remind me to", "920 1860  clean the living room", "1860 2280  tomorrow."]
    assert whisper_streaming.text_of(lines) == "Remind me to clean the living room tomorrow."


def test_whisper_streaming_begins_anew_without_a_space() -> None:
    lines = ["3676 4616  What is the weather", "8680 9000 is fifty"]
    assert whisper_streaming.text_of(lines) == "What is the weather is fifty"


def segment(start: str, end: str, text: str, *, completed: bool) -> dict[str, Any]:
    return {"start": start, "end": end, "text": text, "completed": completed}


def test_whisper_live_sends_each_completed_segment_many_times() -> None:
    transcript = whisper_live.Transcript()
    room = " Remind me to clean the living room tomorrow."
    first = segment("0.340", "2.300", room, completed=True)
    seen = [
        transcript.take(segments) and (transcript.committed, transcript.tentative)
        for segments in [
            [segment("0.000", "1.860", " Remind me to clean the living room.", completed=False)],
            [segment("0.000", "2.300", room, completed=False)],
            [segment("0.000", "2.300", room, completed=False)],
            [first, segment("2.300", "3.980", " What", completed=False)],
            [first, segment("2.300", "4.120", " What is", completed=False)],
            [first, segment("2.300", "5.940", " What is the weather like?", completed=True)],
        ]
    ]
    assert seen == [
        ("", "Remind me to clean the living room."),
        ("", room.strip()),
        False,
        (room.strip(), "What"),
        (room.strip(), "What is"),
        (f"{room.strip()} What is the weather like?", ""),
    ]


def test_whisper_live_may_refuse_a_client() -> None:
    with pytest.raises(ConnectionRefusedError, match="WAIT"):
        whisper_live.check({"uid": "1", "status": "WAIT", "message": 3.2})
    assert whisper_live.check({"uid": "1", "message": "SERVER_READY"})["uid"] == "1"


def test_whisper_live_hears_floats() -> None:
    assert struct.unpack("<2f", whisper_live.as_float(struct.pack("<2h", -32768, 16384))) == (
        -1.0,
        0.5,
    )


def test_whisperlivekit_sends_everything_each_time() -> None:
    line = {
        "speaker": 1,
        "text": " Remind me to clean the living room tomorrow. Black",
        "start": "0:00:00.00",
        "end": "0:00:03.98",
    }
    message = {
        "status": "active_transcription",
        "lines": [line],
        "buffer_transcription": " is",
        "remaining_time_transcription": 0.1,
    }
    assert whisperlivekit.texts_of(message) == (
        "Remind me to clean the living room tomorrow. Black",
        "is",
    )
    silence = {"speaker": -2, "text": "", "start": "0:00:02.30", "end": "0:00:08.00"}
    message["lines"] = [line, silence, {**line, "text": " is the"}]
    assert whisperlivekit.texts_of(message) == (
        "Remind me to clean the living room tomorrow. Black is the",
        "is",
    )


@pytest.mark.parametrize("kind", ["config", "ready_to_stop"])
def test_whisperlivekit_says_other_things_too(kind: str) -> None:
    assert whisperlivekit.texts_of({"type": kind}) is None


def test_realtimestt_replaces_text_until_it_is_final() -> None:
    transcript = realtimestt.Transcript()

    def realtime(number: int, text: str) -> dict[str, Any]:
        return {"type": "realtime", "segmentId": number, "text": text, "displayText": text}

    def final(number: int, text: str) -> dict[str, Any]:
        return {"type": "final", "segmentId": number, "text": text, "endReason": "recording_stop"}

    seen = [
        transcript.take(message) and (transcript.committed, transcript.tentative)
        for message in [
            {"type": "status", "state": "voice"},
            realtime(1, "Remind"),
            realtime(1, "Remind me to"),
            realtime(1, "Remind me to"),
            final(1, "Remind me to clean the living room tomorrow."),
            realtime(2, "What is"),
            final(2, "What is the weather like in Boston?"),
        ]
    ]
    assert seen == [
        False,
        ("", "Remind"),
        ("", "Remind me to"),
        False,
        ("Remind me to clean the living room tomorrow.", ""),
        ("Remind me to clean the living room tomorrow.", "What is"),
        ("Remind me to clean the living room tomorrow. What is the weather like in Boston?", ""),
    ]


def test_realtimestt_packets_have_a_header() -> None:
    message = realtimestt.packet(b"\1\0\2\0")
    (length,) = struct.unpack("<I", message[:4])
    assert json.loads(message[4 : 4 + length])["frames"] == 2
    assert message[4 + length :] == b"\1\0\2\0"


@pytest.mark.anyio
async def test_quiet_waits_from_the_last_word_on() -> None:
    quiet = Quiet(0.2)
    started = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(quiet.wait)
        await anyio.sleep(0.1)
        quiet.heard()
    assert anyio.current_time() - started >= 0.3


def test_the_users_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environments.VARIABLE, str(tmp_path / "mine"))
    assert environments.root() == tmp_path / "mine"
    monkeypatch.delenv(environments.VARIABLE)
    assert environments.root().name == "peers"


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_what_is_not_installed_says_how_it_is(
    peer: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environments.VARIABLE, str(tmp_path))
    with pytest.raises(UnavailableError, match=r"streamkit_benchmarks\.peers install"):
        peer.version()
    with pytest.raises(UnavailableError), peer.serve(SETUP):
        pytest.fail("it cannot have started")


def test_a_peer_without_a_registry_needs_a_clone(tmp_path: Path) -> None:
    recipe = whisper_streaming.RECIPE
    with pytest.raises(environments.InstallationError, match="--source"):
        environments.install(recipe)
    with pytest.raises(environments.InstallationError, match=recipe.marker):
        environments.install(recipe, clone=tmp_path)
    with pytest.raises(environments.InstallationError, match="no meaning"):
        environments.install(whisper_live.RECIPE, clone=tmp_path)


def test_a_failed_installation_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environments.VARIABLE, str(tmp_path))
    with pytest.raises(environments.InstallationError):
        environments.install(whisper_live.RECIPE, base=str(tmp_path / "no-python"))
    with pytest.raises(UnavailableError):
        environments.version(whisper_live.RECIPE)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_all_requirements_are_pinned(name: str) -> None:
    lines = (environments.REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines()
    assert lines
    assert all("==" in line and "://" not in line for line in lines)


def test_a_server_gets_its_threads_and_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    got = processes.environment(3)
    assert got["OMP_NUM_THREADS"] == "3"
    assert got["CUDA_VISIBLE_DEVICES"] == ""
    assert "PYTHONPATH" not in got


def test_a_server_is_gone_with_its_children_afterwards() -> None:
    port = processes.free_port()
    code = (
        "import socket, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"listener = socket.create_server(('127.0.0.1', {port}))\n"
    )
    command = [sys.executable, "-c", code + "time.sleep(60)"]
    with processes.running(command, SETUP, lambda: processes.listens(port)) as process:
        family = [process, *process.children(recursive=True)]
        assert len(family) == 2
        if hasattr(process, "cpu_affinity"):
            assert all(member.cpu_affinity() == [0] for member in family)
    assert not any(psutil.pid_exists(member.pid) for member in family)


def test_a_server_that_ends_too_early_tells_why() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    with (
        pytest.raises(processes.ServerError, match="no such model"),
        processes.running(command, SETUP, lambda: False),
    ):
        pytest.fail("it cannot have been ready")


def test_a_server_that_ends_in_use_tells_why() -> None:
    command = [sys.executable, "-c", "raise SystemExit('out of memory')"]
    with (
        pytest.raises(processes.ServerError, match="out of memory"),
        processes.running(command, SETUP, lambda: True) as process,
    ):
        process.wait(10)


def test_a_server_that_is_never_ready_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "START_SECONDS", 0.5)
    command = [sys.executable, "-u", "-c", "import time; print('loading'); time.sleep(60)"]
    with (
        pytest.raises(processes.ServerError, match="not ready"),
        processes.running(command, SETUP, lambda: False),
    ):
        pytest.fail("it cannot have been ready")


def test_the_command_line_lists_peers(tmp_path: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "streamkit_benchmarks.peers", "list"],
        env={**os.environ, environments.VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(f"{peer.name}: " in listed.stdout for peer in PEERS)


@pytest.mark.anyio
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
async def test_an_installed_peer_hears_a_sentence(peer: System, recordings: Path) -> None:
    try:
        peer.version()
    except UnavailableError as error:
        pytest.skip(str(error))
    samples, _ = soundfile.read(recordings / "long_00.flac", dtype="int16", frames=4 * RATE)
    shown: list[tuple[str, str]] = []

    async def audio() -> AsyncIterator[bytes]:
        started = time.monotonic()
        for number, start in enumerate(range(0, len(samples), CHUNK_SAMPLES), 1):
            due = started + number * CHUNK_SAMPLES / RATE
            await anyio.sleep(max(0.0, due - time.monotonic()))
            yield samples[start : start + CHUNK_SAMPLES].tobytes()

    setup = Setup(resolve("whisper-micro-en").path, threads=1, cores=(0,))
    with peer.serve(setup) as served:
        with anyio.fail_after(60):
            await peer.converse(served.url, audio(), lambda *texts: shown.append(texts))
    assert shown[-1][0].startswith("Remind me to clean the living room")
