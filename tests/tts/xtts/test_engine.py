"""XTTS's engine on small random weights, through the real library."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.errors import SynthesisError
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.synthesizer import WordMark
from streamkit.tts.worker.messages import Done, Failed, Sound, Speak
from streamkit.tts.xtts.text import prepare

pytest.importorskip("TTS", reason="extra [xtts]: coqui-tts is not installed")

TEXT = "The quiet water of the lake was like a mirror in the light."
OTHER = "Eight boats are late."

Samples = npt.NDArray[np.float32]


def speak(id: int, text: str = TEXT, **changes: Any) -> Speak:
    (sentence,) = prepare(text, "en")
    made = Speak(id, sentence.text, sentence.words, "en", "Ada Random", 1.0, seed=7)
    return replace(made, **changes)


def run(engine: Any, sentences: Iterable[Speak]) -> tuple[dict[int, Samples], list[Any]]:
    """Speak all of them to their end; the sound of each, and all reports."""
    sounds: dict[int, list[Samples]] = {}
    reports = []
    for each in sentences:
        engine.begin(each)
        sounds[each.id] = [np.zeros(0, np.float32)]
    while engine.active or engine.waiting:
        for report in engine.advance():
            reports.append(report)
            if isinstance(report, Sound):
                sounds.setdefault(report.id, []).append(report.samples)
    return {id: np.concatenate(parts) for id, parts in sounds.items()}, reports


def marks(reports: Iterable[Any]) -> list[WordMark]:
    return [mark for r in reports if isinstance(r, Sound) for mark in r.marks]


@pytest.fixture(scope="module")
def engine(tiny_xtts: Path) -> Any:
    from streamkit.tts.xtts.engine import load

    return load(str(tiny_xtts), device="cpu", batch=3)


@pytest.fixture(scope="module")
def following(following_xtts: Path) -> Any:
    from streamkit.tts.xtts.engine import load

    return load(str(following_xtts), device="cpu", batch=2)


def test_says_what_it_is(engine: Any) -> None:
    info = engine.info
    assert info.speakers == ("Ada Random", "Ben Random")
    assert (info.sample_rate, info.device, info.precision) == (24_000, "cpu", "int8")
    assert len(info.languages) == 17
    assert engine.active == engine.waiting == engine.memory() == 0


class TestSound:
    def test_is_the_librarys_decoding_of_its_own_latents(self, tiny_xtts: Path, xtts: Any) -> None:
        import torch

        from streamkit.tts.xtts.checkpoint import load_model, load_speakers, quiet
        from streamkit.tts.xtts.engine import XttsEngine
        from streamkit.tts.xtts.sampling import Sampling

        with torch.inference_mode(), quiet():
            engine = XttsEngine(
                load_model(tiny_xtts),
                load_speakers(tiny_xtts),
                precision="float32",
                sampling=Sampling(greedy=True),
            )
            found = run(engine, [speak(1)])[0][1]
            voice = xtts.speaker_manager.speakers["Ada Random"]
            chunks = xtts.inference_stream(
                prepare(TEXT, "en")[0].text,
                "en",
                voice["gpt_cond_latent"],
                voice["speaker_embedding"],
                stream_chunk_size=0,
                top_k=1,
            )
            expected = torch.cat(list(chunks)).numpy()
        assert len(found) == len(expected) > 24_000
        assert np.abs(expected).max() > 0.1
        assert np.abs(found - expected).max() < 1e-3

    def test_does_not_depend_on_who_else_speaks(self, engine: Any) -> None:
        sentences = [
            speak(1),
            speak(2, seed=8, voice="Ben Random"),
            speak(3, OTHER),
            speak(4, speed=1.3),
            speak(5, OTHER, seed=2**63),
        ]
        together, _ = run(engine, sentences)
        for each in sentences:
            alone = run(engine, [each])[0][each.id]
            assert len(alone) == len(together[each.id]) > 10_000
            assert np.abs(alone - together[each.id]).max() < 1e-6

    def test_depends_on_seed_voice_and_text(self, engine: Any) -> None:
        sounds, _ = run(
            engine, [speak(1), speak(2, seed=9), speak(3, voice="Ben Random"), speak(4, OTHER)]
        )
        for id in (2, 3, 4):
            count = min(len(sounds[1]), len(sounds[id]))
            assert np.abs(sounds[1][:count] - sounds[id][:count]).max() > 0.01

    def test_comes_in_chunks_that_grow(self, engine: Any) -> None:
        _, reports = run(engine, [speak(1)])
        sizes = [len(report.samples) for report in reports if isinstance(report, Sound)]
        assert sizes[0] < 0.15 * 24_000
        assert max(sizes) <= 1.1 * 24_000
        assert isinstance(reports[-1], Done)

    def test_speed_changes_the_length(self, engine: Any) -> None:
        slow, usual, fast = (
            len(run(engine, [speak(1, speed=speed)])[0][1]) for speed in (0.5, 1.0, 2.0)
        )
        # Random weights hardly ever end by themselves, so all have as many tokens.
        assert slow == pytest.approx(2 * usual, rel=0.05)
        assert fast == pytest.approx(usual / 2, rel=0.05)

    def test_what_somebody_has_is_not_sent_again(self, engine: Any) -> None:
        whole = run(engine, [speak(1)])[0][1]
        for skip in (1, 1000, 30_000, len(whole) - 1):
            rest = run(engine, [speak(2, skip=skip)])[0][2]
            assert len(rest) == len(whole) - skip
            assert np.abs(rest - whole[skip:]).max() < 1e-6
        sounds, reports = run(engine, [speak(3, skip=10**9)])
        assert not len(sounds[3])
        assert reports == [Done(3)]


class TestPlaces:
    def test_more_sentences_than_places_wait(self, engine: Any) -> None:
        for id in range(5):
            engine.begin(speak(id, OTHER))
        assert (engine.active, engine.waiting) == (0, 5)
        engine.advance()
        assert (engine.active, engine.waiting) == (3, 2)
        ended = [r.id for r in run(engine, [])[1] if isinstance(r, Done)]
        assert sorted(ended) == [0, 1, 2, 3, 4]

    def test_a_cancelled_sentence_is_gone_with_the_next_step(self, engine: Any) -> None:
        for id in range(5):
            engine.begin(speak(id, OTHER))
        for _ in range(12):
            engine.advance()
        for id in (0, 4, 77):
            engine.cancel(id)
        assert engine.active + engine.waiting == 3
        reports = run(engine, [])[1]
        assert {r.id for r in reports} == {1, 2, 3}
        assert not engine.advance()

    def test_one_that_joins_late_sounds_the_same(self, engine: Any) -> None:
        alone = run(engine, [speak(2, OTHER)])[0][2]
        engine.begin(speak(1))
        for _ in range(20):
            engine.advance()
        late = run(engine, [speak(2, OTHER)])[0][2]
        assert np.abs(late - alone).max() < 1e-6


class TestWords:
    @pytest.fixture(params=["engine", "following"])
    def any_engine(self, request: pytest.FixtureRequest) -> Any:
        return request.getfixturevalue(request.param)

    @pytest.mark.parametrize("speed", [0.7, 1.0, 1.5])
    def test_each_begins_once_in_the_sound_that_brings_it(
        self, any_engine: Any, speed: float
    ) -> None:
        sentence = speak(1, speed=speed)
        _, reports = run(any_engine, [sentence])
        begin = 0
        for report in reports:
            if isinstance(report, Sound):
                end = begin + len(report.samples)
                assert all(begin <= mark.sample < end for mark in report.marks)
                begin = end
        found = marks(reports)
        assert [m.text_offset for m in found] == [word.text_offset for word in sentence.words]
        assert [m.sample for m in found] == sorted(m.sample for m in found)

    def test_begin_where_the_heads_look(self, following: Any) -> None:
        _, reports = run(following, [speak(1)])
        for mark in marks(reports):
            # The first token names the language; then each letter is one.
            expected = (mark.text_offset + 1) * 1.25 * 1024 / 22_050 * 24_000
            assert abs(mark.sample - expected) < 0.15 * 24_000

    def test_are_placed_by_length_where_no_head_follows(self, engine: Any) -> None:
        _, reports = run(engine, [speak(1)])
        found = marks(reports)
        assert found[0].sample < found[-1].sample


class TestLanguages:
    @pytest.mark.parametrize(
        ("language", "text"),
        [
            ("de", "Der Zug fährt um 7 Uhr 30."),
            ("fr", "Il y a 21 élèves dans la classe."),
            ("ru", "Поезд опоздал на 8 минут."),
            ("ar", "القطار متأخر ثماني دقائق."),
            ("hi", "ट्रेन आठ मिनट देर से है।"),
            ("ko", "기차가 팔 분 늦었습니다."),
            ("ja", "電車は八分遅れています。"),
            ("zh", "火车晚点八分钟。"),
            ("tr", "Tren sekiz dakika gecikti."),
        ],
    )
    def test_all_words_are_spoken(self, engine: Any, language: str, text: str) -> None:
        (sentence,) = prepare(text, language)
        sounds, reports = run(
            engine, [Speak(1, sentence.text, sentence.words, language, "Ada Random", 1.0, 1)]
        )
        assert len(sounds[1]) > 5000
        assert [m.text_offset for m in marks(reports)] == [w.text_offset for w in sentence.words]


class TestClone:
    def test_makes_what_the_library_makes(
        self, engine: Any, xtts: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import torch

        samples = np.random.default_rng(0).normal(0, 0.1, 22_050 * 7).astype(np.float32)
        # Its way to read files needs FFmpeg's libraries on the machine.
        monkeypatch.setattr(
            "TTS.tts.models.xtts.load_audio", lambda path, rate: torch.from_numpy(samples)[None]
        )
        config = xtts.config
        with torch.inference_mode():
            conditioning, speaker = xtts.get_conditioning_latents(
                "voice.wav",
                max_ref_length=config.max_ref_len,
                gpt_cond_len=config.gpt_cond_len,
                gpt_cond_chunk_len=config.gpt_cond_chunk_len,
            )
        made = engine.clone(samples)
        assert made.conditioning.shape == (1, 32, 64)
        assert made.speaker.shape == (1, 512, 1)
        assert np.abs(made.conditioning - conditioning.numpy()).max() < 1e-4
        assert np.abs(made.speaker - speaker.numpy()).max() < 1e-4

    def test_speaks(self, engine: Any) -> None:
        samples = np.random.default_rng(1).normal(0, 0.1, 22_050 * 6).astype(np.float32)
        voice = engine.clone(samples)
        sounds, _ = run(engine, [speak(1, voice=voice), speak(2)])
        count = min(map(len, sounds.values()))
        assert np.abs(sounds[1][:count] - sounds[2][:count]).max() > 0.01

    def test_too_little_sound_is_refused(self, engine: Any) -> None:
        with pytest.raises(SynthesisError, match="no voice can be made"):
            engine.clone(np.zeros(1000, np.float32))


class TestRefusals:
    def test_an_unknown_voice_names_some(self, engine: Any) -> None:
        with pytest.raises(SynthesisError, match=r"'Nobody'.*some that work: Ada Random"):
            engine.begin(speak(1, voice="Nobody"))
        assert not engine.waiting

    def test_a_voice_of_another_model(self, engine: Any) -> None:
        voice = VoiceLatents(np.zeros((1, 32, 1024), np.float32), np.zeros((1, 512, 1), np.float32))
        with pytest.raises(SynthesisError, match=r"another model.*\(1, 32, 64\)"):
            engine.begin(speak(1, voice=voice))

    def test_a_text_of_too_many_tokens(self, engine: Any) -> None:
        with pytest.raises(SynthesisError, match=r"text tokens.*fewer than 40\d"):
            engine.begin(Speak(1, "a b " * 300, (), "en", "Ada Random", 1.0, 0))


class TestLoading:
    @pytest.fixture
    def copy(self, tiny_xtts: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(tiny_xtts, tmp_path / "model"))

    @pytest.mark.parametrize("name", ["config.json", "model.pth", "vocab.json"])
    def test_a_missing_file_is_named(self, copy: Path, name: str) -> None:
        from streamkit.tts.xtts.engine import load

        (copy / name).unlink()
        with pytest.raises(SynthesisError, match=rf"{name} missing.*models pull xtts_v2"):
            load(str(copy))

    @pytest.mark.parametrize("name", ["config.json", "model.pth", "vocab.json"])
    def test_a_cut_file_is_no_traceback(self, copy: Path, name: str) -> None:
        from streamkit.tts.xtts.engine import load

        data = (copy / name).read_bytes()
        (copy / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(SynthesisError, match="models pull xtts_v2"):
            load(str(copy))

    def test_code_in_a_checkpoint_is_not_run(self, copy: Path, tmp_path: Path) -> None:
        import torch

        from streamkit.tts.xtts.engine import load

        trace = tmp_path / "was-run"

        class Harmful:
            def __reduce__(self) -> Any:
                return (Path.touch, (trace,))

        torch.save({"model": Harmful()}, copy / "model.pth")
        assert not trace.exists()
        with pytest.raises(SynthesisError, match="cannot be loaded"):
            load(str(copy))
        assert not trace.exists()
        pickle.loads(pickle.dumps(Harmful()))
        assert trace.exists()  # it would have

    @pytest.mark.parametrize("place", ["TTS.tts.models.xtts", "TTS.tts.configs.xtts_config"])
    def test_the_configuration_may_lie_in_the_checkpoint(
        self, copy: Path, place: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import torch
        from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig

        from streamkit.tts.xtts.engine import load

        weights = torch.load(copy / "model.pth", weights_only=True)["model"]
        with monkeypatch.context() as patch:
            for moved in (XttsArgs, XttsAudioConfig):
                patch.setattr(moved, "__module__", place)
            torch.save({"config": XttsConfig(), "model": weights}, copy / "model.pth")
        assert load(str(copy)).info.speakers

    def test_another_models_weights_are_told(self, copy: Path) -> None:
        import torch

        from streamkit.tts.xtts.engine import load

        torch.save({"model": {"gpt.nothing": torch.zeros(1)}}, copy / "model.pth")
        with pytest.raises(SynthesisError, match=r"of another model than config\.json"):
            load(str(copy))

    def test_no_built_in_voices_is_no_fault(self, copy: Path) -> None:
        from streamkit.tts.xtts.engine import load

        (copy / "speakers_xtts.pth").unlink()
        loaded = load(str(copy))
        assert loaded.info.speakers == ()
        with pytest.raises(SynthesisError, match="cloned ones only"):
            loaded.begin(speak(1))

    def test_damaged_voices_are_told(self, copy: Path) -> None:
        from streamkit.tts.xtts.engine import load

        (copy / "speakers_xtts.pth").write_bytes(b"PK\x03\x04")
        with pytest.raises(SynthesisError, match=r"speakers_xtts\.pth cannot be read"):
            load(str(copy))

    def test_a_device_that_is_not_there(self, tiny_xtts: Path) -> None:
        import torch

        from streamkit.tts.xtts.engine import load

        if torch.cuda.is_available():
            pytest.skip("this machine has a CUDA device")
        with pytest.raises(SynthesisError, match=r"CUDA.*--tts-device cpu"):
            load(str(tiny_xtts), device="cuda")

    def test_a_precision_that_is_not_there(self, tiny_xtts: Path) -> None:
        from streamkit.tts.xtts.engine import load

        with pytest.raises(SynthesisError, match=r"precision int4.*accepted: auto, int8"):
            load(str(tiny_xtts), device="cpu", precision="int4")


def test_reports_name_their_sentence(engine: Any) -> None:
    _, reports = run(engine, [speak(31, OTHER), speak(32, OTHER)])
    assert {r.id for r in reports} == {31, 32}
    assert not any(isinstance(r, Failed) for r in reports)
