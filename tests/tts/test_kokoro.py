"""What is Kokoro's own: its files, its phonemes, where its words begin, and how it is stopped."""

# ruff: noqa: RUF001 (there are letters of the phonetic alphabet)

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kokoro_onnx.config import DEFAULT_VOCAB
from tiny_kokoro import FRAME, RATE, VOICES, frames_of, make_kokoro

from streamkit.errors import SynthesisError
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.kokoro import (
    MARGIN_SECONDS,
    PAUSE_SECONDS,
    KokoroSynthesizer,
    load_kokoro,
)
from streamkit.tts.kokoro_model import MAX_PHONEMES, KokoroModel
from streamkit.tts.kokoro_phonemes import Phonemizer, align
from streamkit.tts.kokoro_text import (
    FIRST_MAX,
    GROWTH,
    LATER_MAX,
    MAX,
    Boundary,
    Segment,
    cut_text,
    halve,
)
from streamkit.tts.kokoro_timing import place_phonemes, sound_bounds
from streamkit.tts.kokoro_turns import Cancellation, Turns
from streamkit.tts.kokoro_voices import LANGUAGES, OPENAI_VOICES, choose
from streamkit.tts.synthesizer import SpeechPiece, WordMark
from streamkit.tts.voice_names import UnknownVoiceError

BUS = "The bus to Berlin is eight minutes late."
PATIENCE_SECONDS = 30.0


def samples_of(pieces: Iterable[SpeechPiece]) -> npt.NDArray[np.float32]:
    return np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in pieces)])


def marks_of(pieces: Iterable[SpeechPiece]) -> list[WordMark]:
    return [mark for piece in pieces for mark in piece.marks]


def said(text: str, marks: Iterable[WordMark]) -> list[str]:
    return [text[mark.text_offset :][: mark.text_length] for mark in marks]


@pytest.fixture(scope="module")
def synthesizer(kokoro_directory: Path) -> KokoroSynthesizer:
    return KokoroSynthesizer(kokoro_directory)


@pytest.fixture(scope="module")
def timed(timed_kokoro_directory: Path) -> KokoroSynthesizer:
    return KokoroSynthesizer(timed_kokoro_directory)


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    return Phonemizer(DEFAULT_VOCAB)


def until(condition: Callable[[], bool]) -> None:
    """Return when another thread has made something true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)


class Watched:
    """A network of which is known what it was asked, and when it begins."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.began = threading.Event()
        self.tokens: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, outputs: Any, inputs: Any, options: Any) -> Any:
        self.tokens.append(inputs["tokens"].shape[1])
        self.began.set()
        return self._session.run(outputs, inputs, options)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[KokoroSynthesizer], Watched]:
    def begin(synthesizer: KokoroSynthesizer) -> Watched:
        model = synthesizer._load().model
        watched = Watched(model._session)
        monkeypatch.setattr(model, "_session", watched)
        return watched

    return begin


class TestText:
    def test_the_first_segment_is_a_clause(self) -> None:
        text = "I am sorry, the museum is closed on Mondays. Dr. Smith knows. Go there tomorrow."
        assert [segment.text for segment in cut_text(text, "en")] == [
            "I am sorry, ",
            "the museum is closed on Mondays. Dr. Smith knows. ",
            "Go there tomorrow.",
        ]

    def test_a_syllable_is_not_spoken_alone(self) -> None:
        assert next(cut_text("No, I do not. Yes.", "en")).text == "No, I do not. "

    def test_a_line_break_ends_a_sentence(self) -> None:
        segments = list(cut_text("the first line\nthe second line", "en"))
        assert segments == [
            Segment(0, "the first line", Boundary.SENTENCE),
            Segment(15, "the second line", Boundary.SENTENCE),
        ]

    @given(text=st.text(alphabet=st.sampled_from("ab,;. \n-!1語。"), max_size=900))
    def test_nothing_is_lost_and_nothing_too_long(self, text: str) -> None:
        segments = list(cut_text(text, "en"))
        end, limit = 0, FIRST_MAX
        for segment in segments:
            stop = segment.offset + len(segment.text)
            assert segment.text.strip()
            assert segment.text == text[segment.offset : stop].replace("\n", " ")
            assert not text[end : segment.offset].strip()
            assert len(segment.text) <= limit
            end, limit = stop, min(MAX, max(LATER_MAX, GROWTH * len(segment.text)))
        assert not text[end:].strip()

    @given(text=st.text(alphabet="ab, ", min_size=1, max_size=80))
    def test_halves_are_the_whole(self, text: str) -> None:
        segment = Segment(7, text, Boundary.SENTENCE)
        halves = halve(segment)
        if halves is None:
            assert len(text) == 1
        else:
            first, second = halves
            assert first.text + second.text == text
            assert first.text
            assert second.text
            assert second.offset == 7 + len(first.text)
            assert second.boundary is Boundary.SENTENCE

    def test_a_cut_lies_behind_a_clause_near_the_middle(self) -> None:
        halves = halve(Segment(0, "a b c d, e f g h, i j", Boundary.SENTENCE))
        assert halves is not None
        assert halves[0].text == "a b c d, "


class TestPhonemes:
    def test_words_that_are_said_as_one_and_as_several(self, phonemizer: Phonemizer) -> None:
        text = "In 2024, the middle of the town."
        spoken = phonemizer.read(text, "en-us")
        begins = {text[begin:end]: spoken.phonemes[at:] for begin, end, at in spoken.words}
        assert list(begins) == ["In", "2024", "the", "middle", "of", "town"]
        assert begins["2024"].startswith("tˈuː")
        assert begins["middle"].startswith("mˈɪ")
        assert begins["of"].startswith("ʌv")
        assert begins["town"].startswith("tˈaʊn.")

    def test_stress_belongs_to_the_word(self, phonemizer: Phonemizer) -> None:
        spoken = phonemizer.read("an apple", "en-us")
        assert spoken.phonemes[spoken.words[1][2] :].startswith("ˈæp")

    def test_a_foreign_word_is_spoken_and_its_language_is_not(self, phonemizer: Phonemizer) -> None:
        spoken = phonemizer.read("un week-end (en) ville", "fr-fr")
        assert spoken.phonemes.count("(") == 1
        assert "iːkˈɛnd" in spoken.phonemes

    def test_there_is_no_pause_in_the_time_of_day(self, phonemizer: Phonemizer) -> None:
        assert ":" not in phonemizer.read("at 7:30", "en-us").phonemes
        assert ":" in phonemizer.read("at seven: thirty", "en-us").phonemes

    def test_signs_of_a_script_belong_to_its_words(self, phonemizer: Phonemizer) -> None:
        text = "मैं हूँ। घर - घर"
        spoken = phonemizer.read(text, "hi")
        assert [text[begin:end] for begin, end, _ in spoken.words] == ["मैं", "हूँ", "घर", "घर"]
        assert [each for each in spoken.phonemes if each in ".—"] == [".", "—"]

    @pytest.mark.parametrize("text", ["", "  ", "...", " - ", "!?", "_"])
    def test_nothing_to_say(self, phonemizer: Phonemizer, text: str) -> None:
        assert phonemizer.read(text, "en-us").phonemes == ""

    @given(
        alone=st.lists(st.text(alphabet="aˈb ,", max_size=5), max_size=8),
        together=st.text(alphabet="aˈbc ,", max_size=30),
    )
    def test_places_go_up_whatever_is_matched(self, alone: list[str], together: str) -> None:
        starts = align(alone, together)
        assert len(starts) == len(alone)
        assert starts == sorted(starts)
        assert all(0 <= start <= len(together) for start in starts)

    def test_every_offered_language_can_be_read(self, phonemizer: Phonemizer) -> None:
        for language in LANGUAGES.values():
            spoken = phonemizer.read("Maria, 12.", language.espeak)
            assert len(spoken.words) == 2
            assert len(spoken.phonemes) > 8

    def test_an_unknown_language(self, phonemizer: Phonemizer) -> None:
        with pytest.raises(SynthesisError, match="'xx'"):
            phonemizer.read("hello", "xx")

    def test_beside_the_built_in_voice(self, phonemizer: Phonemizer) -> None:
        """Both use espeak-ng, which keeps its state in global variables."""
        espeak = EspeakSynthesizer()
        texts = [BUS, "One, two; three!", "It was in the middle of it."]
        languages = ("en-us", "es", "fr-fr")
        read = {
            (text, language): phonemizer.read(text, language)
            for text in texts
            for language in languages
        }
        spoken = {text: marks_of(espeak.synthesize(text, voice="de")) for text in texts}
        together = threading.Barrier(6)

        def speak(text: str) -> None:
            together.wait(PATIENCE_SECONDS)
            for _ in range(30):
                marks = marks_of(espeak.synthesize(text, voice="de"))
                assert said(text, marks) == said(text, spoken[text])
                for mark, expected in zip(marks, spoken[text], strict=True):
                    assert abs(mark.sample - expected.sample) < 1000

        def phonemize(text: str) -> None:
            together.wait(PATIENCE_SECONDS)
            for turn in range(90):
                language = languages[turn % 3]
                assert phonemizer.read(text, language) == read[text, language]

        with ThreadPoolExecutor(6) as pool:
            work = [pool.submit(do, text) for text in texts for do in (speak, phonemize)]
            for each in work:
                each.result(PATIENCE_SECONDS)


class TestTiming:
    SENTENCES = (
        BUS,
        "I am sorry, the museum is closed on Mondays, but it opens again tomorrow at nine.",
        "There are two trains this afternoon; the first one leaves at half past three.",
        "Of course! The pharmacy is on the corner of Main Street, five minutes from here.",
        "First you mix the flour with the eggs, then you add the milk.",
        "Could you please repeat the last sentence, because I did not understand it?",
        "Thank you very much for your patience.",
    )

    @pytest.mark.parametrize("language", ["en-us", "en-gb"])
    def test_on_speech_whose_words_are_known(self, phonemizer: Phonemizer, language: str) -> None:
        """espeak-ng speaks the same phonemes, and says where its words begin."""
        errors = []
        for text in self.SENTENCES:
            pieces = list(EspeakSynthesizer().synthesize(text, voice=language))
            rate = pieces[0].sample_rate
            spoken = phonemizer.read(text, language)
            starts = place_phonemes(spoken.phonemes, samples_of(pieces), rate)
            found = {begin: starts[at] / rate for begin, _, at in spoken.words}
            errors += [
                abs(found[mark.text_offset] - mark.sample / rate) for mark in marks_of(pieces)
            ]
        assert len(errors) > 60
        assert np.median(errors) < 0.05
        assert np.percentile(errors, 95) < 0.25

    def test_a_pause_is_where_the_silence_is(self) -> None:
        tone = np.full(RATE, 0.3, np.float32)
        hush = np.zeros(RATE // 2, np.float32)
        sound = np.concatenate([hush, tone[: RATE // 4], hush, tone, hush])
        starts = place_phonemes("ma, mamama.", sound, RATE)
        assert starts[0] == RATE // 2
        assert abs(starts[2] - RATE * 3 // 4) <= RATE // 100
        assert abs(starts[4] - RATE * 5 // 4) <= RATE // 100
        assert (np.diff(starts) >= 0).all()
        assert starts[-1] < RATE * 9 // 4

    @given(
        phonemes=st.text(alphabet="aˈtmː ,.—ʰ", min_size=1, max_size=20),
        lengths=st.lists(st.integers(0, 3000), min_size=1, max_size=9),
    )
    def test_places_go_up_and_lie_inside(self, phonemes: str, lengths: list[int]) -> None:
        sound = np.concatenate(
            [np.full(length, 0.3 * (index % 2), np.float32) for index, length in enumerate(lengths)]
        )
        begin, end = sound_bounds(sound)
        starts = place_phonemes(phonemes, sound, 8000)
        assert len(starts) == len(phonemes)
        assert (np.diff(starts) >= 0).all()
        assert starts[0] >= begin
        assert starts[-1] <= max(begin, end - 1)

    def test_the_model_s_own_durations_are_exact(
        self, timed: KokoroSynthesizer, phonemizer: Phonemizer
    ) -> None:
        spoken = phonemizer.read(BUS, "en-us")
        ends = np.cumsum(frames_of(spoken.phonemes))
        # All before the first phoneme is silence, of which a margin is left.
        cut = ends[0] * FRAME - round(MARGIN_SECONDS * RATE)
        expected = [int(ends[at]) * FRAME - cut for _, _, at in spoken.words]
        found = [mark.sample for mark in marks_of(timed.synthesize(BUS))]
        # The tone's own zero is not audible.
        assert np.abs(np.array(found) - expected).max() <= RATE // 1000

    def test_estimates_are_near_them(
        self, timed: KokoroSynthesizer, synthesizer: KokoroSynthesizer
    ) -> None:
        text = "I am sorry, the museum is closed on Mondays."
        exact = [mark.sample for mark in marks_of(timed.synthesize(text))]
        estimated = [mark.sample for mark in marks_of(synthesizer.synthesize(text))]
        assert np.abs(np.array(exact) - estimated).max() < 0.12 * RATE


class TestMarks:
    @pytest.mark.parametrize(
        "text", ["_ hello", "hello _", "Hello there, my friend.\n_", "_\nHello there.\n_ _"]
    )
    def test_what_is_not_spoken_is_marked_all_the_same(
        self, synthesizer: KokoroSynthesizer, text: str
    ) -> None:
        pieces = list(synthesizer.synthesize(text))
        marks = marks_of(pieces)
        assert said(text, marks).count("_") == text.count("_")
        assert all(mark.sample < len(samples_of(pieces)) for mark in marks)

    def test_a_sign_that_is_read_out_has_a_mark(self, synthesizer: KokoroSynthesizer) -> None:
        text = "you & me"
        assert said(text, marks_of(synthesizer.synthesize(text))) == ["you", "&", "me"]

    def test_segments_are_separated_by_a_pause(self, synthesizer: KokoroSynthesizer) -> None:
        text = "Good morning. Is there anything that I can do for you?"
        pieces = list(synthesizer.synthesize(text))
        begins = marks_of(pieces)[2].sample
        pause = round((PAUSE_SECONDS[Boundary.SENTENCE] + MARGIN_SECONDS) * RATE)
        assert not samples_of(pieces)[begins - pause + 20 : begins - 20].any()


class TestFiles:
    def test_nothing_is_loaded_before_it_is_used(self) -> None:
        code = (
            "import sys, pathlib, streamkit.tts.kokoro as kokoro;"
            "kokoro.load_kokoro(pathlib.Path('nowhere'));"
            "print(*{'onnxruntime', 'kokoro_onnx', 'phonemizer', 'sentencex'} & set(sys.modules))"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
        )
        assert run.stdout.split() == []

    def test_no_weights(self, tmp_path: Path) -> None:
        engine = load_kokoro(tmp_path)
        for call in (
            engine.prepare,
            engine.synthesizer.voices,
            lambda: engine.synthesizer.synthesize("hello"),
        ):
            with pytest.raises(SynthesisError, match="streamkit models pull kokoro"):
                call()

    def test_no_voices(self, tmp_path: Path) -> None:
        make_kokoro(tmp_path)
        (tmp_path / "voices-v1.0.bin").unlink()
        with pytest.raises(SynthesisError, match=r"voices-v1\.0\.bin.*models pull kokoro"):
            KokoroSynthesizer(tmp_path).prepare()

    @pytest.mark.parametrize("package", ["kokoro_onnx", "phonemizer"])
    def test_no_package(
        self, kokoro_directory: Path, monkeypatch: pytest.MonkeyPatch, package: str
    ) -> None:
        for name in list(sys.modules):
            if name.partition(".")[0] == package:
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(SynthesisError, match=r"pip install 'streamkit\[kokoro\]'"):
            KokoroSynthesizer(kokoro_directory).prepare()

    @pytest.mark.parametrize("name", ["kokoro-v1.0.onnx", "voices-v1.0.bin"])
    @pytest.mark.parametrize("share", [0.0, 0.5])
    def test_a_broken_file(self, tmp_path: Path, name: str, share: float) -> None:
        make_kokoro(tmp_path)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(SynthesisError, match=f"{name} is broken.*models pull kokoro"):
            KokoroSynthesizer(tmp_path).prepare()

    def test_voices_that_are_one_array(self, tmp_path: Path) -> None:
        make_kokoro(tmp_path)
        with (tmp_path / "voices-v1.0.bin").open("wb") as file:
            np.save(file, np.zeros(3))
        with pytest.raises(SynthesisError, match=r"voices-v1\.0\.bin is broken"):
            KokoroSynthesizer(tmp_path).prepare()

    @pytest.mark.parametrize("name", ["kokoro-v1.0.fp16.onnx", "kokoro-v1.0.int8.onnx"])
    def test_smaller_weights_will_do(self, tmp_path: Path, name: str) -> None:
        make_kokoro(tmp_path, name=name)
        KokoroSynthesizer(tmp_path).prepare()

    def test_another_kind_of_model(self, tmp_path: Path, silero_file: Path) -> None:
        make_kokoro(tmp_path)
        (tmp_path / "kokoro-v1.0.onnx").write_bytes(silero_file.read_bytes())
        with pytest.raises(SynthesisError, match=r"no model of Kokoro.*'input'"):
            KokoroSynthesizer(tmp_path).prepare()

    def test_a_failure_closes_the_stream(
        self, synthesizer: KokoroSynthesizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = synthesizer._load().model
        vocabulary = {**model.vocabulary, "b": 1000}  # there is no such token
        monkeypatch.setattr(model, "vocabulary", vocabulary)
        stream = synthesizer.synthesize("bus")
        with pytest.raises(SynthesisError, match="the voice kokoro failed"):
            next(stream)
        assert list(stream) == []

    def test_no_threads(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="1 or more"):
            KokoroSynthesizer(tmp_path, threads=0)


@pytest.fixture(scope="module")
def silero_file() -> Path:
    from faster_whisper.utils import get_assets_path

    return Path(get_assets_path()) / "silero_vad_v6.onnx"


class TestLimits:
    @pytest.mark.parametrize(
        "text", ["1234567890" * 24, "8 " * 120, "w" * 250], ids=lambda text: text[:3]
    )
    def test_the_model_gets_no_more_than_it_can_take(
        self,
        synthesizer: KokoroSynthesizer,
        watch: Callable[[KokoroSynthesizer], Watched],
        text: str,
    ) -> None:
        watched = watch(synthesizer)
        pieces = list(synthesizer.synthesize(text))
        assert len(watched.tokens) > 1
        assert max(watched.tokens) <= MAX_PHONEMES + 2
        assert len(samples_of(pieces)) > len(text) * 0.05 * RATE

    def test_a_segment_is_computed_when_it_is_wanted(
        self, synthesizer: KokoroSynthesizer, watch: Callable[[KokoroSynthesizer], Watched]
    ) -> None:
        watched = watch(synthesizer)
        stream = synthesizer.synthesize(f"{BUS} " * 20)
        assert watched.tokens == []
        next(stream)
        assert len(watched.tokens) == 1
        stream.close()

    @pytest.mark.parametrize("speed", [0.5, 2.0])
    def test_speeds(self, synthesizer: KokoroSynthesizer, speed: float) -> None:
        usual = len(samples_of(synthesizer.synthesize(BUS)))
        changed = len(samples_of(synthesizer.synthesize(BUS, speed=speed)))
        assert changed * speed / usual == pytest.approx(1, abs=0.2)  # whole frames


class TestCancelling:
    def test_inside_the_network(
        self, tmp_path: Path, watch: Callable[[KokoroSynthesizer], Watched]
    ) -> None:
        synthesizer = KokoroSynthesizer(make_kokoro(tmp_path, endless=True))
        watched = watch(synthesizer)
        stream = synthesizer.synthesize(BUS)
        with ThreadPoolExecutor(1) as pool:
            pieces = pool.submit(list, stream)
            assert watched.began.wait(PATIENCE_SECONDS)
            stream.close()
            assert pieces.result(PATIENCE_SECONDS) == []

    def test_while_others_compute(
        self, tmp_path: Path, watch: Callable[[KokoroSynthesizer], Watched]
    ) -> None:
        synthesizer = KokoroSynthesizer(make_kokoro(tmp_path, endless=True), threads=1000)
        watched = watch(synthesizer)
        computing, waiting = (synthesizer.synthesize(BUS) for _ in range(2))
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(list, computing)
            assert watched.began.wait(PATIENCE_SECONDS)
            second = pool.submit(list, waiting)
            until(lambda: len(synthesizer._load().model._turns._line) == 1)
            waiting.close()
            assert second.result(PATIENCE_SECONDS) == []
            assert not first.done()
            assert len(watched.tokens) == 1
            computing.close()
            assert first.result(PATIENCE_SECONDS) == []

    def test_whoever_came_first_is_first(self) -> None:
        turns = Turns(1)
        assert turns.take(Cancellation())
        order: list[int] = []
        waiting = [Cancellation() for _ in range(4)]

        def compute(number: int) -> None:
            if turns.take(waiting[number]):
                order.append(number)
                turns.give_back()

        threads = []
        for number in range(4):
            threads.append(threading.Thread(target=compute, args=(number,)))
            threads[-1].start()
            until(lambda: len(turns._line) == len(threads))
        waiting[1].cancel()
        threads[1].join(PATIENCE_SECONDS)
        turns.give_back()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert order == [0, 2, 3]

    def test_before_it_began(self, kokoro_directory: Path) -> None:
        model = KokoroModel.load(kokoro_directory, threads=1)
        cancellation = Cancellation()
        cancellation.cancel()
        samples, _ = model.run("a", "af_heart", 1.0, cancellation)
        assert len(samples) == 0
        samples, _ = model.run("a", "af_heart", 1.0, Cancellation())
        assert len(samples) > 0


class TestVoices:
    def test_only_languages_that_can_be_read_are_offered(
        self, synthesizer: KokoroSynthesizer
    ) -> None:
        voices = {voice.name: voice for voice in synthesizer.voices()}
        assert set(VOICES) - set(voices) == {"jf_alpha", "zf_xiaobei"}
        assert voices["bf_emma"].language == "en-gb"
        assert voices["bf_emma"].description == "Emma, British English, female"

    def test_a_language_that_cannot_be_read(self, synthesizer: KokoroSynthesizer) -> None:
        with pytest.raises(SynthesisError, match=r"cannot be made.*'jf_alpha'.*af_heart"):
            synthesizer.synthesize("hello", voice="jf_alpha")
        with pytest.raises(SynthesisError, match="no kokoro voice speaks 'ja'"):
            synthesizer.synthesize("hello", language="ja")

    @pytest.mark.parametrize(
        ("language", "voice"),
        [
            (None, "af_heart"), ("en", "af_heart"), ("EN_au", "af_heart"), ("en-GB", "bf_emma"),
            ("fr", "ff_siwis"), ("pt", "pf_dora"), ("es-mx", "ef_dora"), ("hi", "hf_alpha"),
        ],
    )  # fmt: skip
    def test_the_voice_of_a_language(self, language: str | None, voice: str) -> None:
        assert choose(None, language, VOICES) == voice

    def test_the_favourite_is_not_there(self) -> None:
        assert choose(None, "en", ["am_echo", "am_adam"]) == "am_adam"
        with pytest.raises(SynthesisError, match="holds none"):
            choose(None, None, ["jf_alpha"])

    def test_the_voice_decides_what_is_read(self, synthesizer: KokoroSynthesizer) -> None:
        text = "Le train arrive."
        french = samples_of(synthesizer.synthesize(text, voice="ff_siwis", language="en-us"))
        again = samples_of(synthesizer.synthesize(text, language="fr"))
        np.testing.assert_array_equal(french, again)

    def test_openai_s_names(self, kokoro_directory: Path) -> None:
        engine = load_kokoro(kokoro_directory, threads=1)
        engine.prepare()
        assert engine.find_voice(None) is None
        assert engine.find_voice("Alloy") == "af_alloy"
        assert engine.find_voice("fable") == "bm_fable"
        assert engine.find_voice("EF_dora") == "ef_dora"
        assert len(set(OPENAI_VOICES.values())) == len(OPENAI_VOICES)
        assert list(engine.voice_names()) == sorted(set(VOICES) - {"jf_alpha", "zf_xiaobei"})
        for unknown in ("gandalf", "", "verse", "../af_heart"):
            with pytest.raises(UnknownVoiceError, match=r"some that work.*OpenAI's names.*alloy"):
                engine.find_voice(unknown)
        assert engine.speeds == (0.5, 2.0)
