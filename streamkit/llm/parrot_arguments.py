"""Arguments that fit a JSON schema, made of what somebody said; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from streamkit.llm.names import SpokenText, find_words, split_name
from streamkit.wording.english_numbers import find_numbers

MAX_LENGTH: Final = 1000
"""Of a text, whatever a schema wants."""
MAX_ITEMS: Final = 20
"""Of a list, whatever a schema wants."""

MAX_VALUES: Final = 200
"""Of all lists and objects together; what a schema wants beyond them is null or left out."""

_MAX_DEPTH: Final = 8
_LARGEST: Final = 1e15
"""Numbers of a schema that are larger are not looked at, like steps below `_SMALLEST`."""
_SMALLEST: Final = 1e-9
_FILLERS: Final = frozenset(
    {
        *("a", "about", "an", "and", "as", "at", "call", "equals", "for", "from", "in", "into"),
        *("is", "of", "on", "please", "set", "the", "then", "to", "tool", "use", "using", "with"),
    }
)
"""Words that are no part of an argument where they stand at its beginning or end."""
_NO: Final = frozenset({"disable", "false", "no", "not", "off", "stop", "without"})
_PLACEHOLDER: Final = "parrot"


def make_arguments(schema: Mapping[str, Any], said: str, text: str) -> dict[str, Any]:
    """Values for the required properties of an object.

    * A text gets the words behind the property's name, or else all that was said.
    * A number gets the next number that was said, moved into its bounds; without one its
      default, or 1.
    * Of a list of values the one that was mentioned is taken, or else the first.
    * A boolean is true, unless there is a "no", "not", "off" and the like.
    * Of alternatives the first that is not null is taken; references within the schema are
      followed. `pattern` and `format` are not looked at.

    Args:
        schema: JSON schema of an object; whatever it is, this raises nothing.
        said: the part of the text that is about these arguments.
        text: all that the user said, for when that part has no words.
    """
    return _Maker(schema, said, text).make_object(schema, 0)


class _Maker:
    def __init__(self, root: Mapping[str, Any], said: str, text: str) -> None:
        said = said if find_words(said) else text
        self._root = root
        self._said = said
        self._spoken = SpokenText(said)
        self._subject = _strip(said) or _PLACEHOLDER
        self._numbers = find_numbers(said)
        self._found: dict[str, list[int]] = {}
        self._values = 0

    def make_object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        known = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        names = [name for name in required if isinstance(name, str)] if _is_list(required) else []
        others = [name for name in known if isinstance(name, str)][:MAX_VALUES]
        made: dict[str, Any] = {}
        for name in dict.fromkeys(names):
            if self._values >= MAX_VALUES:
                break
            made[name] = self._make(known.get(name), name, others, depth + 1)
        return made

    def _make(self, schema: Any, name: str, names: list[str], depth: int) -> Any:
        schema = self._resolve(schema)
        self._values += 1
        if depth > _MAX_DEPTH or self._values > MAX_VALUES:
            return None
        if "const" in schema:
            return schema["const"]
        values = schema.get("enum")
        if _is_list(values) and values:
            return next((v for v in values if self._is_mentioned(str(v))), values[0])
        match _type_of(schema):
            case "object":
                return self.make_object(schema, depth)
            case "array":
                least, most = _bound(schema, "minItems", 1), _bound(schema, "maxItems", MAX_ITEMS)
                length = min(max(least, 1), most, MAX_ITEMS)
                items = schema.get("items")
                return [self._make(items, name, names, depth + 1) for _ in range(length)]
            case "integer":
                return self._make_number(schema, whole=True)
            case "number":
                return self._make_number(schema, whole=False)
            case "boolean":
                return not any(map(self._is_mentioned, _NO))
            case "null":
                return None
            case _:
                return _fit_length(self._find_text(name, names), schema)

    def _resolve(self, schema: Any) -> Mapping[str, Any]:
        """Follow references and take the first alternative that is not null."""
        for _ in range(_MAX_DEPTH):
            if not isinstance(schema, Mapping):
                return {}
            reference = schema.get("$ref")
            several = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
            if isinstance(reference, str):
                schema = self._look_up(reference)
            elif _is_list(several) and several:
                schema = next((each for each in several if _type_of(each) != "null"), several[0])
            else:
                return schema
        return {}

    def _look_up(self, reference: str) -> Any:
        place: Any = self._root
        for key in reference.removeprefix("#").strip("/").split("/"):
            if not isinstance(place, Mapping):
                return {}
            place = place.get(key.replace("~1", "/").replace("~0", "~"))
        return place

    def _make_number(self, schema: Mapping[str, Any], *, whole: bool) -> int | float:
        default = _number(schema.get("default"))
        value = self._numbers.pop(0) if self._numbers else 1 if default is None else default
        step = _number(schema.get("multipleOf")) or 0
        if step < _SMALLEST:
            step = 1 if whole else 0
        low, high = _limits(schema, step or 1e-6)
        value = min(max(value, low), high)
        if step:
            steps = value / step
            # Rounded into the bounds, if there is a multiple within them.
            value = round(steps) * step
            if value < low:
                value = math.ceil(steps) * step
            elif value > high:
                value = math.floor(steps) * step
        return int(value) if whole or value == int(value) else value

    def _is_mentioned(self, name: str) -> bool:
        return bool(self._find(name))

    def _find(self, name: str) -> list[int]:
        if name not in self._found:
            self._found[name] = self._spoken.find(split_name(name))
        return self._found[name]

    def _find_text(self, name: str, names: list[str]) -> str:
        """What was said behind the property's name, up to the next one, or all that was said."""
        words = self._spoken.words
        mentions = self._find(name)
        if not mentions:
            return self._subject
        begin = mentions[0] + len(split_name(name))
        others = (place for each in names if each != name for place in self._find(each))
        end = min((place for place in others if place >= begin), default=len(words))
        if begin >= end:
            return self._subject
        return _strip(self._said[words[begin].start : words[end - 1].end]) or self._subject


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _type_of(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return "string"
    kinds = schema.get("type")
    kinds = kinds if _is_list(kinds) else [kinds]
    named = [kind for kind in kinds if isinstance(kind, str)]
    if not named:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return next((kind for kind in named if kind != "null"), "null")


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_LARGEST <= value <= _LARGEST else None  # and so no nan


def _bound(schema: Mapping[str, Any], name: str, default: int) -> int:
    value = _number(schema.get(name))
    return default if value is None or value < 0 else int(value)


def _limits(schema: Mapping[str, Any], step: int | float) -> tuple[int | float, int | float]:
    low: int | float = -math.inf
    high: int | float = math.inf
    if (value := _number(schema.get("minimum"))) is not None:
        low = value
    if (value := _number(schema.get("exclusiveMinimum"))) is not None:
        low = max(low, value + step)
    if (value := _number(schema.get("maximum"))) is not None:
        high = value
    if (value := _number(schema.get("exclusiveMaximum"))) is not None:
        high = min(high, value - step)
    return low, max(low, high)


def _fit_length(text: str, schema: Mapping[str, Any]) -> str:
    least = min(_bound(schema, "minLength", 0), MAX_LENGTH)
    most = min(_bound(schema, "maxLength", MAX_LENGTH), MAX_LENGTH)
    if len(text) < least:
        text = (text + " ") * (least // (len(text) + 1) + 1)
        text = text[:least]
    return text[:most]


def _strip(text: str) -> str:
    """A text without the punctuation and the fillers around it."""
    words = text.split()
    while words and _bare(words[0]) in _FILLERS:
        words.pop(0)
    while words and _bare(words[-1]) in _FILLERS:
        words.pop()
    return " ".join(words).strip(" ,.;:!?")


def _bare(word: str) -> str:
    return word.strip(",.;:!?").lower()
