"""The items of a conversation: their order, their text, and what of them a model reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streamkit.llm.chat_model import ToolCall, ToolResult, Utterance
from streamkit.llm.sentences import Piece
from streamkit.session.items import (
    FRONT,
    Content,
    DuplicateItemError,
    FunctionCall,
    FunctionOutput,
    History,
    Message,
    UnknownItemError,
)
from streamkit.session.memory import MAX_SOUNDS, Memory, RefusedError
from streamkit.session.playout import Playout, SpokenText
from streamkit.tts.synthesizer import WordMark


def message(item_id: str, text: str | None = "Hi", role: Any = "user") -> Message:
    kind = {"user": "input_text", "system": "input_text", "assistant": "output_audio"}[role]
    return Message(item_id, role, (Content(kind, text),))  # type: ignore[arg-type]


class Histories(RuleBasedStateMachine):
    """A history against a plain list of ids."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        self.ids: list[str] = []

    @rule(item_id=st.sampled_from("abcdef"), after=st.sampled_from([None, FRONT, *"abcx"]))
    def add(self, item_id: str, after: str | None) -> None:
        if item_id in self.ids:
            with pytest.raises(DuplicateItemError):
                self.history.add(message(item_id), after)
            return
        if after in (None, FRONT):
            place = 0 if after == FRONT else len(self.ids)
        elif after in self.ids:
            place = self.ids.index(after) + 1
        else:
            with pytest.raises(UnknownItemError):
                self.history.add(message(item_id), after)
            return
        previous = self.history.add(message(item_id), after)
        self.ids.insert(place, item_id)
        assert previous == (self.ids[place - 1] if place else None)

    @rule(item_id=st.sampled_from("abcdef"))
    def delete(self, item_id: str) -> None:
        if item_id in self.ids:
            self.history.delete(item_id)
            self.ids.remove(item_id)
        else:
            with pytest.raises(UnknownItemError):
                self.history.delete(item_id)

    @rule(item_id=st.sampled_from("abcdef"), text=st.text(max_size=3))
    def replace(self, item_id: str, text: str) -> None:
        if item_id in self.ids:
            self.history.replace(message(item_id, text))
            assert self.history.get(item_id) == message(item_id, text)
        else:
            with pytest.raises(UnknownItemError):
                self.history.replace(message(item_id, text))

    @invariant()
    def same_order(self) -> None:
        assert [item.id for item in self.history] == self.ids
        assert len(self.history) == len(self.ids)
        assert self.history.last == (self.ids[-1] if self.ids else None)
        for index, item_id in enumerate(self.ids):
            assert item_id in self.history
            assert self.history.previous(item_id) == (self.ids[index - 1] if index else None)


TestHistories = Histories.TestCase


def test_a_message_says_all_its_parts_that_are_known() -> None:
    parts = (Content("input_text", "One"), Content("input_audio", None), Content("input_text", ""))
    several = Message("a", "user", (*parts, Content("input_text", "two.")))
    assert several.text == "One two."
    assert several.with_text(1, "and").text == "One and two."
    assert several.text == "One two."


# What a model reads


def test_a_model_reads_words_calls_and_outputs_in_order() -> None:
    memory = Memory()
    memory.add(message("a", "Be kind.", "system"), None)
    memory.add(message("b", "Light on!"), None)
    memory.add(FunctionCall("c", "call_1", "lamp", '{"on": true}'), None)
    memory.add(FunctionOutput("d", "call_1", "done"), None)
    memory.add(message("e", "It is on.", "assistant"), None)
    assert memory.turns() == (
        Utterance("system", "Be kind."),
        Utterance("user", "Light on!"),
        ToolCall("call_1", "lamp", '{"on": true}'),
        ToolResult("call_1", "done"),
        Utterance("assistant", "It is on."),
    )


@pytest.mark.parametrize(
    "item",
    [
        message("a", None),
        message("a", "  "),
        Message("a", "assistant", (), "in_progress"),
        FunctionCall("a", "call_1", "lamp", '{"on":', "incomplete"),
        FunctionCall("a", "call_1", "lamp", "", "in_progress"),
    ],
)
def test_a_model_does_not_read_what_nobody_has_said(item: Any) -> None:
    memory = Memory()
    memory.add(item, None)
    assert memory.turns() == ()


def test_given_items_and_references_take_the_place_of_the_conversation() -> None:
    memory = Memory()
    memory.add(message("a", "Old"), None)
    memory.add(message("b", "New"), None)
    given_items = (message("x", "Said nowhere"), "a")
    assert memory.turns(given_items) == (
        Utterance("user", "Said nowhere"),
        Utterance("user", "Old"),
    )
    assert memory.turns(()) == ()
    with pytest.raises(RefusedError, match="no item with the id 'gone'") as refused:
        memory.turns(("a", "gone"))
    assert refused.value.code == "item_not_found"


# Refusals


def test_a_taken_id_and_an_unknown_place_are_refused_and_change_nothing() -> None:
    memory = Memory()
    memory.add(message("a"), None)
    with pytest.raises(RefusedError, match="'a' already") as taken:
        memory.add(message("a", "Other"), None)
    with pytest.raises(RefusedError, match="to put this one behind") as unknown:
        memory.add(message("b"), "nowhere")
    assert (taken.value.code, taken.value.param) == ("item_exists", "item.id")
    assert (unknown.value.code, unknown.value.param) == ("item_not_found", "previous_item_id")
    assert [*memory.history] == [message("a")]


def spoken(memory: Memory, item_id: str, text: str = "One two six.") -> Playout:
    """An item of which all sound was sent at 0 s, 0.3 s for each word, at 1000 Hz."""
    memory.add(message(item_id, text, "assistant"), None)
    words, at, marks, stops = text.split(), 0, [], []
    for index, word in enumerate(words):
        marks.append(WordMark(at, len(word.strip(".")), index * 300))
        stops.append((at + len(word.strip(".")), at + len(word)))
        at += len(word) + 1
    sound, playout = SpokenText(1000), Playout(1000)
    sound.add(Piece(text, text, tuple(stops)))
    sound.extend(len(words) * 300, tuple(marks), last=True)
    playout.send(len(words) * 300, 0.0)
    memory.hold_sound(item_id, sound, playout)
    return playout


def text_of(memory: Memory, item_id: str) -> str:
    item = memory.get(item_id)
    assert isinstance(item, Message)
    return item.text


def test_a_spoken_item_is_cut_to_what_was_heard() -> None:
    memory = Memory()
    spoken(memory, "a")
    memory.truncate("a", 0, 600, 9.0)
    assert text_of(memory, "a") == "One two"
    memory.truncate("a", 0, 300, 9.0)
    assert text_of(memory, "a") == "One"
    memory.truncate("a", 0, 0, 9.0)
    assert text_of(memory, "a") == ""


def test_what_was_cut_off_cannot_be_had_back() -> None:
    memory = Memory()
    spoken(memory, "a")
    memory.truncate("a", 0, 300, 9.0)
    with pytest.raises(RefusedError, match="accepted: 0 to 300"):
        memory.truncate("a", 0, 600, 9.0)
    assert text_of(memory, "a") == "One"


@pytest.mark.parametrize("end", [901, 10**9])
def test_there_is_nothing_beyond_the_end(end: int) -> None:
    memory = Memory()
    spoken(memory, "a")
    with pytest.raises(RefusedError, match="accepted: 0 to 900") as refused:
        memory.truncate("a", 0, end, 9.0)
    assert (refused.value.code, refused.value.param) == ("invalid_value", "audio_end_ms")
    assert text_of(memory, "a") == "One two six."
    memory.truncate("a", 0, 900, 9.0)
    assert text_of(memory, "a") == "One two six."


@pytest.mark.parametrize(
    ("item", "index", "param"),
    [
        (message("x"), 0, "item_id"),
        (FunctionCall("x", "c", "f", "{}"), 0, "item_id"),
        (Message("x", "assistant", (Content("output_text", "Hi"),)), 0, "content_index"),
        (message("x", role="assistant"), 1, "content_index"),
        (message("x", role="assistant"), -1, "content_index"),
        (message("x", role="assistant"), 0, "item_id"),
    ],
)
def test_only_what_was_spoken_can_be_cut(item: Any, index: int, param: str) -> None:
    memory = Memory()
    memory.add(item, None)
    with pytest.raises(RefusedError) as refused:
        memory.truncate("x", index, 0, 0.0)
    assert (refused.value.code, refused.value.param) == ("invalid_value", param)


@given(st.integers(0, 900))
def test_an_older_item_can_be_cut_as_well(end: int) -> None:
    memory = Memory()
    spoken(memory, "a")
    memory.add(message("b"), None)
    spoken(memory, "c", "Four five six.")
    memory.truncate("a", 0, end, 9.0)
    assert text_of(memory, "a") == " ".join(["One", "two", "six."][: end // 300])
    assert text_of(memory, "c") == "Four five six."


def test_all_that_is_being_played_stops_at_once() -> None:
    memory = Memory()
    spoken(memory, "a")
    later = spoken(memory, "b")
    later.report(0.0, 0.6)
    memory.stop_sounds(0.7)
    assert text_of(memory, "a") == "One two"
    assert text_of(memory, "b") == ""
    memory.stop_sounds(9.0)
    assert text_of(memory, "a") == "One two"


def test_the_sound_of_an_item_goes_with_it() -> None:
    memory = Memory()
    playout = spoken(memory, "a")
    memory.delete("a")
    assert memory.sound("a") is None
    memory.hold_sound("a", SpokenText(1000), playout)
    assert memory.sound("a") is None


def test_only_the_newest_sounds_are_remembered() -> None:
    memory = Memory()
    for number in range(MAX_SOUNDS + 1):
        spoken(memory, f"item_{number}")
    assert memory.sound("item_0") is None
    assert memory.sound("item_1") is not None
    with pytest.raises(RefusedError, match=f"newest {MAX_SOUNDS}"):
        memory.truncate("item_0", 0, 0, 0.0)


@pytest.mark.parametrize("keep", [0, 1, 3, 5, 9])
def test_the_oldest_leave_first(keep: int) -> None:
    memory = Memory()
    for item_id in "abcde":
        memory.add(message(item_id), None)
    gone = memory.forget_oldest(keep)
    assert [*gone, *(item.id for item in memory.history)] == [*"abcde"]
    assert len(memory.history) == min(keep, 5)


def test_words_that_come_for_a_deleted_item_are_nobodys() -> None:
    memory = Memory()
    memory.add(message("a", None), None)
    memory.set_text("a", 0, "Hello")
    assert text_of(memory, "a") == "Hello"
    memory.delete("a")
    memory.set_text("a", 0, "Hello")
    assert [*memory.history] == []
