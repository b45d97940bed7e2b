"""Recorded sessions against the server as it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.audio.pcm import to_linear16
from streamkit.cli import app
from streamkit.errors import ReplayError
from streamkit.replay import replay
from streamkit.replay.replaying import Clock
from streamkit.replay.write_test import write_test
from streamkit.server.testing import LiveServer

if TYPE_CHECKING:
    from tests.replay.conftest import Recordings

SENTENCE = "Turn the music down."

Engine = tuple[Recognizer, ModelProfile]


@pytest.mark.parametrize("clock", ["simulated", "real"])
@pytest.mark.parametrize("kind", ["listen", "talk"])
def test_the_words_are_the_same_on_both_clocks(
    recordings: Recordings, micro: Engine, kind: str, clock: Clock
) -> None:
    replayed = replay(getattr(recordings, kind), clock=clock, engine=micro)
    print(f"{kind} on the {clock} clock: {replayed.seconds:.1f} s in {replayed.took:.2f} s")
    assert replayed.run.heard == SENTENCE
    assert replayed.old is not None
    assert (
        replayed.run.said
        == replayed.old.said
        == ("" if kind == "listen" else f"You said: {SENTENCE}")
    )
    comparison = replayed.comparison
    assert comparison is not None
    assert [changes.errors for changes in comparison.words] == [0] * (1 + (kind == "talk"))
    assert comparison.events == {}
    assert set(replayed.run.latency) == set(replayed.old.latency) != set()


def test_timeouts_pass_in_simulated_time(
    recordings: Recordings, micro: Engine, tmp_path: Path
) -> None:
    folder = shutil.copytree(recordings.listen, tmp_path / "silent")
    events = [
        line
        for line in (folder / "events.jsonl").read_text().splitlines(keepends=True)
        if "CloseStream" not in line and '"closed"' not in line
    ]
    # As if the client had stayed and said nothing, and the server had left.
    end = '{"at":19.0,"from":"server","closed":1011,"reason":"idle"}\n'
    (folder / "events.jsonl").write_text("".join([*events, end]))
    replayed = replay(folder, engine=micro)
    assert replayed.seconds >= 10
    assert replayed.run.events["closed by the server (1011)"] == 1
    assert replayed.run.heard == SENTENCE


def test_a_session_whose_network_was_cut_is_replayed(
    recordings: Recordings,
    start_server: Callable[..., LiveServer],
    micro: Engine,
    speak: Callable[..., npt.NDArray[np.float32]],
    tmp_path: Path,
) -> None:
    server = start_server(record=tmp_path)
    with server.listen(encoding="linear16", sample_rate=16000, interim_results=True) as client:
        # The end of the silence behind the sentence is never sent.
        recordings.stream(client.socket.send, to_linear16(speak(SENTENCE)))
        client.read_until(lambda message: bool(message.get("speech_final")))
        client.abort()
    server.wait_until_empty()
    server.stop()
    replayed = replay(recordings.newest(tmp_path, "listen"), engine=micro)
    assert replayed.run.heard == SENTENCE
    assert replayed.comparison is not None
    assert [changes.errors for changes in replayed.comparison.words] == [0]


def test_a_recording_of_a_server_that_was_killed_is_replayed(
    recordings: Recordings, micro: Engine, tmp_path: Path
) -> None:
    folder = shutil.copytree(recordings.talk, tmp_path / "killed")
    path = folder / "events.jsonl"
    text = path.read_bytes()
    # In the middle of the reply, and of a line.
    path.write_bytes(text[: text.index(b'"response.output_audio.done"') - 30])
    (folder / "audio.wav").unlink()
    replayed = replay(folder, engine=micro)
    assert replayed.run.heard == SENTENCE
    assert any("not whole" in note for note in replayed.notes)


def test_a_sound_file_is_captioned_or_talked_to(
    recordings: Recordings, micro: Engine, tmp_path: Path
) -> None:
    alone = replay(recordings.listen / "audio.wav", engine=micro, model="whisper-micro-en")
    assert alone.run.heard == SENTENCE
    assert alone.comparison is None
    talked = replay(
        recordings.talk / "audio.wav",
        talk=True,
        engine=micro,
        model="whisper-micro-en",
        trace=tmp_path / "trace.jsonl",
        against=alone.run,
    )
    assert talked.run.said == f"You said: {SENTENCE}"
    assert talked.comparison is not None
    assert (tmp_path / "trace.jsonl").stat().st_size


def test_a_running_server_can_be_asked_instead(recordings: Recordings, server: LiveServer) -> None:
    assert replay(recordings.listen, url=server.url).run.heard == SENTENCE


def test_a_server_that_refuses_says_why(
    recordings: Recordings, micro: Engine, tmp_path: Path
) -> None:
    folder = shutil.copytree(recordings.listen, tmp_path / "refused")
    info = (folder / "session.json").read_text().replace("16000", "16")
    (folder / "session.json").write_text(info)
    for clock in ("simulated", "real"):
        with pytest.raises(ReplayError, match=r"400.*sample_rate"):
            replay(folder, engine=micro, clock=clock)  # type: ignore[arg-type]
    with pytest.raises(ReplayError, match="cannot be reached"):
        replay(folder, url="ws://127.0.0.1:9")


def test_what_cannot_be_read_is_named(recordings: Recordings, tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"no recorded session.*name one of them"):
        replay(recordings.listen.parent)
    with pytest.raises(ReplayError, match="no recorded session"):
        replay(tmp_path)
    with pytest.raises(ReplayError, match="cannot be read"):
        replay(tmp_path / "nothing.wav")
    folder = shutil.copytree(recordings.listen, tmp_path / "damaged")
    events = folder / "events.jsonl"
    whole = events.read_text().splitlines(keepends=True)
    events.write_text("".join([*whole[:3], '{"at": "soon"}\n', *whole[3:]]))
    with pytest.raises(ReplayError, match=r"events\.jsonl, line 4 .*"):
        replay(folder)
    events.write_text("".join(whole))
    (folder / "audio.bin").write_bytes(b"short")
    with pytest.raises(ReplayError, match=r"line 1 .*audio\.bin"):
        replay(folder)
    (folder / "session.json").write_text('{"format": 99}')
    with pytest.raises(ReplayError, match="format 99"):
        replay(folder)
    (folder / "session.json").write_text("{")
    with pytest.raises(ReplayError, match=r"session\.json cannot be read"):
        replay(folder)


def test_the_test_that_is_written_passes(recordings: Recordings, tmp_path: Path) -> None:
    path = tmp_path / "test_complaint.py"
    write_test(path, recordings.listen, SENTENCE)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout
    with pytest.raises(ReplayError, match="there already"):
        write_test(path, recordings.listen, SENTENCE)


def test_the_command_shows_what_changed_and_fails_when_asked(
    recordings: Recordings, tmp_path: Path
) -> None:
    runner = CliRunner()
    out = str(tmp_path / "run.json")
    same = runner.invoke(app, ["replay", str(recordings.listen), "--out", out, "--fail-on-change"])
    assert (same.exit_code, "0 of 4 differ" in same.output) == (0, True), same.output
    content = json.loads(Path(out).read_text())
    content["run"]["lines"][0]["text"] = "Turn the music down now."
    Path(out).write_text(json.dumps(content))
    arguments = ["replay", str(recordings.listen / "audio.wav"), "--against", out]
    arguments += ["--model", "whisper-micro-en", "--fail-on-change"]
    changed = runner.invoke(app, arguments)
    assert changed.exit_code == 1
    assert "[-now.-]" in changed.output
    (tmp_path / "other.json").write_text("[]")
    for wrong, said in (
        (["--url", "ws://127.0.0.1:9", "--model", "x"], "leave them out"),
        (["--set", "no_such=1"], "there is no setting no_such"),
        (["--set", "endpointing=99"], "endpointing"),
        (["--against", str(tmp_path / "other.json")], "was not written by"),
        (["--write-test", str(tmp_path / "complaint.txt")], "ends with .py"),
    ):
        refused = runner.invoke(app, ["replay", str(recordings.listen), *wrong])
        assert (refused.exit_code, said in refused.output) == (1, True), refused.output
