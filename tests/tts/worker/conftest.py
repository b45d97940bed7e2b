"""Real processes with the scripted model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.synthesizer import WorkerSynthesizer
from streamkit.tts.worker.testing import scripted_synthesizer

SEED = 7

MakeVoice = Callable[..., WorkerSynthesizer]


@pytest.fixture(scope="session")
def calm() -> Iterator[WorkerSynthesizer]:
    """A synthesizer with the same seed in whose process nothing happens "once"."""
    with closing(scripted_synthesizer(seed=SEED)) as made:
        made.supervisor.prepare()
        yield made


@pytest.fixture
def start_voice(tmp_path: Path, calm: WorkerSynthesizer) -> Iterator[MakeVoice]:
    """A function that makes a synthesizer over a process of its own, which ends with the test.

    Its first argument are limits by name; all others are those of `load_scripted`.
    """
    before = set(psutil.Process().children(recursive=True))
    with ExitStack() as exits:

        def start(limits: dict[str, object] | None = None, **arguments: object) -> object:
            given = {"restart_pause": 0.01, **(limits or {})}
            made = scripted_synthesizer(
                limits=WorkerLimits(**given),  # type: ignore[arg-type]
                seed=SEED,
                **{"folder": str(tmp_path), **arguments},
            )
            return exits.enter_context(closing(made))

        yield start
    assert set(psutil.Process().children(recursive=True)) <= before
