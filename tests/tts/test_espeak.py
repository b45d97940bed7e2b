"""What is espeak-ng's own: voices, variants, failures."""

from __future__ import annotations

import sys
import types
from itertools import pairwise
from pathlib import Path

import pytest

from streamkit.errors import SynthesisError
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.espeak_library import Engine


def duration(text: str, voice: str | None = None, language: str | None = None) -> float:
    stream = EspeakSynthesizer().synthesize(text, voice=voice, language=language)
    return sum(len(piece.samples) / piece.sample_rate for piece in stream)


class TestVoices:
    def test_english_voices_and_variants_are_there(self) -> None:
        synthesizer = EspeakSynthesizer()
        names = {voice.name: voice.language for voice in synthesizer.voices()}
        assert names["en-us"] == "en-us"
        assert {"m1", "f2", "klatt", "Annie"} <= set(synthesizer.variants())
        assert not any(name.startswith("mb-") for name in names)

    def test_every_listed_voice_speaks(self) -> None:
        synthesizer = EspeakSynthesizer()
        for voice in synthesizer.voices():
            stream = synthesizer.synthesize("hello", voice=voice.name)
            assert any(piece.samples.any() for piece in stream), voice

    @pytest.mark.parametrize("voice", ["en-us+f2", "EN-US+F2", "en-us+annie", "de+klatt"])
    def test_variants_in_any_case(self, voice: str) -> None:
        assert duration("hello", voice) > 0.2

    @pytest.mark.parametrize("language", ["en-AU", "de_AT", "EN", "pt-br", "zh"])
    def test_a_region_without_a_voice_falls_back_to_its_language(self, language: str) -> None:
        assert duration("1 2 3", language=language) > 0.2

    @pytest.mark.parametrize(
        "voice",
        ["../en-us", "gmw/en-US", "en-us+../m1", "en-us+", "+f2", "a b", "en-us\n", "mb-en1", "fo"],
    )
    def test_only_listed_names_reach_the_engine(self, voice: str) -> None:
        with pytest.raises(SynthesisError, match="some that work"):
            EspeakSynthesizer().synthesize("hello", voice=voice)

    def test_unknown_variant_names_some(self) -> None:
        with pytest.raises(SynthesisError, match=r"'zzz' in the voice 'en-us\+zzz'.*f1 to f5"):
            EspeakSynthesizer().synthesize("hello", voice="en-us+zzz")


class TestEngine:
    def test_there_is_one(self) -> None:
        assert Engine.load() is Engine.load()

    def test_control_characters_do_not_end_the_text(self) -> None:
        assert duration("one\x00two\x1bthree") == pytest.approx(duration("one two three"), rel=0.05)

    def test_a_voice_that_vanished_is_an_error_and_closes_the_stream(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synthesizer = EspeakSynthesizer()
        monkeypatch.setattr(synthesizer, "_names", {"en-us": "gmw/gone"})
        stream = synthesizer.synthesize("hello")
        with pytest.raises(SynthesisError, match="refused voice 'gmw/gone': not found"):
            next(stream)
        assert list(stream) == []

    def test_missing_package_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Engine, "_instance", None)
        monkeypatch.setitem(sys.modules, "espeakng_loader", None)
        with pytest.raises(SynthesisError, match="pip install"):
            EspeakSynthesizer().synthesize("hello")

    def test_broken_library_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        broken = tmp_path / "libespeak-ng.so"
        broken.write_bytes(b"no library")
        loader = types.SimpleNamespace(
            get_library_path=lambda: str(broken), get_data_path=lambda: str(tmp_path)
        )
        monkeypatch.setattr(Engine, "_instance", None)
        monkeypatch.setitem(sys.modules, "espeakng_loader", loader)
        with pytest.raises(SynthesisError, match="pip install"):
            EspeakSynthesizer().voices()

    def test_close_gives_up_a_segment_that_is_being_computed(self) -> None:
        calls = iter([False, False, False, True])
        engine = Engine.load()
        utterance = engine.speak(
            "This would take several seconds to say in full.",
            voice="gmw/en-US",
            words_per_minute=175,
            end_pause=False,
            cancelled=lambda: next(calls, True),
        )
        assert 0 < len(utterance.samples) < engine.sample_rate // 2

    def test_pieces_are_short(self) -> None:
        pieces = list(EspeakSynthesizer().synthesize("The train to Paris leaves at seven."))
        assert len(pieces) > 10
        assert max(len(p.samples) / p.sample_rate for p in pieces) <= 0.06
        assert all(len(a.samples) == len(b.samples) for a, b in pairwise(pieces[:-1]))
