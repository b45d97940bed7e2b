"""Arguments of the built-in model's calls: plausible, and as the schema wants them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.llm.parrot_arguments import (
    MAX_ITEMS,
    MAX_LENGTH,
    MAX_VALUES,
    make_arguments,
)


def make(said: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return make_arguments(schema, said, said)


TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


def test_texts_are_what_was_said() -> None:
    assert make("for New York, please.", city=TEXT) == {"city": "New York"}
    assert make("", city=TEXT) == {"city": "parrot"}
    assert make_arguments({"required": ["city"]}, " ?", "in Rome") == {"city": "Rome"}


def test_texts_behind_the_name_of_the_property() -> None:
    said = "with city Rome and country to Italy, unit kelvin"
    assert make(said, country=TEXT, city=TEXT) == {"country": "Italy, unit kelvin", "city": "Rome"}
    assert make(said, country=TEXT, city=TEXT, unit=TEXT) == {
        "country": "Italy",
        "city": "Rome",
        "unit": "kelvin",
    }
    assert make("first name Ada", first_name=TEXT) == {"first_name": "Ada"}


def test_numbers_in_the_order_of_the_text() -> None:
    number = {"type": "number"}
    assert make("from twenty one to 3.5", a=WHOLE, b=number) == {"a": 21, "b": 3.5}
    assert make("two", a=WHOLE, b=WHOLE, c={**WHOLE, "default": 9}) == {"a": 2, "b": 1, "c": 9}
    assert make("3.7", a=WHOLE) == {"a": 4}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"minimum": 10}, 10),
        ({"maximum": 3}, 3),
        ({"exclusiveMaximum": 5}, 4),
        ({"exclusiveMinimum": 5}, 6),
        ({"multipleOf": 4}, 4),
        ({"multipleOf": 3, "minimum": 5}, 6),
        ({"multipleOf": 3, "maximum": 5}, 3),
        ({"minimum": float("nan"), "maximum": float("inf"), "multipleOf": 0}, 5),
        ({"minimum": 10**400, "maximum": -(10**400), "multipleOf": 5e-324}, 5),
        ({"minimum": 1e15, "exclusiveMinimum": 1e15, "multipleOf": 1e15}, 2 * 10**15),
    ],
)
def test_numbers_move_into_their_bounds(schema: dict[str, Any], value: int) -> None:
    assert make("five", a={**WHOLE, **schema}) == {"a": value}


def test_one_of_a_list() -> None:
    unit = {"enum": ["celsius", "degrees_fahrenheit", 5]}
    assert make("in degrees Fahrenheit", unit=unit) == {"unit": "degrees_fahrenheit"}
    assert make("level 5", unit=unit) == {"unit": 5}
    assert make("warm", unit=unit) == {"unit": "celsius"}
    assert make("warm", unit={"const": 7}) == {"unit": 7}


def test_booleans() -> None:
    switch = {"type": "boolean"}
    assert make("the lamp on", switch=switch) == {"switch": True}
    assert make("the lamp off", switch=switch) == {"switch": False}


def test_inner_objects_and_lists() -> None:
    place = {"type": "object", "properties": {"city": TEXT}, "required": ["city"]}
    places = {"type": "array", "items": place, "minItems": 2}
    assert make("to Rome", places=places) == {"places": [{"city": "Rome"}, {"city": "Rome"}]}
    assert make("to Rome", many={"type": "array", "minItems": 10**9}) == {
        "many": ["Rome"] * MAX_ITEMS
    }
    assert make("to Rome", none={"type": "array", "maxItems": 0}) == {"none": []}


def test_references_and_alternatives_as_pydantic_writes_them() -> None:
    schema = {
        "$defs": {"Unit": {"enum": ["metric", "imperial"], "type": "string"}},
        "properties": {
            "unit": {"allOf": [{"$ref": "#/$defs/Unit"}], "default": "metric"},
            "days": {"anyOf": [{"type": "null"}, {"type": "integer"}]},
            "list": {"type": ["null", "boolean"]},
            "lost": {"$ref": "#/$defs/Other"},
        },
        "required": ["unit", "days", "list", "lost"],
    }
    assert make_arguments(schema, "three days imperial", "") == {
        "unit": "imperial",
        "days": 3,
        "list": True,
        "lost": "three days imperial",
    }


def test_only_what_is_required() -> None:
    schema = {"properties": {"a": TEXT, "b": TEXT}, "required": ["b", "b", "c", 5]}
    assert make_arguments(schema, "x", "x") == {"b": "x", "c": "x"}


def test_a_schema_that_holds_itself() -> None:
    schema = {
        "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]}},
        "properties": {"loop": {"$ref": "#/properties/loop"}, "node": {"$ref": "#/$defs/Node"}},
        "required": ["loop", "node"],
    }
    json.dumps(make_arguments(schema, "x", "x"))


def test_a_schema_that_wants_more_than_anybody_can_read() -> None:
    inner: dict[str, Any] = {"type": "integer"}
    for _ in range(7):
        inner = {"type": "array", "items": inner, "minItems": MAX_ITEMS}
    assert len(json.dumps(make("x", deep=inner))) < 10 * MAX_VALUES * 20
    wide = {f"a{number}": TEXT for number in range(50_000)}
    assert len(make("a 1 a 2 " * 400, **wide)) == MAX_VALUES


def test_lengths() -> None:
    assert make("ab", a={**TEXT, "minLength": 7}) == {"a": "ab ab a"}
    assert make("abc", a={**TEXT, "maxLength": 2}) == {"a": "ab"}
    assert make("abc", a={**TEXT, "maxLength": 0}) == {"a": ""}
    assert len(make("abc", a={**TEXT, "minLength": 10**12})["a"]) == MAX_LENGTH


numbers = st.integers(-50, 50)
bounded = st.tuples(numbers, numbers).map(lambda two: {"minimum": min(two), "maximum": max(two)})
property_schemas = st.one_of(
    st.builds(
        lambda kind, bounds: {"type": kind, **bounds},
        st.sampled_from(["integer", "number"]),
        bounded,
    ),
    st.lists(st.text(max_size=5) | st.integers(), min_size=1, max_size=4).map(
        lambda v: {"enum": v}
    ),
    st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 20),
        st.integers(0, 20),
    ),
    st.just({"type": "boolean"}),
)


@given(st.text(max_size=80), st.dictionaries(st.text(max_size=8), property_schemas, max_size=4))
def test_the_schema_is_kept(said: str, properties: dict[str, Any]) -> None:
    arguments = make(said, **{}) | make_arguments(
        {"type": "object", "properties": properties, "required": list(properties)}, said, said
    )
    assert arguments.keys() == properties.keys()
    for name, schema in properties.items():
        value = arguments[name]
        match schema:
            case {"enum": values}:
                assert value in values
            case {"type": "boolean"}:
                assert isinstance(value, bool)
            case {"type": "string", "minLength": least, "maxLength": most}:
                assert least <= len(value) <= most
            case {"minimum": low, "maximum": high}:
                assert low <= value <= high
                assert schema["type"] == "number" or isinstance(value, int)
