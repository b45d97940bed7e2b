"""Fixtures that every test may use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.config import Settings
from streamkit.server.serving import load_recognizer
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render

Samples = npt.NDArray[np.float32]

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The server runs on asyncio (uvicorn does), so the tests do."""
    return "asyncio"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of the micro model's held-out recordings; its README says what is in it."""
    return Path(__file__).with_name("data") / "recordings"


@pytest.fixture(scope="session")
def languages() -> Path:
    """The folder of recordings in German, Spanish and French, and of some that mix them."""
    return Path(__file__).with_name("data") / "languages"


@pytest.fixture(scope="session")
def multilingual() -> Path:
    """The folder of the multilingual micro model, which is for tests only."""
    return Path(__file__).with_name("data") / "whisper-micro-multilingual"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the repository of other people's recordings; skips where it is absent."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "MANIFEST.tsv").is_file():
        pytest.skip(
            f"needs other people's recordings, and there is no {folder.name}/ beside the checkout"
        )
    return folder


@pytest.fixture(scope="session")
def micro() -> tuple[Recognizer, ModelProfile]:
    """The bundled model, loaded once."""
    recognizer, profile, _ = load_recognizer(_settings())
    return recognizer, profile


@pytest.fixture(scope="session")
def server(micro: tuple[Recognizer, ModelProfile]) -> Iterator[LiveServer]:
    """A server over the bundled model with the settings as they are, for all tests together."""
    with LiveServer(_settings(), *micro) as running:
        yield running


@pytest.fixture
def start_server(micro: tuple[Recognizer, ModelProfile]) -> Iterator[Callable[..., LiveServer]]:
    """A function that starts a server with settings of its own, for one test.

    The argument `recognizer` puts another one in the place of the bundled model.
    """
    with ExitStack() as exits:

        def start(recognizer: Recognizer | None = None, **settings: object) -> LiveServer:
            engine = micro if recognizer is None else (recognizer, ModelProfile())
            return exits.enter_context(LiveServer(_settings(**settings), *engine))

        yield start


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool]], None]:
    """A function that returns when a condition has become true, and fails when it never does."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.005)

    return wait


@pytest.fixture(scope="session")
def speak() -> Callable[..., Samples]:
    """A function that says a text: float32 mono with half a second of silence on each side.

    Its second argument is the sample rate, 16000 unless given. The bundled model understands
    this voice when the words are among its own.
    """

    @cache
    def say(text: str, rate: int = 16_000) -> Samples:
        silence = np.zeros(rate // 2, np.float32)
        sound = render(EspeakSynthesizer(), text, sample_rate=rate)
        return np.concatenate([silence, sound, silence])

    return say


def _settings(**given: object) -> Settings:
    return Settings.model_validate({"model": "whisper-micro-en", "port": 0, **given})


@pytest.fixture(scope="session")
def tiny_xtts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XTTS with two narrow layers of random weights, and the vocoder in its real size."""
    return _random_xtts(tmp_path_factory.mktemp("tiny-xtts"))


@pytest.fixture(scope="session")
def following_xtts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with heads that follow the text: 1.25 tokens of sound for each of text."""
    return _random_xtts(tmp_path_factory.mktemp("following-xtts"), tokens_per_text=1.25)


def _random_xtts(folder: Path, **options: float) -> Path:
    pytest.importorskip("TTS", reason="extra [xtts]: coqui-tts is not installed")
    from streamkit_benchmarks.random_xtts import SIZES, make

    return make(folder, SIZES["tiny"], **options)
