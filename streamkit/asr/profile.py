"""How one speech model wants to be decoded.

A profile is data of the model, not of the code: the defaults stand in the catalogue of
`streamkit.models`, and a `profile.json` with any of the fields replaces them.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamkit.errors import ModelError

if TYPE_CHECKING:
    from streamkit.asr.policy import CommitPolicy
    from streamkit.asr.recognizer import Task

PROFILE_FILE = "profile.json"
MAX_MARGIN = 30.0
MAX_BEAM_SIZE = 20
MAX_CONTEXT_WORDS = 100
MAX_TRIM = 6.0
PATIENCE_SECONDS = 1.0
AGREEMENT_PATIENCE_SECONDS = 3.0
"""Longer, since a model is left to agreement where its word times are not known to be good."""
POLICIES = ("agreement", "hold-back", "either")


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What the decoder has to know about a model beyond its weights.

    Attributes:
        margin: seconds of padding after the speech when a short window is decoded; None: the
            model was made for 30 s windows only, and the window is always filled up to that.
        suppress_blank: forbid an empty answer, as Whisper does. False for a model that says
            nothing in silence by itself.
        beam_size: 1 is greedy.
        english_only: the model knows no other language.
        policy: `agreement`, `hold-back` or `either`: see `streamkit.asr.policy`.
        commit_probability: least probability, 0 to 1, of a word that is committed before the
            speaker has paused; the higher, the fewer early mistakes, and the later the words.
        hold_back: seconds that a word has to lie before the end of what was heard, for `hold-back`.
        hold_back_probability: least probability of such a word; more than for one that two passes
            agree on, since only one has heard it.
        trim: seconds from which the window moves on behind committed words; the shorter, the
            cheaper, and the less the model hears around each word. At most 6, where a final ends.
        context_words: how many committed words before the window the model is reminded of.
        description: one line for people.
    """

    margin: float | None = None
    suppress_blank: bool = True
    beam_size: int = 1
    english_only: bool = False
    policy: str = "agreement"
    commit_probability: float = 0.5
    hold_back: float = 0.5
    hold_back_probability: float = 0.8
    trim: float = MAX_TRIM
    context_words: int = 32
    description: str = ""

    def __post_init__(self) -> None:
        """Check types and ranges, since profiles come from files too.

        Raises:
            ModelError: a field has another type, or is out of range.
        """
        _check("margin", self.margin, "null or 0 to 30 seconds", _is_margin(self.margin))
        _check(
            "suppress_blank",
            self.suppress_blank,
            "true or false",
            isinstance(self.suppress_blank, bool),
        )
        _check(
            "beam_size",
            self.beam_size,
            f"a whole number from 1 to {MAX_BEAM_SIZE}",
            type(self.beam_size) is int and 1 <= self.beam_size <= MAX_BEAM_SIZE,
        )
        _check(
            "english_only", self.english_only, "true or false", isinstance(self.english_only, bool)
        )
        for name in ("commit_probability", "hold_back_probability"):
            value = getattr(self, name)
            _check(name, value, "a number from 0 to 1", _is_number(value) and 0 <= value <= 1)
        _check("policy", self.policy, " or ".join(POLICIES), self.policy in POLICIES)
        for name, least, most in (("hold_back", 0, 5), ("trim", 1, MAX_TRIM)):
            value = getattr(self, name)
            good = _is_number(value) and least <= value <= most
            _check(name, value, f"{least:g} to {most:g} seconds", good)
        _check(
            "context_words",
            self.context_words,
            f"a whole number from 0 to {MAX_CONTEXT_WORDS}",
            type(self.context_words) is int and 0 <= self.context_words <= MAX_CONTEXT_WORDS,
        )
        _check("description", self.description, "a text", isinstance(self.description, str))

    def commit_policy(self, task: Task | None = None) -> CommitPolicy:
        """When words are believed; of a transcription, unless `task` says otherwise.

        A translation's words do not come in the order of the sound, so where they end says
        little about whether all of them were heard: two passes have to agree, and that is all.
        """
        # Imported here, since profiles are read where nothing is computed.
        from streamkit.asr.policy import Either, HoldBack, LocalAgreement
        from streamkit.asr.recognizer import Task
        from streamkit.audio.clock import seconds

        if task is Task.TRANSLATE:
            return LocalAgreement(0.0)
        agreement = LocalAgreement(self.commit_probability)
        if self.policy == "agreement":
            patience = HoldBack(seconds(AGREEMENT_PATIENCE_SECONDS), 0.0)
            return Either((agreement, patience))
        hold_back = HoldBack(seconds(self.hold_back), self.hold_back_probability)
        # A word that stays improbable must not hold up all that comes after it.
        patience = HoldBack(seconds(PATIENCE_SECONDS), 0.0)
        if self.policy == "hold-back":
            return Either((hold_back, patience))
        return Either((agreement, hold_back, patience))

    def override(self, path: Path) -> ModelProfile:
        """This profile with the fields that a JSON file names; itself where there is no file.

        Raises:
            ModelError: the file is no JSON object, or a field is unknown or has a wrong value.
        """
        try:
            fields = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return self
        except (OSError, ValueError) as error:
            raise ModelError(f"the model profile {path} cannot be read: {error}") from error
        accepted = [field.name for field in dataclasses.fields(self)]
        if not isinstance(fields, dict) or not set(fields) <= set(accepted):
            raise ModelError(
                f"the model profile {path} has to be a JSON object with some of these fields: "
                f"{', '.join(accepted)}"
            )
        try:
            return dataclasses.replace(self, **fields)
        except ModelError as error:
            raise ModelError(f"in the model profile {path}: {error}") from error


def _is_margin(value: Any) -> bool:
    return value is None or (_is_number(value) and 0 <= value <= MAX_MARGIN)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _check(name: str, value: object, accepted: str, good: bool) -> None:
    if not good:
        raise ModelError(f"{name} is {value!r}, but has to be {accepted}")
