"""Every synthesizer that has to pass the conformance suite."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streamkit.testing import FakeSynthesizer
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.kokoro import KokoroSynthesizer
from streamkit.tts.synthesizer import Synthesizer
from streamkit.tts.voices.store import VoiceStore
from streamkit.tts.worker.testing import scripted_synthesizer
from streamkit.tts.xtts.synthesizer import load_xtts

# The makers of tiny models lie beside the tests.
sys.path.append(str(Path(__file__).parent))

from tiny_kokoro import make_kokoro


@pytest.fixture(scope="session")
def kokoro_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that, like the released one, does not tell how long its phonemes are."""
    return make_kokoro(tmp_path_factory.mktemp("kokoro"))


@pytest.fixture(scope="session")
def timed_kokoro_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model, which tells."""
    return make_kokoro(tmp_path_factory.mktemp("timed-kokoro"), durations=True)


def espeak(request: pytest.FixtureRequest) -> Synthesizer:
    return EspeakSynthesizer()


def kokoro(request: pytest.FixtureRequest) -> Synthesizer:
    return KokoroSynthesizer(request.getfixturevalue("kokoro_directory"))


def timed_kokoro(request: pytest.FixtureRequest) -> Synthesizer:
    return KokoroSynthesizer(request.getfixturevalue("timed_kokoro_directory"))


def fake(request: pytest.FixtureRequest) -> Synthesizer:
    return FakeSynthesizer()


def scripted_worker(request: pytest.FixtureRequest) -> Synthesizer:
    made = scripted_synthesizer(obeys=False)
    request.addfinalizer(made.close)
    return made


def xtts(request: pytest.FixtureRequest) -> Synthesizer:
    """The real engine in its process, on small random weights."""
    directory = request.getfixturevalue("following_xtts")
    voices = request.getfixturevalue("tmp_path_factory").mktemp("voices")
    engine = load_xtts(
        directory,
        name="xtts_v2",
        voices=VoiceStore(voices, 10),
        device="cpu",
        seed=5,
    )
    request.addfinalizer(engine.close)
    return engine.synthesizer


ENGINES: tuple[Callable[[pytest.FixtureRequest], Synthesizer], ...] = (
    espeak,
    kokoro,
    timed_kokoro,
    fake,
    scripted_worker,
    xtts,
)
"""Each makes a synthesizer, with what fixtures it needs."""


@pytest.fixture(scope="session", params=ENGINES, ids=lambda make: make.__name__)
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    made: Synthesizer = request.param(request)
    return made
