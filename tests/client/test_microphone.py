from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.client.devices import RECORDING, Device, choose_device
from streamkit.client.microphone import BlockQueue, Microphone, capture_time
from streamkit.errors import DeviceError

if TYPE_CHECKING:
    from conftest import SoundServer

RATE = 16000

# PortAudio reads its environment once, when it starts, so the recording program is a process of
# its own. It says when it records, records until its stdin is closed, and leaves a file behind.
RECORDER = """
import json, sys, threading
import anyio, numpy as np
from streamkit.client.microphone import Microphone

async def main(device, path):
    blocks = []
    async with Microphone(device) as microphone:
        def wait_for_end():
            sys.stdin.read()
            anyio.from_thread.run_sync(microphone.stop)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, wait_for_end)
            async for block in microphone:
                if not blocks:
                    print(json.dumps([microphone.name, microphone.sample_rate]), flush=True)
                blocks.append(block)
    np.savez(
        path,
        samples=np.concatenate([block.samples for block in blocks]),
        captured_at=[block.captured_at for block in blocks],
        lengths=[len(block.samples) for block in blocks],
        dropped=[microphone.dropped, microphone.driver_overflows],
    )

anyio.run(main, sys.argv[1], sys.argv[2])
"""


def record(server: SoundServer, device: str, played: np.ndarray) -> dict[str, np.ndarray]:
    path = server.folder / "recorded.npz"
    path.unlink(missing_ok=True)
    with server.python(RECORDER, device, str(path)) as recorder:
        assert recorder.stdout is not None
        said = recorder.stdout.readline()
        if said:
            server.play(played)
        _, errors = recorder.communicate(timeout=60)
        assert recorder.returncode == 0, errors
    assert json.loads(said) == ["pulse", RATE]
    with np.load(path) as file:
        return dict(file)


def test_the_recording_is_what_was_played(sound_server: SoundServer) -> None:
    noise = np.random.default_rng(5).integers(-20000, 20000, 2 * RATE, dtype=np.int16)
    # A sink that wakes up may swallow the first milliseconds of a stream.
    quiet = np.zeros(RATE // 2, dtype=np.int16)
    played = np.concatenate([quiet, noise, quiet])
    began = time.time()
    recorded = record(sound_server, "pulse", played)
    ended = time.time()
    samples = recorded["samples"]
    assert len(samples) > len(noise)
    size = 1 << (len(samples) + len(noise)).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(noise, size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)[: len(samples)]))
    np.testing.assert_array_equal(samples[lag : lag + len(noise)], noise)

    assert recorded["dropped"].tolist() == [0, 0]
    times = recorded["captured_at"]
    assert began < times[0]
    assert times[-1] < ended
    # Each block's time of capture follows from the one before it, within the driver's jitter.
    expected = times[0] + np.concatenate([[0], np.cumsum(recorded["lengths"])[:-1]]) / RATE
    assert np.abs(times - expected).max() < 1.0


def test_a_device_by_number_and_the_list(sound_server: SoundServer) -> None:
    pulse = next(device for device in sound_server.inputs() if device["name"] == "pulse")
    assert pulse["host_api"] == "ALSA"
    assert pulse["channels"] >= 1
    recorded = record(sound_server, str(pulse["index"]), np.zeros(RATE // 4))
    assert not recorded["samples"].any()


def test_no_such_device(sound_server: SoundServer) -> None:
    with sound_server.python(RECORDER, "nobody's microphone", "unused.npz") as recorder:
        _, errors = recorder.communicate(timeout=60)
    assert recorder.returncode == 1
    assert 'DeviceError: no recording device is called "nobody\'s microphone"' in errors


DEVICES = [
    Device(2, "USB Audio: Blue Yeti", "ALSA", 2, 48000, False),
    Device(4, "pulse", "ALSA", 32, 44100, False),
    Device(5, "pulse monitor", "ALSA", 32, 44100, True),
]


@pytest.mark.parametrize(
    ("wanted", "index"), [(None, 5), ("2", 2), ("yeti", 2), (" Pulse ", 4), ("monitor", 5)]
)
def test_choose_device(wanted: str | None, index: int) -> None:
    assert choose_device(DEVICES, wanted, RECORDING).index == index


def test_choose_device_refuses_what_is_not_there_or_not_clear() -> None:
    with pytest.raises(DeviceError, match="several devices: 4 pulse; 5 pulse monitor"):
        choose_device(DEVICES, "pul", RECORDING)
    with pytest.raises(DeviceError, match="there are: 2 USB"):
        choose_device(DEVICES, "99", RECORDING)
    with pytest.raises(DeviceError, match="connect a microphone"):
        choose_device([], None, RECORDING)
    assert choose_device(DEVICES[:2], None, RECORDING).index == 2


@pytest.mark.parametrize(
    ("current", "adc", "expected"),
    [
        (50.0, 49.9, 999.9),
        (50.0, 0.0, 999.968),
        (0.0, 0.0, 999.968),
        (50.0, 50.1, 999.968),
        (50.0, 49.99, 999.968),
        (5000.0, 49.9, 999.968),
    ],
)
def test_capture_time(current: float, adc: float, expected: float) -> None:
    assert capture_time(1000.0, current, adc, 512, 16000) == pytest.approx(expected)


@given(
    operations=st.lists(st.one_of(st.none(), st.integers(1, 5)), max_size=60),
    bound=st.integers(1, 4),
)
def test_every_sample_is_delivered_or_reported_as_dropped(
    operations: list[int | None], bound: int
) -> None:
    queue = BlockQueue(bound)
    written = reported = position = 0
    for length in [*operations, *[None] * (bound + 1)]:
        if length is not None:
            samples = np.arange(written, written + length, dtype=np.int16)
            reported += queue.put(samples, float(written))
            written += length
        elif (block := queue.take()) is not None:
            position += block.dropped
            assert block.samples.tolist() == list(range(position, position + len(block.samples)))
            assert block.captured_at == position
            position += len(block.samples)
    assert position == written
    assert queue.take() is None
    assert reported <= written


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ImportError("no module"), "pip install 'streamkit\\[mic\\]'"),
        (OSError("PortAudio library not found"), "apt-get install libportaudio2"),
        (RuntimeError("host error"), "cannot start"),
    ],
)
@pytest.mark.anyio
async def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, error: Exception, advice: str
) -> None:
    def missing(name: str) -> None:
        raise error

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(DeviceError, match=advice):
        await Microphone().__aenter__()
