"""Fakes and simulated time, for this project's tests and for those of its users."""

from streamkit.testing.captions import (
    Detector,
    Emitted,
    ScriptedRecognizer,
    SimulatedStream,
    SpokenWord,
    Stretch,
    scripted_detector,
)
from streamkit.testing.conversation import SimulatedConversation, say
from streamkit.testing.ledger import BrokenPromiseError, Ledger
from streamkit.testing.loudspeaker import Loudspeaker
from streamkit.testing.speech import Asked, FakeSpeech, FakeSynthesizer, wait_until_closed

__all__ = [
    "Asked",
    "BrokenPromiseError",
    "Detector",
    "Emitted",
    "FakeSpeech",
    "FakeSynthesizer",
    "Ledger",
    "Loudspeaker",
    "ScriptedRecognizer",
    "SimulatedConversation",
    "SimulatedStream",
    "SpokenWord",
    "Stretch",
    "say",
    "scripted_detector",
    "wait_until_closed",
]
