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

__all__ = [
    "BrokenPromiseError",
    "Detector",
    "Emitted",
    "Ledger",
    "Loudspeaker",
    "ScriptedRecognizer",
    "SimulatedConversation",
    "SimulatedStream",
    "SpokenWord",
    "Stretch",
    "say",
    "scripted_detector",
]
