"""Reading JSON values that anybody may have sent; every error names the field's path.

A `Reader` takes a value and its path and returns what it means. Readers for objects are put
together from `Members`, which knows the difference between a member that is absent, one that is
null, and one that holds a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from streamkit.protocols.openai_realtime.errors import EventError

T = TypeVar("T")
N = TypeVar("N", int, float)
Reader = Callable[[object, str], T]

MAX_ECHO_CHARACTERS = 80
"""How much of a client's value is given back in an error message."""

BETA_NAMES = {
    "modalities": "output_modalities",
    "voice": "audio.output.voice",
    "speed": "audio.output.speed",
    "turn_detection": "audio.input.turn_detection",
    "input_audio_format": "audio.input.format",
    "input_audio_noise_reduction": "audio.input.noise_reduction",
    "input_audio_transcription": "audio.input.transcription",
    "output_audio_format": "audio.output.format",
    "max_response_output_tokens": "max_output_tokens",
}
"""What fields of the beta are called today, seen from a session or a response."""


def shown(value: object) -> str:
    """A client's value as it may stand in an error message: short, one line, printable."""
    match value:
        case Mapping():
            return "an object"
        case list() | tuple():
            return "an array"
        case None:
            return "null"
        case bool():
            return str(value).lower()
    text = ascii(value)
    return text if len(text) <= MAX_ECHO_CHARACTERS else f"{text[:MAX_ECHO_CHARACTERS]}…"


def listed(names: Collection[object]) -> str:
    """Names for an error message, in the order given."""
    return ", ".join(map(str, names))


def invalid_value(path: str, given: object, accepted: str) -> EventError:
    """The error for a value of the right type that cannot be taken."""
    return EventError(
        f"{path}: {shown(given)} was given; accepted: {accepted}", code="invalid_value", param=path
    )


def invalid_type(path: str, given: object, accepted: str) -> EventError:
    """The error for a value of another JSON type."""
    return EventError(
        f"{path}: {shown(given)} was given; accepted: {accepted}", code="invalid_type", param=path
    )


def missing(path: str) -> EventError:
    """The error for a field that has to be there."""
    return EventError(f"{path} is missing; give it", code="missing_required_parameter", param=path)


def boolean(value: object, path: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise invalid_type(path, value, "true or false")
    return value


def string(longest: int | None = None, *, shortest: int = 0) -> Reader[str]:
    """Reader of a text; `longest` and `shortest` are in characters."""

    def read(value: object, path: str) -> str:
        if not isinstance(value, str):
            raise invalid_type(path, value, "a string")
        if longest is not None and len(value) > longest:
            raise EventError(
                f"{path} has {len(value)} characters; accepted: up to {longest}",
                code="string_above_max_length",
                param=path,
            )
        if len(value) < shortest:
            raise invalid_value(path, value, f"a string of at least {shortest} character(s)")
        return value

    return read


def matching(pattern: re.Pattern[str], described: str) -> Reader[str]:
    """Reader of a text that a pattern matches as a whole."""

    def read(value: object, path: str) -> str:
        text = string()(value, path)
        if not pattern.fullmatch(text):
            raise invalid_value(path, text, described)
        return text

    return read


def one_of(choices: tuple[T, ...]) -> Reader[T]:
    """Reader of one of a few texts."""

    def read(value: object, path: str) -> T:
        text = string()(value, path)
        for choice in choices:
            if choice == text:
                return choice
        raise invalid_value(path, text, listed(choices))

    return read


def integer(least: int, most: int) -> Reader[int]:
    """Reader of a whole number, written with or without a fraction of 0."""

    def read(value: object, path: str) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid_type(path, value, f"an integer from {least} to {most}")
        return _bounded(value, path, least, most, "integer")

    return read


def number(least: float, most: float) -> Reader[float]:
    """Reader of a number."""

    def read(value: object, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise invalid_type(path, value, f"a number from {least} to {most}")
        return float(_bounded(value, path, least, most, "decimal"))

    return read


def _bounded(value: N, path: str, least: N, most: N, kind: str) -> N:
    if least <= value <= most:
        return value
    side = "below_min" if value < least else "above_max"
    raise EventError(
        f"{path}: {shown(value)} was given; accepted: from {least} to {most}",
        code=f"{kind}_{side}_value",
        param=path,
    )


def array(item: Reader[T], most: int | None = None) -> Reader[tuple[T, ...]]:
    """Reader of an array whose elements another reader reads."""

    def read(value: object, path: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise invalid_type(path, value, "an array")
        if most is not None and len(value) > most:
            raise EventError(
                f"{path} has {len(value)} elements; accepted: up to {most}",
                code="array_above_max_length",
                param=path,
            )
        return tuple(item(element, f"{path}[{index}]") for index, element in enumerate(value))

    return read


def free_form(value: object, path: str) -> Mapping[str, Any]:
    """Read an object that is only kept."""
    if not isinstance(value, Mapping):
        raise invalid_type(path, value, "an object")
    return value


def pairs(value: Reader[T], longest_key: int, most: int) -> Reader[dict[str, T]]:
    """Reader of an object whose members have names of the client's choice."""

    def read(given: object, path: str) -> dict[str, T]:
        members = free_form(given, path)
        if len(members) > most:
            raise EventError(
                f"{path} has {len(members)} members; accepted: up to {most}",
                code="object_above_max_properties",
                param=path,
            )
        for name in members:
            if len(name) > longest_key:
                raise EventError(
                    f"{path} has the member {shown(name)}; accepted: names of up to {longest_key} "
                    "characters",
                    code="string_above_max_length",
                    param=path,
                )
        return {name: value(member, f"{path}.{name}") for name, member in members.items()}

    return read


class Members:
    """The members of an object, to be read one by one.

    Args:
        value: that has to be an object.
        path: of the object; empty for the event itself.
        accepted: names that it may have.

    Raises:
        EventError: it is no object, or has another member.
    """

    def __init__(self, value: object, path: str, accepted: Collection[str]) -> None:
        if not isinstance(value, Mapping):
            raise invalid_type(path, value, "an object")
        self._path = path
        self._members = value
        for name in value:
            if name not in accepted:
                hint = BETA_NAMES.get(name)
                hint = hint if hint and hint.split(".")[0] in accepted else None
                raise EventError(
                    f"unknown parameter {shown(self.path(name))}; "
                    + (f"it is called {hint} now" if hint else f"accepted: {listed(accepted)}"),
                    code="unknown_parameter",
                    param=self.path(name)[:MAX_ECHO_CHARACTERS],
                )

    def path(self, name: str) -> str:
        """Path of a member."""
        return f"{self._path}.{name}" if self._path else name

    def __contains__(self, name: str) -> bool:
        """Whether a member is there and not null."""
        return self._members.get(name) is not None

    def optional(self, name: str, reader: Reader[T]) -> T | None:
        """A member; None if it is absent or null."""
        value = self._members.get(name)
        return None if value is None else reader(value, self.path(name))

    def required(self, name: str, reader: Reader[T]) -> T:
        """A member that has to be there.

        Raises:
            EventError: it is absent or null, or what the reader says.
        """
        value = self._members.get(name)
        if value is None:
            raise missing(self.path(name))
        return reader(value, self.path(name))

    def changed(self, name: str, reader: Reader[T], current: T, default: T) -> T:
        """A member of a partial update: absent keeps `current`, null goes back to `default`."""
        if name not in self._members:
            return current
        value = self._members[name]
        return default if value is None else reader(value, self.path(name))

    def section(self, name: str, *accepted: str) -> Members:
        """An object of a partial update; absent or null is one without members."""
        value = self._members.get(name)
        return Members({} if value is None else value, self.path(name), accepted)
