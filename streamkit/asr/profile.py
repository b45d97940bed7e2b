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
from typing import Any

from streamkit.errors import ModelError

PROFILE_FILE = "profile.json"
MAX_MARGIN = 30.0
MAX_BEAM_SIZE = 20


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
        commit_probability: least probability, 0 to 1, of a word that is committed before the
            speaker has paused; the higher, the fewer early mistakes, and the later the words.
        description: one line for people.
    """

    margin: float | None = None
    suppress_blank: bool = True
    beam_size: int = 1
    english_only: bool = False
    commit_probability: float = 0.5
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
        _check(
            "commit_probability",
            self.commit_probability,
            "a number from 0 to 1",
            _is_number(self.commit_probability) and 0 <= self.commit_probability <= 1,
        )
        _check("description", self.description, "a text", isinstance(self.description, str))

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
