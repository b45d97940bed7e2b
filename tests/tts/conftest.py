"""Every synthesizer that has to pass the conformance suite."""

from __future__ import annotations

import pytest

from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.synthesizer import Synthesizer


@pytest.fixture(scope="session", params=[EspeakSynthesizer], ids=["espeak"])
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    made: Synthesizer = request.param()
    return made
