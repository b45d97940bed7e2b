"""Recordings through the real detector, session and recognizer, under simulated time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from streamkit.asr.recognizer import RecognitionRequest, join
from streamkit.asr.whisper import WhisperRecognizer
from streamkit.audio.clock import SAMPLE_RATE, seconds
from streamkit.models import resolve
from streamkit.session.captions import CaptionOptions
from streamkit.session.effects import Closed, SpeechBegan
from streamkit.testing import SimulatedStream
from streamkit.vad.segmenter import SegmenterOptions
from streamkit.vad.silero import WINDOW_SAMPLES, SileroVad, VadStream

Samples = npt.NDArray[np.float32]
Play = Callable[[Samples], SimulatedStream]
FRAME = 160


def load(path: Path) -> Samples:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono: Samples = samples.mean(axis=1)
    return mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE)


def plain(text: str) -> list[str]:
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()


@pytest.fixture(scope="module")
def recognizer() -> WhisperRecognizer:
    found = resolve("whisper-micro-en")
    return WhisperRecognizer.load(found.path, name=found.name, profile=found.profile)


@pytest.fixture(scope="module")
def play(recognizer: WhisperRecognizer) -> Play:
    vad = SileroVad.load()
    profile = resolve("whisper-micro-en").profile
    options = CaptionOptions(
        vad_events=True,
        policy=profile.commit_policy(),
        trim=seconds(profile.trim),
        context_words=profile.context_words,
        segmenter=SegmenterOptions(pause=10 * WINDOW_SAMPLES),
        endpointing=10 * WINDOW_SAMPLES,
    )

    def run(samples: Samples) -> SimulatedStream:
        state = VadStream()
        stream = SimulatedStream(
            recognizer, lambda piece: vad.process(state, piece).tolist(), options
        )
        stream.feed(samples)
        stream.close()
        assert isinstance(stream.emitted[-1].output, Closed)
        return stream

    return run


def errors(reference: list[str], heard: list[str]) -> int:
    import jiwer

    result = jiwer.process_words(" ".join(reference), " ".join(heard))
    return int(result.substitutions + result.deletions + result.insertions)


def test_committing_early_costs_less_than_a_point_and_no_tail(
    recordings: Path, play: Play, recognizer: WhisperRecognizer
) -> None:
    """Known voices, against the same model decoding the same segments offline."""
    entries = [
        entry
        for entry in json.loads((recordings / "reference.json").read_text("utf-8"))
        if all(sentence["seen_voice"] for sentence in entry["sentences"])
    ]
    words = stream_errors = offline_errors = 0
    for entry in entries:
        samples = load(recordings / entry["file"])
        stream = play(samples)
        reference = plain(entry["text"])
        offline: list[str] = []
        for segment in stream.segments:
            request = RecognitionRequest(
                samples[segment.start : segment.end], segment.start, final=True
            )
            (hypothesis,) = recognizer.recognize([request])
            heard = hypothesis.words
            offline += plain(join(heard))
            if heard:
                # The words may differ; that some are there where the last one was is the point.
                assert any(
                    heard[-1].end - SAMPLE_RATE // 2 <= word.end <= segment.end
                    for final in stream.finals
                    for word in final.words
                ), f"{entry['file']}: the tail of {segment} is missing"
        words += len(reference)
        stream_errors += errors(reference, plain(" ".join(stream.words)))
        offline_errors += errors(reference, offline)
    assert words > 300
    assert 100 * (stream_errors - offline_errors) / words < 1.0


def test_words_are_where_they_were_said(recordings: Path, play: Play) -> None:
    entries = json.loads((recordings / "reference.json").read_text("utf-8"))
    entry = next(entry for entry in entries if entry["file"] == "short_05.flac")
    said = entry["words"]
    stream = play(load(recordings / entry["file"]))
    words = [word for final in stream.finals for word in final.words]
    assert [word.text for word in words] == [word["word"] for word in said]
    for word, truth in zip(words, said, strict=True):
        assert word.start / SAMPLE_RATE == pytest.approx(truth["start"], abs=0.2)
        assert word.end / SAMPLE_RATE == pytest.approx(truth["end"], abs=0.2)


@pytest.mark.parametrize(
    "pattern",
    ["librispeech/*/*.flac", "nabucasa/*.flac", "picovoice/test_[dfi]*.flac", "dialogue/*.flac"],
)
def test_no_speech_of_real_people_is_left_out(shared: Path, play: Play, pattern: str) -> None:
    """Frames as loud as speech lie in a segment, whatever the recognizer makes of them."""
    paths = sorted((shared / "speech").glob(pattern))[:8]
    assert paths
    for path in paths:
        samples = load(path)
        stream = play(samples)
        frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
        level = np.sqrt(np.mean(frames**2, axis=1))
        loud = level > 0.1 * np.percentile(level, 95)
        covered = np.zeros(len(level), bool)
        for segment in stream.segments:
            covered[segment.start // FRAME : -(-segment.end // FRAME)] = True
        assert (loud & covered).sum() >= 0.98 * loud.sum(), path.name


def test_what_the_detector_rejects_has_no_words(shared: Path, play: Play) -> None:
    rejected = 0
    for path in sorted((shared / "nonspeech").glob("*.flac")):
        samples = load(path)[: 20 * SAMPLE_RATE]
        stream = play(samples)
        if not any(isinstance(each.output, SpeechBegan) for each in stream.emitted):
            rejected += 1
            assert stream.words == [], path.name
    assert rejected >= 30


@pytest.mark.parametrize("level", [0.0, 0.0005, 0.01])
def test_silence_and_hiss_have_no_words(play: Play, level: float) -> None:
    noise = np.random.default_rng(0).normal(0, 1, 30 * SAMPLE_RATE).astype(np.float32)
    stream = play(level * noise)
    assert stream.words == []
    assert stream.finals == []


def test_the_same_recording_gives_the_same_words_in_any_chunks(
    recordings: Path, recognizer: WhisperRecognizer
) -> None:
    """Except for what an interim caught: the segments depend on the samples alone."""
    samples = load(recordings / "long_00.flac")
    vad = SileroVad.load()
    starts = []
    for chunk in (320, 1600, 16_000):
        state = VadStream()
        stream = SimulatedStream(
            recognizer,
            lambda piece, state=state: vad.process(state, piece).tolist(),  # type: ignore[misc]
        )
        stream.feed(samples, chunk)
        stream.close()
        starts.append([(each.start, each.end) for each in stream.segments])
    assert starts[0] == starts[1] == starts[2]
