from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from streamkit.client.devices import PLAYING, Device, choose_device
from streamkit.client.echo import Reference
from streamkit.client.playback import REALTIME_RATE, Part, PartBegun, PartEnded, Position
from streamkit.client.player import QueuePlayer
from streamkit.client.speaker import (
    DeviceFeed,
    Speaker,
    play_time,
)
from streamkit.errors import DeviceError

if TYPE_CHECKING:
    from conftest import SoundServer

SECONDS = 3

# PortAudio reads its environment once, when it starts, so the program that plays is a process of
# its own. It plays when the device has been running for a second (a sink that wakes up may swallow
# the first milliseconds of a stream), and tells what it has played.
PLAYER = """
import json, sys
import anyio, numpy as np
from streamkit.client.echo import Reference
from streamkit.client.playback import Part, PartEnded
from streamkit.client.speaker import Speaker

async def main(device, path, stop_after):
    reference = Reference(seconds=60)
    part = Part("item")
    samples = np.load(path)
    async with Speaker(device, reference=reference) as speaker:
        while reference.written < 24000:
            await anyio.sleep(0.01)
        for start in range(0, len(samples), 2400):
            speaker.play(part, samples[start : start + 2400])
        speaker.end(part)
        cut, events, position, ended = None, [], None, False
        while not ended:
            await anyio.sleep(0.01)
            new, position = speaker.poll()
            events += new
            ended = any(isinstance(event, PartEnded) for event in events)
            if stop_after and position is not None and position.samples >= stop_after:
                cut = [each.samples for each in speaker.stop()]
                break
        heard = position.samples if position else None
        while position is not None:
            await anyio.sleep(0.01)
            _, position = speaker.poll()
        given = np.flatnonzero(reference.read(0, reference.written))
        print(json.dumps({
            "name": speaker.name,
            "cut": cut,
            "heard": heard,
            "events": [type(event).__name__ for event in events],
            "spans": [event.at for event in events],
            "given": len(given),
            "latency": speaker.latency,
            "gaps": [speaker.underruns, speaker.device_underruns],
        }), flush=True)
        # Silence follows until whoever records has heard enough.
        await anyio.to_thread.run_sync(sys.stdin.read)

anyio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""


def noise() -> np.ndarray:
    samples = np.random.default_rng(7).integers(200, 20000, SECONDS * REALTIME_RATE)
    return samples.astype(np.int16)


def perform(server: SoundServer, stop_after: int) -> tuple[dict[str, Any], np.ndarray]:
    """Play noise on the hall's loudspeaker.

    Returns:
        What the program tells, and what was heard in the hall.
    """
    path = server.folder / "noise.npy"
    np.save(path, noise())
    recorder = server.record("hall", REALTIME_RATE)
    with server.python(PLAYER, "pulse", str(path), str(stop_after)) as player:
        assert player.stdout is not None
        line = player.stdout.readline()
        told = json.loads(line) if line else {}
        recorded = listen(recorder) if line else np.zeros(0, np.int16)
        _, errors = player.communicate(timeout=60)
    assert player.returncode == 0, errors
    assert told["name"] == "pulse"
    return told, recorded


def listen(recorder: subprocess.Popen[bytes]) -> np.ndarray:
    """Listen until something was heard, and then nothing more; returns what was heard."""
    assert recorder.stdout is not None
    heard = np.zeros(0, np.int16)
    while not heard.any() or heard[-REALTIME_RATE // 2 :].any():
        data = recorder.stdout.read(2 * REALTIME_RATE // 10)
        assert data, "the recorder ended"
        heard = np.concatenate([heard, np.frombuffer(data, "<i2")])
    recorder.terminate()
    recorder.communicate(timeout=60)
    there = np.flatnonzero(heard)
    return heard[there[0] : there[-1] + 1]


def test_what_is_heard_is_what_was_played(sound_server: SoundServer) -> None:
    told, recorded = perform(sound_server, 0)
    assert told["gaps"] == [0, 0]
    assert told["events"] == ["PartBegun", "PartAudible", "PartEnded"]
    assert told["given"] == SECONDS * REALTIME_RATE
    np.testing.assert_array_equal(recorded, noise())
    begun, _, ended = told["spans"]
    assert ended - begun == pytest.approx(SECONDS, abs=0.1)


def test_a_stop_is_heard_where_it_is_told(sound_server: SoundServer) -> None:
    told, recorded = perform(sound_server, REALTIME_RATE)
    (cut,) = told["cut"]
    assert REALTIME_RATE < cut < SECONDS * REALTIME_RATE
    assert told["events"] == ["PartBegun", "PartAudible"]
    # To the sample: what was told to the server, and no more, came out of the loudspeaker.
    np.testing.assert_array_equal(recorded, noise()[:cut])
    # What was still heard after the stop is what the device held.
    assert told["heard"] <= cut
    assert cut - told["heard"] < (told["latency"] + 0.1) * REALTIME_RATE


def test_a_device_with_another_rate_gets_the_sound_resampled() -> None:
    player = QueuePlayer()
    feed = DeviceFeed(player.take, 48000)
    tone = (8000 * np.sin(2 * np.pi * 100 * np.arange(24000) / REALTIME_RATE)).astype(np.int16)
    part = Part("item")
    player.play(part, tone)
    player.end(part)
    given = [feed.give(480, 50.0 + index / 100) for index in range(110)]
    heard = np.concatenate(given).astype(float)
    expected = 8000 * np.sin(2 * np.pi * 100 * np.arange(48000) / 48000)
    assert np.abs(heard[:48000] - expected)[2000:-2000].max() < 300
    # The times are those at the loudspeaker: the tone begins with the first block.
    events, position = player.poll()
    assert position is None
    assert events[0] == PartBegun(part, pytest.approx(50.0))
    assert events[-1] == PartEnded(Position(part, 24000), pytest.approx(51.0, abs=0.001))


def test_everything_that_is_played_is_referred_to() -> None:
    reference = Reference()
    player = QueuePlayer(reference)
    assert not player.take(240, 1.0).any()
    player.play(Part("item"), np.arange(1, 101, dtype=np.int16))
    player.take(240, 1.01)
    assert reference.written == 480
    assert reference.read(240, 240).tolist() == [*range(1, 101), *[0] * 140]
    assert player.stop() == [Position(Part("item"), 100)]


def test_no_such_loudspeaker(sound_server: SoundServer) -> None:
    path = sound_server.folder / "nothing.npy"
    np.save(path, np.zeros(0, np.int16))
    with sound_server.python(PLAYER, "nobody's loudspeaker", str(path), "0") as player:
        _, errors = player.communicate(timeout=60)
    assert player.returncode == 1
    assert 'DeviceError: no loudspeaker is called "nobody\'s loudspeaker"' in errors


DEVICES = [
    Device(2, "USB Audio: Speaker", "ALSA", 2, 48000, False),
    Device(4, "pulse", "ALSA", 32, 44100, False),
    Device(5, "pulse hall", "ALSA", 32, 44100, True),
]


@pytest.mark.parametrize(("wanted", "index"), [(None, 5), ("2", 2), ("usb", 2), (" Pulse ", 4)])
def test_choose_output(wanted: str | None, index: int) -> None:
    assert choose_device(DEVICES, wanted, PLAYING).index == index


def test_choose_output_refuses_what_is_not_there_or_not_clear() -> None:
    with pytest.raises(DeviceError, match="several devices: 4 pulse; 5 pulse hall"):
        choose_device(DEVICES, "pul", PLAYING)
    with pytest.raises(DeviceError, match="there are: 2 USB"):
        choose_device(DEVICES, "99", PLAYING)
    with pytest.raises(DeviceError, match="--output"):
        choose_device([], None, PLAYING)
    assert choose_device(DEVICES[:2], None, PLAYING).index == 2


@pytest.mark.parametrize(
    ("current", "dac", "expected"),
    [
        (50.0, 50.03, 1000.03),
        (50.0, 50.0, 1000.0),
        (50.0, 0.0, 1000.05),
        (50.0, 49.9, 1000.05),
        (50.0, 5000.0, 1000.05),
    ],
)
def test_play_time(current: float, dac: float, expected: float) -> None:
    assert play_time(1000.0, current, dac, 0.05) == pytest.approx(expected)


@pytest.mark.anyio
async def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(DeviceError, match="sounddevice"):
        await Speaker().__aenter__()
