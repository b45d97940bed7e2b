"""The figures of the benchmark of voices, from numbers that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamkit.errors import ConfigurationError
from streamkit.tts.xtts.limits import TOKEN_SECONDS
from streamkit.tts.xtts.text import prepare
from streamkit_benchmarks.random_xtts import SPEAKERS
from streamkit_benchmarks.speaking import weights
from streamkit_benchmarks.speaking.comparing import (
    SILENCE_DB,
    error_at_borders,
    largest_difference,
    predictions,
    relative_error,
    seams,
    signal_to_noise,
)
from streamkit_benchmarks.speaking.parts import PartError, run
from streamkit_benchmarks.speaking.playback import Chunk, listen, middle, queued, together
from streamkit_benchmarks.speaking.report import plot
from streamkit_benchmarks.speaking.results import targets
from streamkit_benchmarks.speaking.texts import text_of, tokens_of

RATE = 1000


def chunk(at: float, seconds: float, audible: int | None = 0) -> Chunk:
    return Chunk(at, round(seconds * RATE), audible)


# What is spoken


@pytest.mark.parametrize("seconds", [1, 2, 5, 10, 20])
def test_a_text_of_a_length_is_one_sentence_to_xtts(seconds: float) -> None:
    text = text_of(seconds)
    (sentence,) = prepare(text, "en")
    assert sentence.text == text
    assert tokens_of(text) * TOKEN_SECONDS == pytest.approx(seconds, rel=0.05, abs=0.25)


def test_a_text_that_is_too_long_for_one_sentence() -> None:
    with pytest.raises(ValueError, match="40 s was asked for; at most"):
        text_of(40)


# What a listener notices


def test_steady_sound_has_no_gaps() -> None:
    found = listen([chunk(0.5, 1), chunk(0.9, 1), chunk(2.5, 2)], RATE)
    assert found["first_chunk"] == found["first_audible"] == 0.5
    assert found["audio"] == 4
    assert found["rtf"] == pytest.approx(2.5 / 4)
    assert found["gaps"] == found["longest_gap"] == found["dry"] == 0


def test_gaps_are_counted_from_where_playback_stands() -> None:
    """Played 1 to 2; dry until 2.5; played to 3; dry until 4; then the last second."""
    found = listen([chunk(1, 1), chunk(2.5, 0.5), chunk(4, 1)], RATE)
    assert found["gaps"] == 2
    assert found["longest_gap"] == 1
    assert found["dry"] == 1.5


def test_silence_at_the_beginning_is_played_before_anything_is_heard() -> None:
    found = listen([chunk(1, 0.5, None), chunk(1.1, 1, 200)], RATE)
    assert found["first_chunk"] == 1
    assert found["first_audible"] == pytest.approx(1.7)
    assert listen([chunk(1, 1, None)], RATE)["first_audible"] is None


def test_several_runs_have_the_figures_of_the_middle_one() -> None:
    runs = [listen([chunk(at, 1)], RATE) for at in (0.3, 0.1, 0.2)]
    found = middle(runs)
    assert found["first_audible"] == 0.2
    assert found["chunks"] == 1
    silent = listen([chunk(1, 1, None)], RATE)
    assert middle([*runs, silent])["first_audible"] is None


def test_sentences_at_once() -> None:
    runs = [listen([chunk(0.1, 1), chunk(took, 1)], RATE) for took in (1.0, 3.0)]
    found = together(runs)
    assert found["streams"] == 2
    assert found["rtf"] == {"p50": 1.0, "max": 1.5}
    assert found["longest_gap"] == pytest.approx(1.9)
    assert found["speed"] == pytest.approx(4 / 3, abs=1e-3)
    assert not found["real_time"]


def test_sentences_that_wait_for_each_other() -> None:
    """One takes 1.6 s and is heard after 0.5: the third is heard after 3.7 and there after 4.8."""
    one = listen([chunk(0.5, 1), chunk(1.6, 1)], RATE)
    found = queued(one, 3)
    assert found["streams"] == 3
    assert found["first_audible"] == {"p50": pytest.approx(2.1), "max": pytest.approx(3.7)}
    assert found["rtf"]["max"] == pytest.approx(2.4)
    # All wait at the beginning; once it speaks, the gaps are the same.
    assert found["longest_gap"] == one["longest_gap"]
    assert queued(one, 1) == together([one])


# How far two computations are apart


def test_differences_over_what_both_have() -> None:
    one = np.array([1.0, -1.0, 0.5])
    other = np.array([1.0, -0.5])
    assert largest_difference(one, other) == 0.5
    assert signal_to_noise(one, other) == pytest.approx(10 * np.log10(2 / 0.25))
    assert signal_to_noise(one, one) == SILENCE_DB
    assert relative_error(np.array([3.0, 4.0]), np.array([3.0, 4.5])) == pytest.approx(0.1)


def test_distributions_of_the_next_token() -> None:
    logits = np.log(np.array([[0.5, 0.5], [0.9, 0.1]]))
    same = predictions(logits, logits + 3, 1.0)
    assert same["divergence"]["max"] == pytest.approx(0, abs=1e-12)
    assert same["same_likeliest"] == 1
    other = np.log(np.array([[0.5, 0.5], [0.1, 0.9]]))
    apart = predictions(logits, other, 1.0)
    assert apart["divergence"]["max"] == pytest.approx(0.8 * np.log(9))
    assert apart["divergence"]["mean"] == pytest.approx(0.4 * np.log(9))
    assert apart["same_likeliest"] == 0.5
    # A high temperature makes all alike.
    assert predictions(logits, other, 100.0)["divergence"]["max"] < 1e-2


def test_a_jump_where_a_chunk_ends_is_a_seam() -> None:
    smooth = np.sin(np.arange(3000) / 50)
    chunks = [1000, 1200, 800]
    clean = seams(smooth, chunks)
    assert clean["borders"] == 2
    assert clean["ratio"] <= 1
    broken = smooth.copy()
    broken[2200:] += 0.1
    assert seams(broken, chunks)["ratio"] > 4
    assert seams(broken, [2000, 1000])["ratio"] < 0.5, "the jump is elsewhere"
    assert error_at_borders(broken, smooth, chunks, 5) == pytest.approx(0.1)
    assert error_at_borders(broken, smooth, [1000, 1000, 1000], 5) == 0


# What is judged


def report(**more: Any) -> dict[str, Any]:
    def rows(*figures: tuple[float, float, float]) -> dict[str, Any]:
        lengths = [
            {
                "asked": asked,
                "took": took,
                "rtf": took / asked,
                "first_audible": first,
                "longest_gap": 0.0,
            }
            for asked, took, first in figures
        ]
        return {"lengths": lengths}

    return {
        "device": "cpu",
        "precision": "auto",
        "cuda": "not measured: no CUDA device here",
        "systems": {
            "streamkit": rows((2, 2, 1), (5, 5, 1)),
            "coqui-tts": rows((2, 8, 5), (5, 20, 5)),
        },
        "vocoder": {
            "streamkit": rows((2, 1, 0.1), (10, 5, 0.1), (20, 11, 0.1)),
            "coqui-tts": rows((2, 2, 0.4), (10, 30, 0.4), (20, 120, 0.4)),
        },
        "tokens": {
            "coqui-tts": {"float32": {"milliseconds": {"p50": 150.0}}},
            "streamkit": {"int8": {"milliseconds": {"p50": 75.0}}},
        },
        "exact": {
            "full": {
                "streamkit": {"largest": 2e-7, "seams": {"ratio": 0.5}},
                "interleaved": {"largest_difference": 1e-7, "same_tokens": True},
            }
        },
        "loop": {"xtts": {"p99": 4.0}},
        **more,
    }


def judged(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["figure"]: row for row in targets(found)}


def test_every_figure_has_its_limit() -> None:
    rows = judged(report())
    vocoder = rows["time for 10 s of sound, vocoder-bound, library : ours"]
    assert vocoder["measured"] == 6
    assert vocoder["met"]
    assert vocoder["note"] == ""
    growth = rows["cost of a second of sound, longest : shortest sentence"]
    assert growth["measured"] == pytest.approx(1.1)
    assert growth["note"] == "library 6.0"
    token = rows["token of the GPT, library float32 : ours int8"]
    assert token["measured"] == 2
    assert token["met"] is False
    assert rows["first audible sample, ours : library"]["measured"] == 0.2
    assert rows["sample error against decoding at once"]["met"]
    unmeasured = [row for row in rows.values() if row["measured"] is None]
    assert [row["note"] for row in unmeasured] == ["not measured: no CUDA device here"] * 2


def test_the_library_with_threads_that_sleep_is_a_note() -> None:
    found = report()
    short = {"lengths": [{"asked": 10, "took": 20.0, "rtf": 2.0, "first_audible": 2.0}]}
    found["vocoder"]["coqui-tts, short"] = short
    short = {"lengths": [{"asked": 5, "took": 20.0, "rtf": 4.0, "first_audible": 2.0}]}
    found["systems"]["coqui-tts, short"] = short
    rows = judged(found)
    vocoder = rows["time for 10 s of sound, vocoder-bound, library : ours"]
    assert vocoder["note"] == "4 where its threads wait as ours do"
    first = rows["first audible sample, ours : library"]
    assert first["measured"] == 0.2
    assert first["note"] == "0.5 where its threads wait as ours do"


def test_other_tokens_beside_another_sentence_are_never_good_enough() -> None:
    found = report()
    found["exact"]["full"]["interleaved"] = {"largest_difference": 0.0, "same_tokens": False}
    row = judged(found)["two interleaved sentences against each alone, largest difference"]
    assert row["met"] is False
    assert row["note"] == "OTHER TOKENS"


def test_what_was_not_measured_is_not_judged() -> None:
    failed = {"failure": "failed: no memory"}
    nothing = {"device": "cpu", "precision": "auto"}
    partly = report(vocoder={"streamkit": failed}, exact={"full": failed}, loop=failed, tokens={})
    assert all(row["met"] is None for row in targets(nothing))
    assert [row["met"] for row in targets(partly)].count(None) == len(targets(partly)) - 1


def test_on_a_device_its_own_figures_are_judged() -> None:
    found = report(device="cuda")
    ours = found["systems"]["streamkit"]
    ours["lengths"][1]["first_audible"] = 0.12
    ours["streams"] = [
        {"streams": count, "real_time": count < 16} for count in (1, 2, 4, 8, 16, 32)
    ]
    rows = judged(found)
    assert rows["CUDA: first audible sample, p50, s"]["met"]
    streams = rows["CUDA: streams that keep up with playback"]
    assert streams["measured"] == 8
    assert streams["met"] is False


def test_plots(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = report()
    found["systems"]["espeak"] = {"failure": "failed: gone"}
    made = plot(found, tmp_path)
    assert [path.name for path in made] == ["systems.png", "vocoder.png"]
    assert all(path.stat().st_size > 1000 for path in made)


# Weights, and processes


def test_random_weights_are_known_by_their_speakers(tmp_path: Path) -> None:
    assert not weights.is_random(tmp_path)
    speakers = tmp_path / "speakers_xtts.pth"
    speakers.write_bytes(b"PK\x03\x04 Claribel Dervla")
    assert not weights.is_random(tmp_path)
    speakers.write_bytes(b"PK\x03\x04 " + SPEAKERS[0].encode())
    assert weights.is_random(tmp_path)


def test_random_weights_are_made_only_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(weights.NEEDED_BYTES, "full", 1 << 60)
    with pytest.raises(ConfigurationError, match="--weights FOLDER"):
        weights.random_weights(tmp_path, "full", lambda line: None)
    assert not list(tmp_path.iterdir())


def test_a_voice_in_a_process_of_its_own() -> None:
    told: list[str] = []
    task = {
        "part": "voices",
        "system": "espeak",
        "lengths": [[1, 1], [2, 2]],
        "streams": [1, 2, 4],
        "stream_seconds": 2,
        "one_by_one": 2,
    }
    found = run(task, told.append)
    assert [row["asked"] for row in found["lengths"]] == [1, 2]
    assert [len(row["runs"]) for row in found["lengths"]] == [1, 2]
    assert all(0 < row["first_audible"] < row["audio"] for row in found["lengths"])
    assert found["loaded_mib"] > 10
    assert [row["calculated"] for row in found["streams"]] == [False, False, True]
    assert [row["streams"] for row in found["streams"]] == [1, 2, 4]
    assert len(told) == 4


def test_a_part_that_fails_says_why() -> None:
    with pytest.raises(PartError, match="there is no voice 'parrot' to measure"):
        run({"part": "voices", "system": "parrot"}, lambda line: None)
    with pytest.raises(PartError, match=r"it said: .*KeyError: 'nothing'"):
        run({"part": "nothing"}, lambda line: None)
