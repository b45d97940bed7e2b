"""The benchmark of the page: it measures a real page, and what it makes of that is right."""

from __future__ import annotations

import json
import math
import shutil
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from streamkit_benchmarks import page as module
from streamkit_benchmarks.page_judge import (
    Arrival,
    Paint,
    Silence,
    Turn,
    compare_sound,
    match_captions,
    match_turns,
    merge,
    silences,
    slope,
    student,
    summary,
    time_to_silence,
)
from streamkit_benchmarks.page_load import read_net_log
from streamkit_benchmarks.page_memory import judge_growth
from streamkit_benchmarks.page_talk import compare_all

program = typer.Typer()
program.command()(module.page)


# On a real page


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One load, one visit of everything, and a few sentences: some 15 s."""
    pytest.importorskip("playwright", reason="needs the package playwright")
    if shutil.which("chromium") is None:
        pytest.skip("needs the program chromium")
    out = tmp_path_factory.mktemp("page")
    arguments = ["--loads", "1", "--caption-seconds", "3", "--out", str(out)]
    for name in ("interactive", "transfer", "captions"):
        arguments += ["--only", name]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 0, result.output
    assert "until the page can be used" in result.output
    assert {"page.json", "page.html", "captions.png"} == {path.name for path in out.iterdir()}
    assert "How well the page works" in (out / "page.html").read_text("utf-8")
    found: dict[str, Any] = json.loads((out / "page.json").read_text("utf-8"))
    return found


def test_the_report_says_what_was_measured_where(report: dict[str, Any]) -> None:
    assert report["finished"]
    assert report["browser"].startswith("Chromium ")
    assert set(report["figures"]) == set(report["met"]) == {"interactive", "transfer", "captions"}


def test_the_page_takes_a_click_after_its_script_has_run(report: dict[str, Any]) -> None:
    found = report["figures"]["interactive"]
    assert 0 < found["ready"]["worst"] < found["usable"]["worst"]
    assert found["files"] > 20


def test_every_file_is_weighed(report: dict[str, Any]) -> None:
    found = report["figures"]["transfer"]
    # Those of audio worklets are loaded where the page cannot see it, and the icon by nobody.
    assert {"/", "/main.js", "/sound/playback.worklet.js", "/icon.svg"} <= set(found["files"])
    assert found["bytes"] == sum(found["files"].values()) + found["answer_bytes"]
    assert min(found["files"].values()) > 200
    assert found["foreign"] == []


def test_captions_are_seen_to_be_painted(report: dict[str, Any]) -> None:
    found = report["figures"]["captions"]
    assert 0 < found["arrival"]["count"] <= found["messages"]
    assert 0 < found["arrival"]["p50"] <= found["next_frame"]["p50"]
    assert found["page_says"]["count"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "speed"], "speed is not known"),
        (["--minutes", "0"], "out of range"),
        (["--loads", "0"], "out of range"),
    ],
)
def test_options_that_cannot_be_used(arguments: list[str], words: str) -> None:
    result = CliRunner(env={"COLUMNS": "400"}).invoke(program, arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_a_browser_that_is_not_there() -> None:
    pytest.importorskip("playwright", reason="needs the package playwright")
    result = CliRunner().invoke(program, ["--chromium", "/nowhere/chromium"])
    assert "/nowhere/chromium is no program" in str(result.exception)


# What the measurements mean


def test_a_summary() -> None:
    assert summary([3.0, 1.0, 2.0]) == {"count": 3, "p50": 2.0, "p95": 2.9, "max": 3.0}
    assert summary([]) == {"count": 0, "p50": None, "p95": None, "max": None}


def test_captions_are_shown_by_the_first_paint_with_their_words() -> None:
    arrivals = [
        Arrival(10, "a bus", None),
        Arrival(30, "a bus", None),
        Arrival(40, "a train", None),
    ]
    paints = [Paint(20, "a bus", 21, 36), Paint(45, "a train", 47, 52)]
    shown = match_captions(arrivals, paints)
    assert shown.pairs == ((arrivals[0], paints[0]), (arrivals[2], paints[1]))
    assert (shown.same, shown.replaced) == (1, 0)


def test_words_that_were_replaced_before_they_were_painted_have_no_delay() -> None:
    arrivals = [Arrival(10, "a bus", None), Arrival(12, "a train", None)]
    shown = match_captions(arrivals, [Paint(20, "a train", 21, 36)])
    assert [arrival.text for arrival, _ in shown.pairs] == ["a train"]
    assert shown.replaced == 1


def test_runs_near_each_other_are_one() -> None:
    assert merge([(0, 10), (14, 20), (25, 30)], 5) == [(0, 20), (25, 30)]


def test_silences_are_those_of_answered_sentences() -> None:
    said = [(0.0, 1000.0), (3000.0, 4000.0), (6000.0, 7000.0)]
    heard = [(1400.0, 2500.0), (2600.0, 2700.0), (7300.0, 8000.0)]
    assert silences(said, heard) == [Silence(1000.0, 1400.0), Silence(7000.0, 7300.0)]


def test_each_turn_is_compared_with_one_silence() -> None:
    found = [Silence(1000.0, 1400.0), Silence(7000.0, 7300.0)]
    turns = [Turn(1004.0, 395.0), Turn(1010.0, 390.0), Turn(7600.0, 300.0)]
    assert match_turns(turns, found) == ([(turns[0], found[0])], 2, 1)


def test_time_to_silence() -> None:
    runs = [(0.0, 900.0), (950.0, 1180.0), (2600.0, 3000.0)]
    assert time_to_silence(1000, 2000, runs) == 180
    assert time_to_silence(2000, 2500, runs) is None
    # A stop after which a little more is heard is none.
    assert time_to_silence(1000, 2000, [(0.0, 1100.0), (1400.0, 1450.0)]) == 450
    assert time_to_silence(1000, 2000, [(0.0, 2300.0)]) == math.inf
    # It was just between two words.
    assert time_to_silence(1000, 2000, [(0.0, 900.0)]) == 0


def sound(count: int, seed: int = 1) -> Any:
    samples = np.random.default_rng(seed).integers(100, 9000, count).astype(np.int16)
    # A pause as voices make them, which is no gap.
    samples[count // 2 : count // 2 + 300] = 0
    return samples


def zeros(count: int) -> Any:
    return np.zeros(count, np.int16)


def test_gaps_are_zeros_that_were_not_sent() -> None:
    sent = sound(4000)
    whole = compare_sound(sent, np.concatenate([zeros(50), sent, zeros(70)]))
    assert (whole.gaps, whole.samples, whole.whole) == ((), 4000, True)
    # The second one lies in the pause, where it shows at the pause's end.
    torn = np.concatenate([sent[:1000], zeros(128), sent[1000:2100], zeros(7), sent[2100:]])
    found = compare_sound(torn, sent)
    assert (found.gaps, found.whole, found.altered) == ((128, 7), True, False)


def test_a_reply_that_was_cut_has_no_gap() -> None:
    sent = sound(4000)
    faded = np.concatenate([sent[:1000], sent[1000:1100] // 2])
    found = compare_sound(faded, sent)
    assert (found.gaps, found.whole, found.altered) == ((), False, False)


def test_sound_that_was_not_sent_is_noticed() -> None:
    sent = sound(4000)
    found = compare_sound(np.concatenate([sent[:1000], sent[1200:]]), sent)
    assert (found.samples, found.altered) == (1000, True)


def test_each_stretch_of_sound_is_compared_with_its_reply() -> None:
    first, second, third = sound(4000), sound(3000, 2), sound(5000, 3)
    pieces = [(0, first), (100_000, third[:2000]), (102_480, third[2000:])]
    found, unheard = compare_all(pieces, [first, second, third])
    assert [each.gaps for each in found] == [(), (480,)]
    assert all(each.whole for each in found)
    assert unheard == 1


def test_another_loudspeaker_counts_its_frames_anew() -> None:
    first, second = sound(4000), sound(3000, 2)
    found, unheard = compare_all([(100_000, first), (0, second)], [first, second])
    assert [(each.gaps, each.whole) for each in found] == [((), True), ((), True)]
    assert unheard == 0


def test_a_line_and_how_sure_it_is() -> None:
    minutes = [0.0, 1.0, 2.0, 3.0]
    exact = slope(minutes, [1.0, 3.0, 5.0, 7.0])
    assert exact is not None
    assert exact.per_hour == exact.low == exact.high == pytest.approx(120)
    # By hand: rise 0.6, residuals with a sum of squares of 0.2, divided by 2 degrees and 5.
    rough = slope(minutes, [0.0, 1.0, 1.0, 2.0])
    assert rough is not None
    half = 60 * 4.303 * math.sqrt(0.2 / 2 / 5)
    assert (rough.low, rough.high) == pytest.approx((36 - half, 36 + half))
    assert slope([0.0, 1.0], [1.0, 2.0]) is None


@pytest.mark.parametrize(("freedom", "point"), [(3, 3.182), (5, 2.571), (13, 2.160), (28, 2.048)])
def test_students_distribution(freedom: int, point: float) -> None:
    assert student(freedom) == pytest.approx(point, rel=0.01)


def test_growth_is_what_is_sure_and_matters() -> None:
    def rows(values: list[float]) -> list[dict[str, Any]]:
        return [{"minute": float(at), "heap_mib": value} for at, value in enumerate(values)]

    still = judge_growth(rows([9.0, 5.0, 5.1, 5.0] + [5.1, 5.0] * 18), "heap_mib")
    assert still is not None
    assert still["flat"] is True
    short = judge_growth(rows([9.0, 5.0, 5.1, 4.9, 5.0, 5.1, 5.0, 4.9]), "heap_mib")
    assert short is not None
    assert short["flat"] is None
    leak = judge_growth(rows([5.0 + 0.1 * at for at in range(20)]), "heap_mib")
    assert leak is not None
    assert (leak["per_hour"], leak["flat"]) == (6.0, False)
    assert judge_growth(rows([5.0, 6.0, 7.0]), "heap_mib") is None


def test_bytes_of_the_network() -> None:
    names = (
        "URL_REQUEST_START_JOB",
        "HTTP_TRANSACTION_READ_RESPONSE_HEADERS",
        "URL_REQUEST_JOB_BYTES_READ",
        "URL_REQUEST_JOB_FILTERED_BYTES_READ",
    )
    start, head, raw, plain = range(4)
    url, by = "http://127.0.0.1:80/", "http://127.0.0.1:80"

    def event(kind: int, source: int, **given: Any) -> dict[str, Any]:
        return {"type": kind, "source": {"id": source}, "params": given}

    log = {
        "constants": {"logEventTypes": {name: number for number, name in enumerate(names)}},
        "events": [
            event(start, 1, url=url, initiator="not an origin"),
            event(head, 1, headers=["HTTP/1.1 200 OK", "a: b"]),
            event(raw, 1, byte_count=70),
            event(raw, 1, byte_count=30),
            event(plain, 1, byte_count=400),
            event(start, 2, url=url + "a.js", initiator=by),
            event(head, 2, headers=["HTTP/1.1 200 OK"]),
            event(plain, 2, byte_count=50),
            # From the cache, a socket, and something of the browser's own.
            event(start, 3, url=url + "b.js", initiator=by),
            event(plain, 3, byte_count=50),
            event(start, 4, url="ws://127.0.0.1:80/v1/listen", initiator=by),
            event(head, 4, headers=["HTTP/1.1 101"]),
            event(start, 5, url="http://other/"),
            event(head, 5, headers=["HTTP/1.1 200 OK"]),
        ],
    }
    assert read_net_log(log, url) == [(url, 17 + 6 + 2 + 100), (url + "a.js", 17 + 2 + 50)]
