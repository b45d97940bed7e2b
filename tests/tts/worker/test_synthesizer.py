"""Arguments, voices, languages and seeds over a real process with the scripted model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.errors import SynthesisError
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.synthesizer import SpeechPiece, Voice
from streamkit.tts.worker.sentences import PreparedSentence
from streamkit.tts.worker.supervisor import Supervisor
from streamkit.tts.worker.synthesizer import WorkerSynthesizer, derive_seed
from streamkit.tts.worker.testing import prepare_plainly, scripted_spec

TEXT = "One two three. Four five!"


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    with closing(Supervisor(scripted_spec())) as made:
        yield made


def join(pieces: Iterable[SpeechPiece]) -> npt.NDArray[np.float32]:
    return np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in pieces)])


def test_the_same_seed_gives_the_same_sound(supervisor: Supervisor) -> None:
    seeded = WorkerSynthesizer(supervisor, prepare_plainly, seed=5)
    first, second = (join(seeded.synthesize(TEXT)) for _ in range(2))
    assert np.array_equal(first, second)
    other = WorkerSynthesizer(supervisor, prepare_plainly, seed=6)
    assert not np.array_equal(first, join(other.synthesize(TEXT)))


def test_without_a_seed_every_stream_has_its_own(supervisor: Supervisor) -> None:
    free = WorkerSynthesizer(supervisor, prepare_plainly)
    first, second = (join(free.synthesize(TEXT)) for _ in range(2))
    assert not np.array_equal(first, second)


def test_every_sentence_has_a_seed_of_its_own(supervisor: Supervisor) -> None:
    seeded = WorkerSynthesizer(supervisor, prepare_plainly, seed=5)
    sound = join(seeded.synthesize("Same. Same."))
    begins = [mark.sample for piece in seeded.synthesize("Same. Same.") for mark in piece.marks]
    first, second = (sound[begin : begin + 4000] for begin in begins)
    assert not np.array_equal(first, second)
    seeds = {derive_seed(seed, number) for seed in range(50) for number in range(50)}
    assert len(seeds) == 2500


@pytest.mark.parametrize(
    ("tag", "language"),
    [(None, "en"), ("en-US", "en"), ("zh-CN", "zh"), ("DE_at", "de"), ("zh-Hans-CN", "zh")],
)
def test_a_language_is_found_by_its_tag(
    supervisor: Supervisor, tag: str | None, language: str
) -> None:
    asked = []

    def prepare(text: str, language: str) -> list[PreparedSentence]:
        asked.append((text, language))
        return prepare_plainly(text, language)

    for languages in (None, ("de", "en", "zh")):
        voice = WorkerSynthesizer(supervisor, prepare, languages=languages)
        voice.synthesize("a\x00b\ud800c", language=tag).close()
        assert asked.pop() == ("a b c", language)


def test_an_unknown_language_is_refused_with_those_that_there_are(supervisor: Supervisor) -> None:
    voice = WorkerSynthesizer(supervisor, prepare_plainly)
    with pytest.raises(SynthesisError, match=r"'eo'; some languages that work: de, en, zh"):
        voice.synthesize("saluton", language="eo")


def test_speakers_speak_all_languages_and_are_found_in_any_case(supervisor: Supervisor) -> None:
    voice = WorkerSynthesizer(supervisor, prepare_plainly, seed=1)
    assert [(v.name, v.language) for v in voice.voices()] == [
        ("Ada", "mul"),
        ("Ben", "mul"),
        ("Cleo", "mul"),
    ]
    ben = join(voice.synthesize(TEXT, voice="ben"))
    assert not np.array_equal(ben, join(voice.synthesize(TEXT)))
    named = WorkerSynthesizer(supervisor, prepare_plainly, seed=1, default_voice="Ben")
    assert np.array_equal(ben, join(named.synthesize(TEXT)))


def test_voices_may_be_looked_up_elsewhere(supervisor: Supervisor) -> None:
    latents = supervisor.clone(np.full(30_000, 0.5, np.float32))

    def find(name: str) -> str | VoiceLatents:
        if name == "mine":
            return latents
        raise SynthesisError(f"unknown voice {name!r}")

    mine = Voice("mine", "mul", "a cloned one")
    voice = WorkerSynthesizer(
        supervisor, prepare_plainly, find_voice=find, voices=lambda: [mine], seed=1
    )
    assert list(voice.voices()) == [mine]
    with pytest.raises(SynthesisError, match="unknown voice 'Ben'"):
        voice.synthesize(TEXT, voice="Ben")
    plain = WorkerSynthesizer(supervisor, prepare_plainly, seed=1)
    assert not np.array_equal(
        join(voice.synthesize(TEXT, voice="mine")), join(plain.synthesize(TEXT))
    )


def test_a_voice_that_only_the_model_refuses_fails_the_stream(supervisor: Supervisor) -> None:
    voice = WorkerSynthesizer(supervisor, prepare_plainly, find_voice=lambda name: name)
    stream = voice.synthesize(TEXT, voice="Zoe")
    with pytest.raises(SynthesisError, match="there is no voice 'Zoe'"):
        next(stream)
    assert list(stream) == []


def test_what_cannot_be_sent_fails_its_own_stream(supervisor: Supervisor) -> None:
    def find(name: str) -> str:
        return lambda: name  # type: ignore[return-value]

    voice = WorkerSynthesizer(supervisor, prepare_plainly, find_voice=find)
    with pytest.raises(SynthesisError, match="cannot be asked for this"):
        next(voice.synthesize(TEXT, voice="Ada"))
    assert join(WorkerSynthesizer(supervisor, prepare_plainly).synthesize(TEXT)).any()


def test_what_cannot_be_prepared_is_refused_at_once(supervisor: Supervisor) -> None:
    def prepare(text: str, language: str) -> list[PreparedSentence]:
        raise SynthesisError("not a word of it")

    with pytest.raises(SynthesisError, match="not a word of it"):
        WorkerSynthesizer(supervisor, prepare).synthesize(TEXT)


def test_a_recording_that_makes_no_voice_says_why(supervisor: Supervisor) -> None:
    with pytest.raises(SynthesisError, match="a second at least"):
        supervisor.clone(np.zeros(100, np.float32))
    with pytest.raises(SynthesisError, match=r"2000000 samples was given; .* at most 1323000"):
        supervisor.clone(np.zeros(2_000_000, np.float32))


def test_faster_is_shorter_by_so_much(supervisor: Supervisor) -> None:
    voice = WorkerSynthesizer(supervisor, prepare_plainly)
    lengths = [len(join(voice.synthesize("One two three", speed=s))) for s in (0.5, 1.0, 2.0)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == pytest.approx(4 * lengths[2], abs=4)
