"""What `serve --record` keeps, and what it does when it cannot."""

from __future__ import annotations

import json
import stat
import wave
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.errors import ConfigurationError
from streamkit.server import recording_files
from streamkit.server.recording import Recorder
from streamkit.server.testing import LiveServer

if TYPE_CHECKING:
    from tests.replay.conftest import Recordings

SENTENCE = "Turn the music down."

Speak = Callable[..., npt.NDArray[np.float32]]


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_a_session_is_there_whole_and_its_sound_can_be_played(
    recordings: Recordings, speak: Speak
) -> None:
    events = lines(recordings.listen)
    assert events[-1]["ended"] == "whole"
    assert [each["at"] for each in events] == sorted(each["at"] for each in events)
    sound = to_linear16(speak(SENTENCE))
    assert (recordings.listen / "audio.bin").read_bytes() == sound
    with wave.open(str(recordings.listen / "audio.wav")) as wav:
        assert (wav.getframerate(), wav.getnchannels()) == (16_000, 1)
        assert wav.readframes(wav.getnframes()) == sound
    with wave.open(str(recordings.talk / "audio.wav")) as wav:
        assert wav.getnframes() / wav.getframerate() > len(sound) / 32_000 - 0.2
    info = json.loads((recordings.listen / "session.json").read_text())
    assert (info["endpoint"], info["recognizer"]) == ("listen", "whisper-micro-en")
    assert ["sample_rate", "16000"] in info["query"]


def test_no_key_is_in_a_recording_and_only_its_owner_reads_it(recordings: Recordings) -> None:
    for folder in (recordings.listen, recordings.talk):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert b"canary" not in file.read_bytes(), file
    # What was struck out was there.
    assert recording_files.STRUCK_OUT in (recordings.listen / "events.jsonl").read_text()
    assert recording_files.STRUCK_OUT in (recordings.talk / "events.jsonl").read_text()


def hear(server: LiveServer, sound: bytes) -> str:
    with server.listen(encoding="linear16", sample_rate=16000) as client:
        client.send(sound)
        client.close_stream()
    server.wait_until_empty()
    return client.text


def test_a_full_disk_ends_the_recording_and_not_the_session(
    start_server: Callable[..., LiveServer],
    speak: Speak,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool]], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    create = recording_files.create

    def full(path: Path) -> object:
        if path.name != "audio.bin":
            return create(path)
        return open("/dev/full", "wb", buffering=0)

    monkeypatch.setattr(recording_files, "create", full)
    server = start_server(record=tmp_path)
    recorder = server.server.state.recorder
    assert recorder is not None
    sound = to_linear16(speak(SENTENCE))
    for sessions in (1, 2):
        assert hear(server, sound) == SENTENCE
        eventually(lambda count=sessions: recorder.broken == count)
    assert sum("ended early" in each.message for each in caplog.records) == 1


@pytest.mark.parametrize("bound", ["bytes", "waiting"])
def test_a_recording_is_bounded_and_says_why_it_ends(
    bound: str,
    start_server: Callable[..., LiveServer],
    speak: Speak,
    tmp_path: Path,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    server = start_server(record=tmp_path, record_max_bytes=20_000 if bound == "bytes" else 10**8)
    recorder = server.server.state.recorder
    assert recorder is not None
    if bound == "waiting":
        # As if the disk were behind by all that may wait.
        recorder._max_waiting = 6000
    assert hear(server, to_linear16(speak(SENTENCE))) == SENTENCE
    eventually(lambda: recorder.broken == 1)
    folders = list(tmp_path.iterdir())
    if bound == "bytes":
        assert lines(folders[0])[-1]["ended"] == "it has become longer than record_max_bytes"
        assert sum(each.stat().st_size for each in folders[0].iterdir()) < 60_000


def test_who_is_refused_is_not_recorded(
    start_server: Callable[..., LiveServer], tmp_path: Path
) -> None:
    server = start_server(record=tmp_path, api_keys=("a-real-key",))
    with pytest.raises(Exception, match="401"), server.listen(key="wrong"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="--record"):
        Recorder(tmp_path / "file" / "folder", 1000)


def test_nothing_is_recorded_unless_somebody_asks() -> None:
    assert Settings(_env_file=None).record is None
