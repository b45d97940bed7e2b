from __future__ import annotations

import concurrent.futures
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.recognizer import RecognitionRequest, Recognizer, join
from streamkit.asr.whisper import MAX_WINDOW_SAMPLES, WhisperRecognizer
from streamkit.errors import ModelError, RecognitionError
from streamkit.models import resolve
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render

Samples = npt.NDArray[np.float32]
SENTENCES = ("Turn the music down.", "The bus to Berlin is eight minutes late.")


@pytest.fixture(scope="module")
def micro() -> WhisperRecognizer:
    found = resolve("whisper-micro-en")
    return WhisperRecognizer.load(found.path, name=found.name, profile=found.profile, workers=2)


@pytest.fixture(scope="module")
def spoken() -> dict[str, Samples]:
    synthesizer = EspeakSynthesizer()
    return {text: render(synthesizer, text, voice="en-us") for text in SENTENCES}


def test_it_is_a_recognizer(micro: WhisperRecognizer) -> None:
    assert isinstance(micro, Recognizer)
    assert micro.info.name == "whisper-micro-en"
    assert micro.info.languages == {"en"}


@pytest.mark.parametrize("text", SENTENCES)
def test_words_and_their_times(
    micro: WhisperRecognizer, spoken: dict[str, Samples], text: str
) -> None:
    samples = spoken[text]
    hypothesis = micro.recognize(RecognitionRequest(samples, start=48_000, final=True))
    assert join(hypothesis.words) == text
    assert (hypothesis.start, hypothesis.end) == (48_000, 48_000 + len(samples))
    times = [edge for word in hypothesis.words for edge in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] >= hypothesis.start
    assert times[-1] <= hypothesis.end
    assert all(0 < word.probability <= 1 for word in hypothesis.words)
    assert not hypothesis.doubtful
    assert hypothesis.no_speech_probability < 0.5


@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_prefix_is_continued(
    micro: WhisperRecognizer, spoken: dict[str, Samples], count: int
) -> None:
    samples = spoken[SENTENCES[1]]
    whole = micro.recognize(RecognitionRequest(samples, 0))
    rest = micro.recognize(RecognitionRequest(samples, 0, prefix=whole.words[:count]))
    assert [word.text for word in rest.words] == [word.text for word in whole.words[count:]]
    assert all(word.start >= whole.words[count - 1].end for word in rest.words)


def test_a_prefix_that_was_not_said_is_kept_as_said(
    micro: WhisperRecognizer, spoken: dict[str, Samples]
) -> None:
    wrong = micro.recognize(RecognitionRequest(spoken[SENTENCES[0]], 0)).words[:1]
    rest = micro.recognize(RecognitionRequest(spoken[SENTENCES[1]], 0, prefix=wrong))
    assert rest.words
    assert all(word.tokens for word in rest.words)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.0, 30.0])
def test_silence_has_no_words(micro: WhisperRecognizer, seconds: float) -> None:
    silence = np.zeros(round(seconds * 16_000), np.float32)
    assert micro.recognize(RecognitionRequest(silence, 0, final=True)).words == ()


def test_noise_has_no_words(micro: WhisperRecognizer) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 48_000).astype(np.float32)
    assert micro.recognize(RecognitionRequest(noise, 0, final=True)).words == ()


def test_threads_do_not_disturb_each_other(
    micro: WhisperRecognizer, spoken: dict[str, Samples]
) -> None:
    requests = [RecognitionRequest(spoken[text], 0) for text in SENTENCES * 4]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        heard = [join(each.words) for each in pool.map(micro.recognize, requests)]
    assert heard == list(SENTENCES * 4)


def test_a_window_that_is_too_long_is_refused(micro: WhisperRecognizer) -> None:
    samples = np.zeros(MAX_WINDOW_SAMPLES + 1, np.float32)
    with pytest.raises(RecognitionError, match="30 s"):
        micro.recognize(RecognitionRequest(samples, 0))


def test_the_full_window_works_too(spoken: dict[str, Samples]) -> None:
    """A model without a margin in its profile is decoded as stock Whisper is."""
    import dataclasses

    found = resolve("whisper-micro-en")
    stock = WhisperRecognizer.load(
        found.path, name="stock", profile=dataclasses.replace(found.profile, margin=None)
    )
    heard = stock.recognize(RecognitionRequest(spoken[SENTENCES[0]], 0, final=True))
    assert join(heard.words) == SENTENCES[0]


def test_a_broken_model_is_one_clear_error(tmp_path: Path) -> None:
    found = resolve("whisper-micro-en")
    for file in found.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.bin").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot be loaded"):
        WhisperRecognizer.load(tmp_path, name="broken", profile=found.profile)


def test_numpy_does_not_spin_on_other_cores(micro: WhisperRecognizer) -> None:
    from threadpoolctl import threadpool_info

    threads = {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
    assert threads <= {1}
