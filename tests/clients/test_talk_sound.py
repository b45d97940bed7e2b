from __future__ import annotations

import time
import wave
from pathlib import Path

import anyio
import numpy as np
import pytest

from streamkit.client.playback import REALTIME_RATE, Part, PartEnded, Position
from streamkit.errors import ConfigurationError
from streamkit_clients.talk_sound import FileMicrophone, WavPlayer

pytestmark = pytest.mark.anyio

ONE = Part("item_1")
TWO = Part("item_2")


def read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        assert file.getframerate() == REALTIME_RATE
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def write(path: Path, value: int, seconds: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.full(round(16000 * seconds), value, "<i2").tobytes())
    return path


async def test_the_file_is_what_would_have_been_heard(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    sound = (1000 + np.arange(REALTIME_RATE)).astype(np.int16)
    began = time.time()
    async with WavPlayer(path) as player:
        player.play(ONE, sound[:4800])
        events = []
        while not any(isinstance(event, PartEnded) for event in events):
            await anyio.sleep(0.01)
            player.end(ONE)
            events += player.poll()[0]
        player.play(TWO, sound)
        position = None
        while position is None or position.samples < 2400:
            await anyio.sleep(0.01)
            _, position = player.poll()
        (cut,) = player.stop()
        # The file is whole at any time.
        assert np.count_nonzero(read(path)) == 4800 + cut.samples
        await anyio.sleep(0.05)
        assert player.poll() == ([], None)
    lasted = time.time() - began
    heard = read(path)
    assert heard[:4800].tolist() == sound[:4800].tolist()
    there = np.flatnonzero(heard)
    assert there[-1] - there[4800] + 1 == cut.samples
    assert heard[there[4800] : there[-1] + 1].tolist() == sound[: cut.samples].tolist()
    assert cut == Position(TWO, cut.samples)
    assert len(heard) <= lasted * REALTIME_RATE
    assert len(heard) >= there[-1] + 1 + 0.05 * REALTIME_RATE - 1


async def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="choose another --output"):
        await WavPlayer(tmp_path / "no" / "out.wav").__aenter__()


async def test_files_are_spoken_when_they_are_asked_for(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.wav", 4000, 0.2), write(tmp_path / "b.wav", 8000, 0.1)]
    samples, times = [], []
    async with FileMicrophone(paths) as microphone, anyio.create_task_group() as tasks:

        async def listen() -> None:
            async for block in microphone:
                assert block.captured_at is not None
                # Never before a microphone could have had it.
                assert block.captured_at + len(block.samples) / REALTIME_RATE <= time.time() + 0.005
                samples.append(block.samples)
                times.append(block.captured_at)

        tasks.start_soon(listen)
        while microphone.left:
            await microphone.speak_next()
            await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
    heard = np.concatenate(samples)
    np.testing.assert_allclose(np.diff(times), 0.02, atol=1e-5)
    # The resampler rings at the edges.
    assert np.count_nonzero(np.abs(heard - 4000) < 100) == pytest.approx(4800, abs=100)
    assert np.count_nonzero(np.abs(heard - 8000) < 100) == pytest.approx(2400, abs=100)
    first, second = np.flatnonzero(heard > 2000)[0], np.flatnonzero(heard > 6000)[0]
    assert second - first > 4800
    assert not heard[first + 4900 : second - 100].any()


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        await FileMicrophone([tmp_path / "nothing.wav"]).__aenter__()
