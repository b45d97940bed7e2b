"""What is found to be different between two runs."""

from __future__ import annotations

import pytest

from streamkit.replay.compare import align, compare
from streamkit.replay.run import Line, Run


def said(*texts: str) -> tuple[Line, ...]:
    return tuple(Line("heard", text, float(number)) for number, text in enumerate(texts))


def run(*texts: str, late: float = 100.0, **events: int) -> Run:
    return Run(said(*texts), {"emit": (late,) * 20}, events, "emit")


def changes(old: str, new: str) -> str:
    signs = {"same": "=", "changed": "~", "missing": "-", "new": "+"}
    return "".join(signs[pair.change] for pair in align(said(old), said(new)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("turn it down", "Turn it, down.", "==="),
        ("turn it down", "turn down", "=-="),
        ("turn down", "turn it down now", "=+=+"),
        ("a b c d", "a x c d", "=~=="),
        ("", "hello there", "++"),
        ("hello there", "", "--"),
        ("a b a b", "b a b a", "+===-"),
        ("- !", "- ?", "=~"),
    ],
)
def test_words_are_paired_with_as_few_differences_as_possible(
    old: str, new: str, expected: str
) -> None:
    assert changes(old, new) == expected


def test_long_sessions_are_aligned_too() -> None:
    words = [f"w{number}" for number in range(6000)]
    new = ["x", *words[1:3000], *words[3001:-1], "y"]
    assert sum(each != "=" for each in changes(" ".join(words), " ".join(new))) == 3


def test_what_is_worse_is_a_problem_and_the_rest_is_not() -> None:
    old = run("turn it down", closed=1)
    assert compare(old, old).problems(1.5) == []
    assert compare(old, run("turn it", closed=1)).problems(1.5) == [
        "1 of 3 words that were heard differ"
    ]
    assert compare(old, run("turn it down", late=160)).problems(1.5) == [
        "p95 of emit grew 1.60 times"
    ]
    # Ten times as late, and still too little to be noticed.
    assert compare(run("a", late=1.0), run("a", late=10.0)).problems(1.5) == []
    assert compare(old, run("turn it down")).events == {"closed": (1, 0)}


def test_a_run_survives_being_written() -> None:
    first = run("turn it down", "please", closed=1)
    assert Run.from_json(first.to_json()) == first
