from __future__ import annotations

import contextlib
import io
import os
import threading
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.client.decode import decode, pcm_blocks
from streamkit.client.sources import (
    BLOCK_SECONDS,
    AudioBlock,
    AudioSource,
    FileSource,
    PipeSource,
    level_dbfs,
    paced,
)
from streamkit.client.stoppable import StoppableReader
from streamkit.errors import AudioFormatError, ConfigurationError

pytestmark = pytest.mark.anyio


def noise(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    shape = (round(seconds * rate), channels)
    return np.random.default_rng(3).integers(-9000, 9000, shape, dtype=np.int16)


def wav(samples: np.ndarray, rate: int) -> bytes:
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return memory.getvalue()


async def read_all(source: AudioSource) -> tuple[int, list[AudioBlock]]:
    async with source:
        blocks = [block async for block in source]
        return source.sample_rate, blocks


def joined(blocks: list[AudioBlock]) -> np.ndarray:
    return np.concatenate([block.samples for block in blocks])


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
async def test_a_file_at_its_own_rate_is_bit_exact(tmp_path: Path, rate: int) -> None:
    samples = noise(0.33, rate)
    path = tmp_path / "voice.wav"
    path.write_bytes(wav(samples, rate))
    source = FileSource(path, fast=True)
    got_rate, blocks = await read_all(source)
    assert (got_rate, source.name) == (rate, "voice.wav")
    np.testing.assert_array_equal(joined(blocks), samples[:, 0])
    assert {len(block.samples) for block in blocks[:-1]} == {round(rate * BLOCK_SECONDS)}
    assert all(block.captured_at is None for block in blocks)


@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (48000, 2), (6000, 1)])
async def test_other_rates_and_channels_become_16_khz_mono(
    tmp_path: Path, rate: int, channels: int
) -> None:
    seconds = np.arange(rate) / rate
    tone = (10000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int16)
    path = tmp_path / "tone.wav"
    path.write_bytes(wav(np.repeat(tone[:, None], channels, axis=1), rate))
    got_rate, blocks = await read_all(FileSource(path, fast=True))
    samples = joined(blocks)
    assert got_rate == 16000
    assert abs(len(samples) - 16000) < 40
    spectrum = np.abs(np.fft.rfft(samples[:15000] * np.hanning(15000)))
    assert abs(int(np.argmax(spectrum)) * 16000 / 15000 - 440) < 2
    # Mixing must keep the level of a tone that is the same in both channels.
    assert level_dbfs(samples) == pytest.approx(level_dbfs(tone), abs=0.5)


async def test_compressed_recordings(shared: Path) -> None:
    path = next(iter(sorted((shared / "speech").rglob("*.flac"))))
    rate, blocks = await read_all(FileSource(path, fast=True))
    assert rate in (8000, 16000)
    assert level_dbfs(joined(blocks)) > -60


async def blocks_of(*lengths: int) -> AsyncIterator[np.ndarray]:
    for length in lengths:
        yield np.zeros(length, dtype=np.int16)


async def test_pacing_follows_an_absolute_schedule() -> None:
    clock = 50.0
    waits: list[float] = []

    async def wait_until(moment: float) -> bool:
        nonlocal clock
        waits.append(moment)
        # The reader was away for longer than a block now and then; that must not add up.
        clock = max(clock + 0.03, moment)
        return True

    blocks = paced(
        blocks_of(100, 100, 100, 50), 1000, wait_until, began=clock, began_wall=1_000_000.0
    )
    captured = [block.captured_at async for block in blocks]
    assert waits == pytest.approx([50.1, 50.2, 50.3, 50.35])
    assert captured == pytest.approx([1_000_000.0, 1_000_000.1, 1_000_000.2, 1_000_000.3])


async def test_pacing_ends_when_stopped() -> None:
    answers = iter([True, False])

    async def wait_until(moment: float) -> bool:
        return next(answers)

    blocks = paced(blocks_of(10, 10, 10), 1000, wait_until, began=0.0, began_wall=0.0)
    assert len([block async for block in blocks]) == 1


async def test_a_paced_file_can_be_stopped_at_once(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav(noise(60, 8000), 8000))
    with anyio.fail_after(10):
        async with FileSource(path) as source:
            count = 0
            async for block in source:
                assert block.captured_at is not None
                count += 1
                source.stop()
    assert count == 1


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read .*nothing\.wav: No such file"):
        await FileSource(tmp_path / "nothing.wav").__aenter__()
    with pytest.raises(ConfigurationError, match="directory"):
        await FileSource(tmp_path).__aenter__()


@pytest.mark.parametrize("content", [b"", b"just some text, no audio at all\n" * 50])
async def test_a_file_that_is_no_audio(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(AudioFormatError, match=r"notes\.txt .*audio"):
        await FileSource(path).__aenter__()


async def test_what_came_before_the_damage_is_delivered() -> None:
    def damaged() -> io.BytesIO:
        import av

        memory = io.BytesIO()
        with av.open(memory, "w", format="flac") as container:
            stream = container.add_stream("flac", rate=16000)
            for part in np.split(noise(2, 16000)[:, 0], 20):
                frame = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
                frame.sample_rate = 16000
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        whole = memory.getvalue()
        return io.BytesIO(whole[: len(whole) // 2])

    rate, blocks = decode(damaged(), "half.flac", 0.05)
    got: list[np.ndarray] = []
    # FFmpeg may also take the cut for an ordinary end.
    with contextlib.suppress(AudioFormatError):
        got += blocks
    assert sum(map(len, got)) > rate / 2


async def test_damage_further_on_is_an_error_after_the_audio_before_it() -> None:
    class BrokenDisk(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 100_000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    samples = noise(20, 16000)
    _, blocks = decode(BrokenDisk(wav(samples, 16000)), "broken.wav", 0.05)
    got: list[np.ndarray] = []
    with pytest.raises(AudioFormatError, match=r"broken\.wav is damaged"):
        got.extend(blocks)
    heard = np.concatenate(got)
    assert len(heard) > 16000
    np.testing.assert_array_equal(heard, samples[: len(heard), 0])


@given(sizes=st.lists(st.integers(1, 30), max_size=20), rate=st.integers(100, 1000))
def test_raw_audio_of_any_division(sizes: list[int], rate: int) -> None:
    class Pipe:
        def __init__(self, data: bytes) -> None:
            self._data = data
            self._sizes = list(sizes)

        def read(self, size: int = -1, /) -> bytes:
            take = min(size, self._sizes.pop(0) if self._sizes else size)
            data, self._data = self._data[:take], self._data[take:]
            return data

    data = bytes(range(251)) * 3
    blocks = list(pcm_blocks(Pipe(data), rate, 0.05))
    whole = len(data) // 2 * 2
    assert b"".join(block.astype("<i2").tobytes() for block in blocks) == data[:whole]
    assert all(0 < len(block) <= round(rate * 0.05) + 1 for block in blocks)


async def write_to(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as pipe:
        await anyio.to_thread.run_sync(pipe.write, data)


@pytest.mark.parametrize("raw", [True, False])
async def test_a_pipe(raw: bool) -> None:
    samples = noise(1.5, 16000)
    data = samples.astype("<i2").tobytes() if raw else wav(samples, 16000)
    reading, writing = os.pipe()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write_to, writing, data)
        rate, blocks = await read_all(PipeSource(reading, rate=16000 if raw else None))
    os.close(reading)
    assert rate == 16000
    np.testing.assert_array_equal(joined(blocks), samples[:, 0])
    assert all(block.captured_at is not None for block in blocks)


async def test_a_silent_pipe_can_be_stopped() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"\1\0" * 100)
    with anyio.fail_after(10):
        async with PipeSource(reading, rate=16000) as source:
            blocks = []
            async for block in source:
                blocks.append(block)
                source.stop()
    assert len(joined(blocks)) == 100
    os.close(reading)
    os.close(writing)


async def test_raw_bytes_without_a_rate_are_explained() -> None:
    reading, writing = os.pipe()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write_to, writing, bytes(4000))
        with pytest.raises(AudioFormatError, match="--rate"):
            await PipeSource(reading).__aenter__()
    os.close(reading)


def test_stopping_ends_a_read_that_waits() -> None:
    reading, writing = os.pipe()
    reader = StoppableReader(reading)
    result: list[bytes] = []
    thread = threading.Thread(target=lambda: result.append(reader.read(10)))
    thread.start()
    reader.stop()
    reader.stop()
    thread.join(10)
    assert result == [b""]
    assert reader.read(10) == b""
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("samples", "level"),
    [
        (np.zeros(100), -100.0),
        (np.zeros(0), -100.0),
        (np.full(100, 32767), 0.0),
        (np.full(100, -32768), 0.0),
        (np.full(100, 3277), -20.0),
    ],
)
def test_level(samples: np.ndarray, level: float) -> None:
    assert level_dbfs(samples.astype(np.int16)) == pytest.approx(level, abs=0.01)


@pytest.mark.anyio
async def test_a_title_in_another_character_set_is_no_reason_to_refuse_a_file(
    tmp_path: Path,
) -> None:
    import av

    path = tmp_path / "song.mp3"
    with av.open(str(path), "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=16_000)
        container.metadata["title"] = "XXXX"
        tone = np.sin(np.arange(16_000) * 0.2, dtype=np.float32)[None] / 2
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for given in (frame, None):
            for packet in stream.encode(given):
                container.mux(packet)
    path.write_bytes(path.read_bytes().replace(b"XXXX", "éèàü".encode("latin-1")))
    async with FileSource(path, fast=True) as source:
        samples = [block.samples async for block in source]
    assert len(np.concatenate(samples)) >= 16_000
