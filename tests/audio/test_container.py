from __future__ import annotations

import gc
import io
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamkit.audio.container import CONTAINERS, ContainerDecoder
from streamkit.audio.convert import Samples
from streamkit.audio.decoders import decode
from streamkit.errors import AudioFormatError, ConfigurationError


class Recorded(Protocol):
    data: bytes
    samples: NDArray[np.float32]
    sample_rate: int


Record = Callable[[str], Recorded]

# Name of the recording -> container, longest difference in length (frames), correlation.
EXPECTED = {
    "ogg-opus": ("ogg", 0, 0.99),
    "ogg-flac": ("ogg", 0, 0.99999),
    "webm": ("webm", 0, 0.99),
    "webm-live": ("webm", 0, 0.99),
    "mp3": ("mp3", 1_152, 0.99),
    "flac": ("flac", 0, 0.99999),
    "m4a": ("m4a", 2_048, 0.99),
}
AAC_PRIMING = 1_024
every_recording = pytest.mark.parametrize("name", EXPECTED)


def decoding_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("decode-")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert decoding_threads() == []


def decode_all(decoder: ContainerDecoder, messages: list[bytes]) -> Samples:
    pieces = [piece for message in messages for piece in decode(decoder, message)]
    pieces.extend(decode(decoder, None))
    return np.concatenate(pieces)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@every_recording
def test_the_sound_comes_out(recording: Record, name: str) -> None:
    container, tolerance, correlation = EXPECTED[name]
    made = recording(name)
    decoder = ContainerDecoder(container)
    assert (decoder.sample_rate, decoder.channels) == (None, None)
    got = decode_all(decoder, cut(made.data, 777))
    assert (decoder.sample_rate, decoder.channels) == (made.sample_rate, made.samples.shape[1])
    assert got.dtype == np.float32
    assert np.all(np.abs(got) <= 1)
    assert 0 <= len(got) - len(made.samples) <= tolerance
    if name == "m4a":  # written without the edit list that would take the encoder's delay away
        got = got[AAC_PRIMING:]
    compared = len(made.samples) - 3_000
    for channel in range(made.samples.shape[1]):
        same = np.corrcoef(got[:compared, channel], made.samples[:compared, channel])[0, 1]
        assert same > correlation


@every_recording
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_cutting_changes_nothing(recording: Record, name: str, data: st.DataObject) -> None:
    container, _, _ = EXPECTED[name]
    made = recording(name)
    size = len(made.data)
    cuts = data.draw(st.lists(st.integers(0, size) | st.integers(0, 900), max_size=30))
    edges = [0, *sorted(cuts), size]
    got = decode_all(ContainerDecoder(container), [made.data[a:b] for a, b in pairwise(edges)])
    np.testing.assert_array_equal(got, decode_all(ContainerDecoder(container), [made.data]))


@every_recording
def test_single_bytes_give_the_same_as_the_whole(recording: Record, name: str) -> None:
    container, _, _ = EXPECTED[name]
    start = recording(name).data[:20_000]
    got = decode_all(ContainerDecoder(container), cut(start, 1))
    np.testing.assert_array_equal(got, decode_all(ContainerDecoder(container), [start]))


@pytest.mark.parametrize(
    ("name", "within_ms"),
    [("ogg-opus", 60), ("ogg-flac", 250), ("webm", 130), ("webm-live", 130), ("mp3", 200)],
)
def test_the_first_samples_come_early(recording: Record, name: str, within_ms: int) -> None:
    container, _, _ = EXPECTED[name]
    made = recording(name)
    bytes_per_ms = len(made.data) * made.sample_rate / len(made.samples) / 1_000
    decoder = ContainerDecoder(container)
    fed = 0
    for message in cut(made.data, 16):
        fed += len(message)
        if len(decoder.feed(message)):
            break
    decoder.close()
    assert fed / bytes_per_ms <= within_ms


@pytest.mark.parametrize("name", ["ogg-opus", "webm", "webm-live", "m4a"])
def test_samples_keep_up_with_the_bytes(recording: Record, name: str) -> None:
    container, _, _ = EXPECTED[name]
    made = recording(name)
    decoder = ContainerDecoder(container)
    got = sum(len(piece) for m in cut(made.data, 100) for piece in decode(decoder, m))
    rest = sum(map(len, decode(decoder, None)))
    assert got >= len(made.samples) - made.sample_rate // 20
    assert rest <= made.sample_rate // 20


def test_real_speech_survives_flac(shared: Path) -> None:
    path = sorted((shared / "speech").rglob("*.flac"))[0]
    expected, rate = soundfile.read(path, dtype="float32", always_2d=True)
    decoder = ContainerDecoder("flac")
    got = decode_all(decoder, cut(path.read_bytes(), 4_000))
    assert decoder.sample_rate == rate
    np.testing.assert_allclose(got, expected, atol=1e-6)


@every_recording
@pytest.mark.parametrize("part", [0.5, 0.97])
def test_a_truncated_file_gives_what_it_holds(recording: Record, name: str, part: float) -> None:
    container, _, _ = EXPECTED[name]
    made = recording(name)
    whole = decode_all(ContainerDecoder(container), [made.data])
    truncated = made.data[: int(len(made.data) * part)]
    got = decode_all(ContainerDecoder(container), cut(truncated, 500))
    assert len(got) >= (part - 0.2) * len(whole)
    # The last block may be incomplete, everything before it is the same.
    safe = max(0, len(got) - 5_000)
    np.testing.assert_array_equal(got[:safe], whole[:safe])


@pytest.mark.parametrize("container", CONTAINERS)
def test_garbage_is_refused(container: str) -> None:
    garbage = np.random.default_rng(1).bytes(60_000)
    with pytest.raises(AudioFormatError, match=f"{container} stream"):
        decode_all(ContainerDecoder(container), cut(garbage, 5_000))


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_stream_that_ends_in_its_header_is_refused(recording: Record, container: str) -> None:
    name = next(name for name, expected in EXPECTED.items() if expected[0] == container)
    with pytest.raises(AudioFormatError, match=f"{container} stream"):
        decode_all(ContainerDecoder(container), [recording(name).data[:20]])


@settings(deadline=None, max_examples=40)
@given(data=st.data(), name=st.sampled_from(sorted(EXPECTED)))
def test_damage_ends_in_samples_or_in_an_error(
    recording: Record, name: str, data: st.DataObject
) -> None:
    container, _, _ = EXPECTED[name]
    damaged = bytearray(recording(name).data)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + 8] = data.draw(st.binary(max_size=40))
    decoder = ContainerDecoder(container)
    try:
        got = decode_all(decoder, cut(bytes(damaged), 3_000))
        assert np.all(np.isfinite(got))
    except AudioFormatError:
        pass
    finally:
        decoder.close()


def test_samples_before_the_damage_come_before_the_error(recording: Record) -> None:
    made = recording("flac")
    good = made.data[: len(made.data) // 2]
    bad = b"\xff\xf8\x12\x34" * 20_000
    decoder = ContainerDecoder("flac")
    pieces: list[Samples] = []
    try:
        for message in cut(good + bad, 1_000):
            pieces.extend(decode(decoder, message))
        pieces.extend(decode(decoder, None))
    except AudioFormatError:
        decoder.close()
    got = np.concatenate(pieces)
    assert len(got) > 0.3 * len(made.samples)


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_stream_without_a_byte_is_no_error(container: str) -> None:
    decoder = ContainerDecoder(container)
    assert decoder.feed(b"").shape == (0, 1)
    assert decoder.flush().shape == (0, 1)
    assert not decoder.backlog


@every_recording
def test_the_thread_ends_when_the_client_is_gone(recording: Record, name: str) -> None:
    container, _, _ = EXPECTED[name]
    data = recording(name).data
    for fed in (1, 100, len(data) // 2, len(data)):
        decoder = ContainerDecoder(container, max_buffered=100)
        decoder.feed(data[:fed])
        assert len(decoding_threads()) == 1
        decoder.close()
        decoder.close()
        assert decoding_threads() == []


def test_the_thread_ends_when_the_decoder_is_forgotten(recording: Record) -> None:
    decoder = ContainerDecoder("ogg")
    decoder.feed(recording("ogg-opus").data[:1_000])
    (thread,) = decoding_threads()
    del decoder
    gc.collect()
    thread.join(20)
    assert not thread.is_alive()


def test_a_small_message_that_holds_much_sound_is_given_out_in_bounded_pieces(
    flac_silence: Recorded,
) -> None:
    made = flac_silence
    assert len(made.samples) > 200 * len(made.data)
    decoder = ContainerDecoder("flac", max_buffered=48_000)
    pieces = [*decode(decoder, made.data), *decode(decoder, None)]
    assert sum(map(len, pieces)) == len(made.samples)
    assert max(map(len, pieces)) < 48_000 + 65_536  # the longest block that FLAC allows
    assert len(pieces) > 40


def test_a_caller_that_fetches_late_loses_nothing(flac_silence: Recorded) -> None:
    decoder = ContainerDecoder("flac", max_buffered=48_000)
    got = sum(len(decoder.feed(message)) for message in cut(flac_silence.data, 1_000))
    assert decoder.backlog
    assert decoder.pending_bytes > 0
    got += sum(map(len, decode(decoder, None)))
    assert got == len(flac_silence.samples)


def test_nothing_is_lost_when_there_is_no_time_to_wait(recording: Record) -> None:
    made = recording("ogg-opus")
    decoder = ContainerDecoder("ogg", feed_wait_s=0, flush_wait_s=0)
    assert len(decode_all(decoder, cut(made.data, 500))) == len(made.samples)


def test_eight_channels_are_the_most(recording: Record) -> None:
    made = recording("8 channels")
    got = decode_all(ContainerDecoder("ogg"), [made.data])
    assert got.shape == made.samples.shape
    for channel in (0, 1, 2, 4, 5, 6, 7):  # 3 is for low frequencies alone
        same = np.corrcoef(got[:90_000, channel], made.samples[:90_000, channel])[0, 1]
        assert same > 0.9
    with pytest.raises(AudioFormatError, match="16 channels are not supported; 1 to 8 are"):
        decode_all(ContainerDecoder("ogg"), [recording("16 channels").data])


@pytest.mark.parametrize("byte", range(256))
def test_no_number_of_channels_in_a_header_does_harm(recording: Record, byte: int) -> None:
    data = bytearray(recording("webm-live").data)
    data[data.index(b"OpusHead") + 9] = byte
    decoder = ContainerDecoder("webm")
    try:
        got = decode_all(decoder, [bytes(data)])
    except AudioFormatError:
        return
    assert got.shape[1] == decoder.channels


def test_rates_that_the_server_cannot_use_are_refused() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(96_000), 96_000, format="FLAC")
    with pytest.raises(AudioFormatError, match="96000 Hz is not supported"):
        decode_all(ContainerDecoder("flac"), [file.getvalue()])


def test_an_m4a_with_its_index_at_the_end_is_refused_with_the_reason(recording: Record) -> None:
    data = recording("m4a").data
    without_moov = data[:28] + data[data.index(b"moof") - 4 :]
    with pytest.raises(AudioFormatError, match=r"index \(moov\) in front"):
        decode_all(ContainerDecoder("m4a"), cut(without_moov, 1_000))


def test_refuses_unknown_containers_and_empty_bounds() -> None:
    with pytest.raises(AudioFormatError, match="'avi' is not supported; accepted are ogg"):
        ContainerDecoder("avi")
    with pytest.raises(ConfigurationError, match="allow 1 or more"):
        ContainerDecoder("ogg", max_buffered=0)


def test_a_title_in_another_character_set_is_no_reason_to_fail(recording: Record) -> None:
    recorded = recording("mp3")
    title = "é".encode("latin-1") * 4
    frame = b"TIT2" + (len(title) + 1).to_bytes(4, "big") + b"\0\0\3" + title
    tag = b"ID3\4\0\0" + len(frame).to_bytes(4, "big") + frame
    assert len(frame) < 128, "the sizes of an ID3 tag have seven bits a byte"
    start = recorded.data.index(b"\xff\xf3") if recorded.data[:3] == b"ID3" else 0
    with_title = decode_all(ContainerDecoder("mp3"), [tag + recorded.data[start:]])
    without = decode_all(ContainerDecoder("mp3"), [recorded.data[start:]])
    np.testing.assert_array_equal(with_title, without)
