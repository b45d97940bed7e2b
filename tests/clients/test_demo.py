from __future__ import annotations

import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest

from streamkit_clients.demo import word_errors
from streamkit_clients.dialogue import SENTENCES


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [
        ("Turn it down.", "turn it down", 0),
        ("Turn it down.", "turn down", 1),
        ("Turn it down.", "turn it down now", 1),
        ("Turn it down.", "burn it", 2),
        ("Turn it down.", "", 3),
        ("", "hello there", 2),
    ],
)
def test_word_errors(said: str, heard: str, wrong: int) -> None:
    assert word_errors(said, heard) == (wrong, len(said.split()))


def test_the_demo_from_voice_to_words(tmp_path: Path) -> None:
    """In real time, as a person runs it: about 25 s."""
    kept = tmp_path / "dialogue.wav"
    run = subprocess.run(
        [sys.executable, "-m", "streamkit.cli", "demo", "--save", str(kept)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    right = sum(sentence.text in lines for sentence in SENTENCES)
    # espeak-ng is not the same to the sample every time; one sentence may come out otherwise.
    assert right >= len(SENTENCES) - 1, run.stdout
    assert "will not change any more" in run.stdout
    with wave.open(str(kept)) as sound:
        assert sound.getframerate() == 16_000
        assert sound.getnframes() > 15 * 16_000


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "streamkit.cli", "demo", "--save", str(tmp_path / "no" / "x.wav")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "--save" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.1, 0.2, 0.4, 2.0])
def test_an_interrupt_at_any_time_is_no_crash(wait: float) -> None:
    run = subprocess.Popen(
        [sys.executable, "-u", "-m", "streamkit.cli", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.stdout is not None
    first = run.stdout.readline()
    time.sleep(wait)
    run.send_signal(signal.SIGINT)
    rest, _ = run.communicate(timeout=60)
    assert "voices speak" in first
    assert run.returncode in (0, 130)
    assert "Traceback" not in rest
