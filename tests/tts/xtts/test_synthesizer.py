"""XTTS as a voice: names and languages, around a scripted model in a real process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from streamkit.errors import SynthesisError
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.voice_names import OPENAI_VOICES, UnknownVoiceError
from streamkit.tts.voices.store import VoiceStore
from streamkit.tts.voices.voice_file import Consent, VoiceRecord
from streamkit.tts.worker.spec import EngineSpec
from streamkit.tts.worker.testing import scripted_spec
from streamkit.tts.xtts.synthesizer import load_xtts, speech_engine

SENTENCE = "The bus to Berlin is late."


WITHOUT_SPEAKERS = """
import dataclasses
from streamkit.tts.worker.testing import INFO, ScriptedEngine

def load():
    engine = ScriptedEngine()
    engine.info = dataclasses.replace(INFO, speakers=())
    return engine
"""


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    return VoiceStore(tmp_path / "voices")


@pytest.fixture
def make(store: VoiceStore) -> Iterator[Callable[..., SpeechEngine]]:
    engines: list[SpeechEngine] = []

    def build(spec: EngineSpec | None = None, seed: int | None = None) -> SpeechEngine:
        engines.append(
            speech_engine(spec or scripted_spec(), name="xtts_v2", voices=store, seed=seed)
        )
        return engines[-1]

    yield build
    for engine in engines:
        engine.close()


def say(engine: SpeechEngine, text: str = SENTENCE, **options: str | float | None) -> np.ndarray:
    pieces = list(engine.synthesizer.synthesize(text, **options))  # type: ignore[arg-type]
    return np.concatenate([piece.samples for piece in pieces])


def clone(store: VoiceStore, name: str) -> None:
    record = VoiceRecord(
        name=name,
        model="xtts_v2",
        consent=Consent(given=True, said_by="the test", at=1),
        created_at=1,
        source_sha256="0" * 64,
        source_seconds=10.0,
        language=None,
    )
    speaker = np.full((1, 512, 1), 0.25, np.float32)
    store.add(record, VoiceLatents(np.zeros((1, 32, 8), np.float32), speaker))


def test_nothing_is_loaded_before_it_is_wanted(store: VoiceStore, tmp_path: Path) -> None:
    engine = load_xtts(tmp_path, name="xtts_v2", voices=store)
    assert engine.statistics is not None
    assert engine.statistics().pid is None
    assert engine.find_voice(None) is None
    assert engine.statistics().pid is None
    engine.close()


def test_a_process_that_speaks_needs_no_torch_in_this_one() -> None:
    code = (
        "import sys, streamkit.tts.xtts.synthesizer; "
        "print([m for m in ('torch', 'TTS', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_speaks_with_whoever_stands_for_the_default(make: Callable[..., SpeechEngine]) -> None:
    engine = make(seed=3)
    engine.prepare()
    default = say(engine)
    assert np.array_equal(default, say(engine, voice=engine.find_voice("alloy")))
    assert not np.array_equal(default, say(engine, voice="Ben"))


def test_every_name_of_openai_has_a_speaker(make: Callable[..., SpeechEngine]) -> None:
    engine = make()
    assert {engine.find_voice(name) for name in OPENAI_VOICES} == {"Ada", "Ben", "Cleo"}
    assert engine.voice_names() == ["Ada", "Ben", "Cleo"]


def test_a_voice_is_there_as_soon_as_it_was_added_and_gone_when_removed(
    make: Callable[..., SpeechEngine], store: VoiceStore
) -> None:
    engine = make()
    with pytest.raises(UnknownVoiceError):
        engine.find_voice("Grandmother")
    clone(store, "Grandmother")
    assert engine.find_voice("grandmother") == "Grandmother"
    assert "Grandmother" in engine.voice_names()
    assert "Grandmother" in {voice.name for voice in engine.synthesizer.voices()}
    assert np.abs(say(engine, voice="Grandmother")).max() > 0.1
    store.remove("Grandmother")
    with pytest.raises(UnknownVoiceError):
        say(engine, voice="Grandmother")


def test_a_model_without_speakers_says_what_to_do(
    make: Callable[..., SpeechEngine],
    store: VoiceStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "model_without_speakers.py").write_text(WITHOUT_SPEAKERS)
    monkeypatch.syspath_prepend(tmp_path)
    engine = make(EngineSpec("model_without_speakers:load"))
    engine.prepare()
    with pytest.raises(SynthesisError, match="streamkit voices add NAME FILE"):
        say(engine)
    clone(store, "grandmother")
    assert np.abs(say(engine, voice="grandmother")).max() > 0.1


def test_the_language_is_english_unless_it_is_said(make: Callable[..., SpeechEngine]) -> None:
    engine = make()
    assert len(say(engine, "42")) == len(say(engine, "forty-two"))
    assert len(say(engine, "42", language="de-AT")) > len(say(engine, "42"))
    with pytest.raises(SynthesisError, match="'tlh'; some languages that work: ar, cs, de"):
        engine.synthesizer.synthesize("42", language="tlh")


def test_makes_voices(make: Callable[..., SpeechEngine]) -> None:
    engine = make()
    assert engine.cloner is not None
    latents = engine.cloner.clone(np.full(22_050 * 6, 0.5, np.float32))
    assert float(latents.speaker.mean()) == pytest.approx(0.5)


def test_a_factory_that_is_not_there_is_told(make: Callable[..., SpeechEngine]) -> None:
    with pytest.raises(SynthesisError, match="no function 'nothing'"):
        make(EngineSpec("streamkit.tts.worker.testing:nothing")).prepare()


def test_closing_twice_is_harmless(make: Callable[..., SpeechEngine]) -> None:
    engine = make()
    engine.prepare()
    engine.close()
    engine.close()
    with pytest.raises(SynthesisError, match="closed"):
        say(engine)
