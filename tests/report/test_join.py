"""The way of a word and of a turn: the parts are those that were, and add up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamkit.report.join import RATE, WordJoiner, turn_way
from streamkit.report.records import Caption, Chunk, Hypothesis, Response, SpokenWord, Turn
from streamkit.report.spans import TURN_SPANS, WORD_SPANS, shared

AT = 1000.0


def chunks(joiner: WordJoiner, count: int, *, captured: bool = True, sent: bool = False) -> None:
    """40 ms each; captured, and then sent after 5 ms, received after 10, scored after 2."""
    for number in range(count):
        start = number * 640
        taken = AT + start / RATE
        end = AT + (start + 640) / RATE
        joiner.chunk(
            Chunk(
                "s", 0, start, start + 640, taken if captured else None,
                end + 0.005 if sent else None, end + 0.015, end + 0.017, -20.0, 0.9,
            )
        )  # fmt: skip


def heard(end: int, until: int | None, *words: SpokenWord, final: bool = False) -> Hypothesis:
    """A pass that begins 3 ms after its last chunk was scored, and takes 50 ms."""
    asked = AT + end / RATE + 0.018
    return Hypothesis(
        "s", 0, 0, 0, end, asked, asked + 0.002, asked + 0.052, final, "done", until, words
    )


def word(text: str, end: int, committed: bool = True) -> SpokenWord:
    return SpokenWord(text, end - 640, end, committed)


def caption(at: float, end: int, *, final: bool = False, committed: int = 1) -> Caption:
    return Caption("s", 0, at, 0, end, final, final, 2, committed)


def ways(*found: Iterator[object]) -> list[object]:
    return [way for each in found for way in each]


def test_a_word_is_followed_from_its_capture_to_the_caption_that_commits_it() -> None:
    joiner = WordJoiner()
    chunks(joiner, 20, sent=True)
    first, second = heard(6400, None, word("one", 6000, False)), heard(12800, 6000)
    assert not ways(joiner.hypothesis(first), joiner.hypothesis(second))
    assert second.ended_at is not None
    sent = second.ended_at + 0.003
    (way,) = joiner.caption(caption(sent, 12800))
    end = AT + 6000 / RATE
    # The word ends within the chunk that ends at 6400.
    received = AT + 6400 / RATE + 0.015
    assert way.parts == pytest.approx(
        {
            "capture": received - 0.010 - end, "network": 0.010, "vad": 0.002, "wait": 0.003,
            "decode": 0.05, "commit": 0.4, "emit": 0.003,
        }
    )  # fmt: skip
    assert sum(way.parts.values()) == pytest.approx(sent - end)
    assert way.at == sent


def test_each_word_has_its_own_way_where_the_trace_has_words() -> None:
    joiner = WordJoiner()
    chunks(joiner, 40)
    assert not ways(joiner.hypothesis(heard(6400, None, word("a", 3200, False))))
    both = heard(12800, 9600, word("a", 3200), word("b", 9600), word("c", 12000, False))
    assert not ways(joiner.hypothesis(both))
    found = list(joiner.rest())
    assert [way.name for way in found] == ["a", "b"]
    assert [way.parts["commit"] for way in found] == pytest.approx([0.4, 0.0])
    assert ["emit" in way.parts for way in found] == [False, False]
    assert found[0].parts["uplink"] == pytest.approx(0.015)


def test_a_pass_that_was_given_up_commits_nothing() -> None:
    joiner = WordJoiner()
    chunks(joiner, 20)
    for outcome in ("superseded", "failed"):
        lost = Hypothesis("s", 0, 0, 0, 6400, AT, None, AT + 1, False, outcome, 6000)
        assert not ways(joiner.hypothesis(lost))
    assert not ways(joiner.rest())


def test_the_last_words_are_committed_by_the_end_of_their_segment() -> None:
    """No pass says so: the final caption does, or the turn."""
    newest = heard(12800, 6000, word("a", 6000), word("b", 12000, False), final=True)
    received = AT + 12160 / RATE + 0.015
    late = {"vad": 0.002, "decode_start": 0.01, "decode_end": 0.05, "commit": 0.3, "emit": 0.301}
    for words in (True, False):
        joiner = WordJoiner()
        chunks(joiner, 40)
        assert not ways(joiner.hypothesis(newest if words else heard(12800, 6000, final=True)))
        final = Caption(
            "s", 0, received + 0.301, 0, 16000, True, True, 2, 2, late, received_at=received
        )
        found = list(joiner.caption(final))
        assert [way.name for way in found] == (["a", "b"] if words else ["", ""])
        assert found[1].at == pytest.approx(received + 0.301)
        told = [sum(way.parts[part] for part in ("vad", "wait", "decode", "commit"))
                for way in found[1:]]  # fmt: skip
        assert told == pytest.approx([0.3])
        assert found[1].parts["emit"] == pytest.approx(0.001)
        assert not ways(joiner.rest())
        joiner = WordJoiner()
        chunks(joiner, 40)
        assert not ways(joiner.hypothesis(newest if words else heard(12800, 6000, final=True)))
        turn = Turn("s", received + 0.4, "completed", 1.0, 2, {"commit": 0.3}, "", 12000, received)
        assert not ways(joiner.turn(turn))
        assert [way.end for way in joiner.rest()] == [6000, 12000]


def test_without_a_clock_the_way_begins_at_the_server() -> None:
    joiner = WordJoiner()
    chunks(joiner, 20, captured=False)
    assert not ways(joiner.hypothesis(heard(6400, 6000)))
    (way,) = joiner.rest()
    assert list(way.parts) == ["vad", "wait", "decode", "commit"]
    assert sum(way.parts.values()) == pytest.approx(0.055)


def test_a_clock_that_was_set_is_not_believed() -> None:
    joiner = WordJoiner()
    joiner.chunk(Chunk("s", 0, 0, 6400, AT - 3600, None, AT, AT))
    joiner.chunk(Chunk("s", 0, 6400, 12800, AT + 3600, None, AT, AT))
    assert not ways(joiner.hypothesis(heard(12800, 12000, word("a", 6000), word("b", 12000))))
    assert all("uplink" not in way.parts for way in joiner.rest())


def test_captions_tell_the_way_where_no_passes_were_recorded() -> None:
    joiner = WordJoiner()
    latency = {"vad": 0.002, "decode_start": 0.01, "decode_end": 0.06, "commit": 0.2, "emit": 0.21}
    told = Caption(
        "s", 0, AT + 0.21, 0, 6400, True, True, 2, 2, latency, AT - 0.03, AT, AT + 0.23, AT + 0.26
    )
    (way,) = joiner.caption(told)
    assert way.parts == pytest.approx(
        {
            "uplink": 0.03, "vad": 0.002, "wait": 0.008, "decode": 0.05, "commit": 0.14,
            "emit": 0.01, "downlink": 0.02, "shown": 0.03,
        }
    )  # fmt: skip
    assert not ways(joiner.caption(told)), "the same word in the next caption"
    span = shared(WORD_SPANS, [way])
    assert span is not None
    assert span.of(way) == pytest.approx(0.29)


def test_older_traces_say_how_late_the_last_word_of_a_turn_was() -> None:
    joiner = WordJoiner()
    late = {"vad": 0.01, "decode_start": 0.02, "decode_end": 0.05, "commit": 0.05}
    (way,) = joiner.turn(Turn("s", AT, "completed", 1.0, 3, late))
    assert way.parts == pytest.approx({"vad": 0.01, "wait": 0.01, "decode": 0.03, "commit": 0.0})
    assert not ways(joiner.turn(Turn("s", AT, "failed")))


SERVER = {"endpoint": 0.2, "final": 0.0, "first_token": 0.1, "first_piece": 0.0,
          "first_byte": 0.05, "first_audible": 0.01}  # fmt: skip


def test_a_turn_is_what_the_server_has_measured_and_the_way_to_it() -> None:
    latency = {**SERVER, "voice_to_voice": 0.36, "played": 0.1}
    way = turn_way(
        Response("s", AT, "r", latency=latency, captured_at=AT - 1.02, received_at=AT - 1.0), 1
    )
    assert way is not None
    assert way.parts == pytest.approx({"uplink": 0.02, **SERVER})
    assert [span.of(way) for span in TURN_SPANS] == [None, *map(pytest.approx, (0.38, 0.36))]


def test_the_clients_parts_are_all_of_the_silence() -> None:
    parts = {"capture": 0.01, "network": 0.02, **SERVER, "downlink": 0.02, "played": 0.1}
    way = turn_way(Response("s", AT, "r", latency=SERVER, parts=parts), 1)
    assert way is not None
    assert way.parts == parts
    assert TURN_SPANS[0].of(way) == pytest.approx(0.51)


def test_a_reply_that_nobody_heard_or_asked_for_aloud_is_no_turn() -> None:
    assert turn_way(Response("s", AT, "r", latency={"endpoint": 0.2}), 1) is None
    assert turn_way(Response("s", AT, "r", latency=SERVER, spoken=False), 1) is None
