"""English numbers in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.wording.english_numbers import find_numbers, say_number


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", []),
        ("no number and none", []),
        ("Twenty-one", [21]),
        ("twenty one two", [21, 2]),
        ("one two three", [1, 2, 3]),
        ("two hundred and five", [205]),
        ("two and five", [2, 5]),
        ("a hundred", [100]),
        ("hundreds of thousand things", []),
        ("nine thousand nine hundred and ninety nine", [9999]),
        ("twelve thousand", [12_000]),
        ("a thousand and one nights", [1001]),
        ("nineteen eighty four", [19, 84]),
        ("zero zero seven", [0, 0, 7]),
        ("ten to twenty", [10, 20]),
        ("5, 1,000 and 3.5", [5, 1000, 3.5]),
        ("room 12b", [12]),
        ("1,00", [1, 0]),
        ("someone won the ton", []),
        ("twenty and", [20]),
        ("two hundred and", [200]),
        ("٣", [3]),
    ],
)
def test_what_is_found(text: str, numbers: list[float]) -> None:
    assert find_numbers(text) == numbers


@given(st.integers(0, 999))
def test_what_is_said_is_found(number: int) -> None:
    assert find_numbers(say_number(number)) == [number]


@given(st.integers(1, 9), st.integers(0, 999))
def test_thousands(thousands: int, rest: int) -> None:
    said = f"{say_number(thousands)} thousand" + (f" and {say_number(rest)}" if rest else "")
    assert find_numbers(said) == [1000 * thousands + rest]


def test_large_ones_are_said_in_digits() -> None:
    assert say_number(999) == "nine hundred and ninety-nine"
    assert say_number(1000) == "1000"
    assert say_number(-1) == "-1"


@given(st.text())
def test_anything_is_read(text: str) -> None:
    assert all(number >= 0 for number in find_numbers(text))
