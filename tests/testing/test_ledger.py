"""Every promise that the ledger watches over is broken here once, and noticed."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import streamkit.testing.ledger as ledger_module
from streamkit.llm.chat_model import ReplyRequest
from streamkit.session.commands import (
    CreateItem,
    CreateResponse,
    DeleteItem,
    ResponseOverrides,
    RetrieveItem,
)
from streamkit.session.conversation_effects import (
    Abandon,
    ArgumentsAdded,
    ArgumentsDone,
    AudioCommitted,
    ContentPartAdded,
    ContentPartDone,
    ConversationClosed,
    ConversationEffect,
    Generate,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemRetrieved,
    ItemTruncated,
    OutputItemAdded,
    OutputItemDone,
    Place,
    Rejected,
    ReplyHeld,
    ReplyResumed,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    SendSound,
    SoundDone,
    SpeechStarted,
    SpeechStopped,
    Synthesize,
    TextAdded,
    TextDone,
    TranscriptAdded,
    TranscriptDone,
    TranscriptionCompleted,
    TranscriptionDelta,
    TranscriptionFailed,
)
from streamkit.session.events import CloseRequested
from streamkit.session.items import Content, FunctionCall, Item, Message
from streamkit.testing import BrokenPromiseError, Ledger, SimulatedConversation

PLACE = Place("r", "i", 0)


def message(text: str | None = None, *, status: Any = "completed", item_id: str = "i") -> Message:
    content = () if text is None else (Content("output_audio", text),)
    return Message(item_id, "assistant", content, status)


def state(status: Any = "in_progress", response_id: str = "r", **fields: Any) -> ResponseState:
    return ResponseState(response_id, status, ("audio",), **fields)


def call(arguments: str = "", status: Any = "in_progress") -> FunctionCall:
    return FunctionCall("i", "c", "lamp", arguments, status)


CREATED = ResponseCreated(state())
BESIDE = ResponseCreated(state(in_conversation=False))
OPEN = OutputItemAdded("r", 0, message(status="in_progress"))
ADDED = ItemAdded(message(status="in_progress"), None)
PART = ContentPartAdded(PLACE, Content("output_audio", ""))
SAID = TranscriptAdded(PLACE, "Hi.")
SENT = SendSound(PLACE, 1, 0, 100, ((0, "Hi."),))
SILENT = SoundDone(PLACE)
TOLD = TranscriptDone(PLACE, "Hi.")
CLOSED = ContentPartDone(PLACE, Content("output_audio", "Hi."))
DONE = ItemDone(message("Hi."), None)
OUT = OutputItemDone("r", 0, message("Hi."))
OVER = ResponseDone(state("completed", output=(message("Hi."),)))
ASKED = Generate(1, ReplyRequest(()))
SPEAK = Synthesize(1, 0, "Hi.", None, None, 1.0, True)

SPOKEN: list[ConversationEffect] = [
    ASKED, CREATED, OPEN, ADDED, PART, SPEAK, SAID, SENT, SILENT, TOLD, CLOSED, DONE, OUT, OVER
]  # fmt: skip

WRITTEN_PART = ContentPartAdded(PLACE, Content("output_text", ""))
WRITTEN: list[ConversationEffect] = [
    ASKED, CREATED, OPEN, ADDED, WRITTEN_PART, TextAdded(PLACE, "Hi."), TextDone(PLACE, "Hi."),
    ContentPartDone(PLACE, Content("output_text", "Hi.")), DONE, OUT, OVER,
]  # fmt: skip

CALL_OPEN = OutputItemAdded("r", 0, call())
CALL_ADDED = ItemAdded(call(), None)
ARGUMENTS = ArgumentsAdded(PLACE, "c", "{}")
ARGUED = ArgumentsDone(PLACE, "c", "lamp", "{}")
CALLED: list[ConversationEffect] = [
    ASKED, CREATED, CALL_OPEN, CALL_ADDED, ARGUMENTS, ARGUED,
    ItemDone(call("{}", "completed"), None), OutputItemDone("r", 0, call("{}", "completed")),
    ResponseDone(state("completed", output=(call("{}", "completed"),))),
]  # fmt: skip

USER = Message("u", "user", (Content("input_audio", None),))
STARTED, STOPPED = SpeechStarted("u", 0), SpeechStopped("u", 100)
COMMITTED = AudioCommitted("u", None)
HEARD: list[ConversationEffect] = [
    STARTED, TranscriptionDelta("u", 0, "Hello"), STOPPED, COMMITTED, ItemAdded(USER, None),
    ItemDone(USER, None), TranscriptionDelta("u", 0, " you."),
    TranscriptionCompleted("u", 0, "Hello you.", 1.0),
]  # fmt: skip


def before(
    effects: Sequence[ConversationEffect], effect: ConversationEffect
) -> list[ConversationEffect]:
    """What came before an effect."""
    return [*effects[: list(effects).index(effect)]]


def through(
    effects: Sequence[ConversationEffect], effect: ConversationEffect
) -> list[ConversationEffect]:
    """What came up to and with an effect."""
    return [*before(effects, effect), effect]


@pytest.mark.parametrize("effects", [SPOKEN, WRITTEN, CALLED, HEARD])
def test_what_is_right_is_right(effects: list[ConversationEffect]) -> None:
    ledger = Ledger()
    for effect in [*effects, ConversationClosed()]:
        ledger.take(effect)
    assert not ledger.open_responses


Broken = tuple[str, list[ConversationEffect], ConversationEffect]

PROMISES: list[Broken] = [
    # Responses
    ("created twice", SPOKEN, CREATED),
    ("created twice", through(SPOKEN, CREATED), CREATED),
    ("created when it was over", [ASKED], ResponseCreated(state("completed"))),
    ("two replies at once", through(SPOKEN, CREATED), ResponseCreated(state(response_id="s"))),
    ("done without being open", [ASKED], OVER),
    ("done without being open", SPOKEN, OVER),
    ("an item is still open", before(SPOKEN, OUT), OVER),
    ("other items than were told", before(SPOKEN, OVER), ResponseDone(state("completed"))),
    ("other items than were told", through(SPOKEN, CREATED), OVER),
    ("done without an end", through(SPOKEN, CREATED), ResponseDone(state())),
    ("a reason for nothing", through(SPOKEN, CREATED), ResponseDone(state("cancelled"))),
    (
        "a reason for nothing",
        through(SPOKEN, CREATED),
        ResponseDone(state("completed", reason="turn_detected")),
    ),
    ("an error for nothing", through(SPOKEN, CREATED), ResponseDone(state("failed"))),
    (
        "an error for nothing",
        through(SPOKEN, CREATED),
        ResponseDone(state("completed", error="broken")),
    ),
    (
        "an open item",
        before(SPOKEN, OVER),
        ResponseDone(state("completed", output=(message("Hi.", status="in_progress"),))),
    ),
    # Their items
    ("response not open", [ASKED], OPEN),
    ("response not open", SPOKEN, OutputItemAdded("r", 1, message(status="in_progress"))),
    ("wrong index", through(SPOKEN, CREATED), OutputItemAdded("r", 1, OPEN.item)),
    (
        "added when it was done already",
        through(SPOKEN, CREATED),
        OutputItemAdded("r", 0, message()),
    ),
    ("added twice", through(SPOKEN, OPEN), OutputItemAdded("r", 1, OPEN.item)),
    ("not open", through(SPOKEN, CREATED), OUT),
    ("not open", through(SPOKEN, OUT), OUT),
    ("done without an end", through(SPOKEN, OPEN), OutputItemDone("r", 0, OPEN.item)),
    ("its part is open", before(SPOKEN, CLOSED), OUT),
    ("the conversation's item is not done", before(SPOKEN, DONE), OUT),
    # Items of the conversation
    ("added twice", through(SPOKEN, ADDED), ADDED),
    (
        "it is no part of the conversation",
        [ASKED, BESIDE, OPEN],
        ADDED,
    ),
    ("not there", [], DONE),
    ("done twice", through(SPOKEN, DONE), DONE),
    ("not there", [], ItemDeleted("i")),
    ("not there", [*SPOKEN, ItemDeleted("i")], ItemDeleted("i")),
    ("not there", [*SPOKEN, ItemDeleted("i")], ItemDone(message("Hi."), None)),
    ("not there", [], ItemRetrieved(message())),
    ("not there", [], ItemTruncated("i", 0, 100)),
    # Parts
    ("response not open", [ASKED], PART),
    ("item not open", through(SPOKEN, CREATED), PART),
    ("added twice", through(SPOKEN, PART), PART),
    ("part not open", through(SPOKEN, ADDED), SAID),
    ("part not open", through(SPOKEN, CLOSED), SAID),
    ("empty, or after its end", through(SPOKEN, PART), TranscriptAdded(PLACE, "")),
    ("empty, or after its end", through(SPOKEN, TOLD), SAID),
    ("another text", before(SPOKEN, TOLD), TranscriptDone(PLACE, "Hi!")),
    ("another text", through(SPOKEN, TOLD), TOLD),
    ("another text", through(WRITTEN, WRITTEN_PART), TextDone(PLACE, "Hi.")),
    ("its sound is not done", before(SPOKEN, SILENT), TOLD),
    ("text not done", before(SPOKEN, TOLD), CLOSED),
    ("text not done", before(SPOKEN, CLOSED), ContentPartDone(PLACE, Content("output_audio", ""))),
    # Sound
    ("sound of a written part", through(WRITTEN, WRITTEN_PART), SENT),
    ("of a reply that nobody makes", before(SPOKEN, SENT), SendSound(PLACE, 2, 0, 100)),
    ("of an abandoned reply", [*before(SPOKEN, SENT), Abandon(1)], SENT),
    ("a gap in the sound", before(SPOKEN, SENT), SendSound(PLACE, 1, 1, 100)),
    ("a gap in the sound", through(SPOKEN, SENT), SENT),
    ("a gap in the sound", through(SPOKEN, SENT), SendSound(PLACE, 1, 100, 100)),
    ("sound after its end", through(SPOKEN, SILENT), SendSound(PLACE, 1, 100, 200)),
    ("a word that is not in it", before(SPOKEN, SENT), SendSound(PLACE, 1, 0, 9, ((9, "Hi."),))),
    ("done twice, or written", through(SPOKEN, SILENT), SILENT),
    ("done twice, or written", through(WRITTEN, WRITTEN_PART), SILENT),
    # Calls
    ("item not open", [ASKED, CREATED], ARGUMENTS),
    ("empty, or after its end", through(CALLED, CALL_ADDED), ArgumentsAdded(PLACE, "c", "")),
    ("empty, or after its end", through(CALLED, ARGUED), ARGUMENTS),
    ("other arguments", through(CALLED, ARGUMENTS), ArgumentsDone(PLACE, "c", "lamp", "{")),
    ("other arguments", through(CALLED, ARGUED), ARGUED),
    ("response not open", CALLED, ARGUED),
    # Work
    ("asked for twice", [ASKED], ASKED),
    ("of a reply that nobody makes", [], SPEAK),
    ("of an abandoned reply", [ASKED, Abandon(1)], SPEAK),
    ("abandoned twice", [ASKED, Abandon(1)], Abandon(1)),
    # The person's speech
    ("started twice", HEARD, STARTED),
    ("not speaking", [], STOPPED),
    ("not speaking", HEARD, STOPPED),
    ("while speaking", [STARTED], COMMITTED),
    ("committed twice", HEARD, COMMITTED),
    ("empty, or after the end", [STARTED], TranscriptionDelta("u", 0, "")),
    ("empty, or after the end", HEARD, TranscriptionDelta("u", 0, "More.")),
    ("of an item that nobody knows", [], TranscriptionCompleted("u", 0, "", 1.0)),
    ("completed twice", HEARD, HEARD[-1]),
    ("rewritten", HEARD[:-1], TranscriptionCompleted("u", 0, "Hello!", 1.0)),
    ("of an item that nobody knows", [], TranscriptionFailed("u", 0, "broken")),
    ("failed after its end", HEARD, TranscriptionFailed("u", 0, "broken")),
    # Other things
    ("refused without a reason", [], Rejected("e", "", "No.")),
    ("refused without a reason", [], Rejected("e", "no", "")),
    ("a response is open", [ASKED, CREATED], ConversationClosed()),
    ("the client has not asked for it", [ASKED, CREATED], ReplyHeld("r")),
    ("held already", [ASKED, CREATED, ReplyHeld("r")], ReplyHeld("r")),
    ("a reply that nobody knows", [], ReplyHeld("r")),
    ("not said aloud", [ASKED, BESIDE], ReplyHeld("r")),
    ("sound of a reply that is held", [*SPOKEN[:7], ReplyHeld("r")], SENT),
    ("not held", [ASKED, CREATED], ReplyResumed("r")),
    ("a reply is held", [*SPOKEN, ReplyHeld("r")], ConversationClosed()),
    ("after the end", [ConversationClosed()], STARTED),
    ("after the end", [ConversationClosed()], ConversationClosed()),
]


@pytest.mark.parametrize(
    ("promise", "effects", "broken"),
    PROMISES,
    ids=[f"{number}-{promise}" for number, (promise, _, _) in enumerate(PROMISES)],
)
def test_a_broken_promise_is_noticed(
    promise: str, effects: list[ConversationEffect], broken: ConversationEffect
) -> None:
    ledger = Ledger(holds=promise != "the client has not asked for it")
    for effect in effects:
        ledger.take(effect)
    with pytest.raises(BrokenPromiseError, match=f"^{promise}"):
        ledger.take(broken)


def test_every_promise_has_its_example() -> None:
    tree = ast.parse(Path(ledger_module.__file__).read_text("utf-8"))
    promises = {
        str(call.args[1].value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "_check"
        and isinstance(call.args[1], ast.Constant)
    }
    assert len(promises) > 30
    broken = tuple({promise for promise, _, _ in PROMISES})
    assert not {promise for promise in promises if not promise.startswith(broken)}


def test_the_client_may_use_an_id_again() -> None:
    ledger = Ledger()
    item: Item = Message("own", "user", (Content("input_text", "Hi"),))
    for effect in 2 * [ItemAdded(item, None), ItemDone(item, None), ItemDeleted("own")]:
        ledger.take(effect)
    assert ledger.items == set()


def test_parts_of_an_item_have_transcripts_of_their_own() -> None:
    ledger = Ledger()
    ledger.take(ItemAdded(USER, None))
    ledger.take(TranscriptionCompleted("u", 0, "One.", 1.0))
    ledger.take(TranscriptionCompleted("u", 1, "Two.", 1.0))


def test_it_knows_the_items_of_a_conversation() -> None:
    conversation = SimulatedConversation()
    for number in (1, 2):
        item = Message(f"own_{number}", "user", (Content("input_text", "Hi"),))
        conversation.give(CreateItem("e", item))
    conversation.give(DeleteItem("e", "own_1"))
    conversation.give(RetrieveItem("e", "own_2"))
    conversation.give(CreateResponse("e", ResponseOverrides(in_conversation=False)))
    conversation.give(CreateResponse("e"))
    conversation.run_until_quiet()
    assert conversation.ledger.items == {item.id for item in conversation.session.memory.history}
    assert conversation.ledger.statuses == ["completed"] * 2
    conversation.give(CloseRequested())
    with pytest.raises(BrokenPromiseError, match="after the end"):
        conversation.ledger.take(STARTED)
