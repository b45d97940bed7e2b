"""One reply, from the model's tokens to its end: what the client is told, and in which order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import CallDelta, Delta, Finished, TextDelta, Usage
from streamkit.session.commands import CreateResponse, DeleteItem, PlaybackReported
from streamkit.session.conversation_effects import (
    Abandon,
    ArgumentsAdded,
    ArgumentsDone,
    ContentPartAdded,
    ContentPartDone,
    Generate,
    ItemAdded,
    ItemDone,
    OutputItemAdded,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    SendSound,
    SoundDone,
    Synthesize,
    TextAdded,
    TextDone,
    TranscriptAdded,
    TranscriptDone,
)
from streamkit.session.conversation_events import SoundReady, TokenArrived
from streamkit.session.conversation_options import ConversationOptions, ServerVad
from streamkit.session.floor import State
from streamkit.session.items import FunctionCall, Message
from streamkit.testing import SimulatedConversation, say

Script = Sequence[tuple[float, Delta | Exception]]

USAGE = Usage(10, 5)
STOP = Finished("stop", USAGE)


def respond(script: Script, *, text: bool = False, **how: Any) -> SimulatedConversation:
    """The client asks for a response, and the model gives this."""
    options = how.pop("options", ConversationOptions(modalities=("text",) if text else ("audio",)))
    conversation = SimulatedConversation(options, lambda request: script, **how)
    conversation.give(CreateResponse("e"))
    conversation.run_until_quiet()
    return conversation


def done(conversation: SimulatedConversation) -> ResponseState:
    (effect,) = conversation.seen(ResponseDone)
    return effect.response


def kinds(conversation: SimulatedConversation) -> list[type]:
    """What the client is told, each run of deltas once."""
    work = (Generate, Synthesize, Abandon)
    told = [type(each) for _, each in conversation.log if not isinstance(each, work)]
    return [kind for index, kind in enumerate(told) if index == 0 or kind is not told[index - 1]]


# Its parts


def test_a_spoken_reply() -> None:
    conversation = respond(say("All right."))
    assert kinds(conversation) == [
        ResponseCreated, OutputItemAdded, ItemAdded, ContentPartAdded, TranscriptAdded, SendSound,
        TranscriptAdded, SendSound, SoundDone, TranscriptDone, ContentPartDone, ItemDone,
        OutputItemDone, ResponseDone,
    ]  # fmt: skip
    response = done(conversation)
    assert (response.status, response.reason, response.error) == ("completed", None, None)
    assert response.usage == Usage(10, 2)
    assert response.audio_seconds == pytest.approx(len("All right.") * 0.06)
    (item,) = response.output
    assert isinstance(item, Message)
    assert (item.status, item.text, item.content[0].kind) == (
        "completed", "All right.", "output_audio"
    )  # fmt: skip
    assert [*conversation.session.memory.history] == [item]


def test_a_written_reply() -> None:
    conversation = respond(say("All right."), text=True)
    assert kinds(conversation) == [
        ResponseCreated, OutputItemAdded, ItemAdded, ContentPartAdded, TextAdded, TextDone,
        ContentPartDone, ItemDone, OutputItemDone, ResponseDone,
    ]  # fmt: skip
    (item,) = done(conversation).output
    assert item.content[0].kind == "output_text"  # type: ignore[union-attr]
    assert [each.delta for each in conversation.seen(TextAdded)] == ["All", " right."]
    assert not conversation.seen(Synthesize)
    assert conversation.session.state is State.IDLE


def test_a_reply_that_is_created_is_empty_and_in_progress() -> None:
    conversation = respond(say("All right."))
    created = conversation.seen(ResponseCreated)[0].response
    assert (created.status, created.output, created.usage) == ("in_progress", (), None)
    assert conversation.seen(OutputItemAdded)[0].item.status == "in_progress"
    assert conversation.seen(ContentPartAdded)[0].part.text == ""


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="Aa1 .,?!é’—\n*€%", max_size=120), st.integers(1, 9), st.booleans())
def test_all_that_was_written_is_told(text: str, size: int, spoken: bool) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    deltas: Script = [(0.05 + 0.01 * n, TextDelta(each)) for n, each in enumerate(pieces)]
    conversation = respond([*deltas, (3.0, STOP)], text=not spoken)
    assert done(conversation).status == "completed"
    finished = conversation.seen(TranscriptDone) if spoken else conversation.seen(TextDone)
    told = [getattr(each, "transcript", getattr(each, "text", "")) for each in finished]
    assert "".join(told).strip() == text.strip()


@pytest.mark.parametrize("blank", ["", " ", "\n\n"])
def test_of_a_blank_reply_nothing_is_told(blank: str) -> None:
    conversation = respond([(0.1, TextDelta(blank)), (0.2, STOP)] if blank else [(0.1, STOP)])
    assert kinds(conversation) == [ResponseCreated, ResponseDone]
    assert done(conversation).output == ()
    assert conversation.session.state is State.IDLE


def test_signs_that_cannot_be_said_are_written_all_the_same() -> None:
    conversation = respond([(0.1, TextDelta("***")), (0.2, STOP)])
    assert conversation.seen(TranscriptDone)[0].transcript == "***"
    assert not conversation.seen(SendSound)
    assert done(conversation).status == "completed"


def test_text_goes_out_just_before_its_sound() -> None:
    conversation = respond(say("One two three four. Five six seven."))
    told, sent = "", 0
    for _, effect in conversation.log:
        if isinstance(effect, TranscriptAdded):
            told += effect.delta
        if isinstance(effect, SendSound):
            sent = effect.end
            begun = [word for start, _, word in conversation.sounds["item_1"] if start < sent]
            assert told.split() == begun


def test_pieces_are_spoken_one_after_the_other_in_order() -> None:
    conversation = respond(say("One two three. " * 12), voice_seconds=0.2)
    pieces = conversation.when(Synthesize)
    assert [piece.piece for _, piece in pieces] == [*range(len(pieces))]
    assert [piece.first for _, piece in pieces] == [True, *[False] * (len(pieces) - 1)]
    assert all(b[0] >= a[0] + 0.2 for a, b in itertools.pairwise(pieces))
    assert " ".join(piece.text for _, piece in pieces) == ("One two three. " * 12).strip()


def test_the_voice_does_not_run_far_ahead() -> None:
    conversation = respond(say("This is a sentence of some length, and so on. " * 12))
    made = sent = 0
    for _, effect in conversation.log:
        if isinstance(effect, Synthesize):
            made += len(effect.text) * 1440
        if isinstance(effect, SendSound):
            sent = effect.end
        assert made - sent <= (8.0 + 15.0) * 24000


@pytest.mark.parametrize("lead", [0.02, 0.5, 9.0, 60.0])
def test_a_long_reply_is_spoken_to_its_end(lead: float) -> None:
    text = "This is a sentence of some length, and so on. " * 12
    conversation = respond(say(text.strip()), options=ConversationOptions(lead=lead))
    assert conversation.seen(TranscriptDone)[0].transcript == text.strip()


@pytest.mark.parametrize("lead", [0.02, 0.5, 9.0, 60.0])
@pytest.mark.parametrize("parts", [1, 2, 20])
def test_it_is_spoken_on_time_although_the_person_sends_no_sound(lead: float, parts: int) -> None:
    text = f"{'and so on ' * 24}until the end. This is one of some length, and so on. " * 2
    conversation = SimulatedConversation(
        ConversationOptions(lead=lead),
        lambda request: say(text),
        voice_parts=parts,
        voice_seconds=1.0,
    )
    conversation.give(CreateResponse("e"))
    conversation.run(40.0, audio=False)
    assert conversation.session.state is State.IDLE
    assert done(conversation).status == "completed"
    first, last = conversation.when(SendSound)[0], conversation.when(SendSound)[-1]
    # The voice needs a second for each piece, and nothing else is waited for.
    pieces = len(conversation.seen(Synthesize))
    latest = max(1.1 * pieces, last[1].start / 24000 - lead)
    assert last[0] - first[0] <= latest + 0.2
    assert conversation.session.wake_at is None


# Calls


CALL: Script = [
    (0.1, CallDelta(0, "call_1", "lamp", "")),
    (0.2, CallDelta(0, "", "", '{"on"')),
    (0.3, CallDelta(0, "", "", ": true}")),
    (0.4, Finished("tool_calls", USAGE)),
]


def test_a_call_and_its_arguments() -> None:
    conversation = respond(CALL)
    assert kinds(conversation) == [
        ResponseCreated, OutputItemAdded, ItemAdded, ArgumentsAdded, ArgumentsDone, ItemDone,
        OutputItemDone, ResponseDone,
    ]  # fmt: skip
    assert [each.delta for each in conversation.seen(ArgumentsAdded)] == ['{"on"', ": true}"]
    (arguments,) = conversation.seen(ArgumentsDone)
    assert (arguments.call_id, arguments.name, arguments.arguments) == (
        "call_1", "lamp", '{"on": true}'
    )  # fmt: skip
    (item,) = done(conversation).output
    assert isinstance(item, FunctionCall)
    assert (item.status, item.arguments) == ("completed", '{"on": true}')
    assert done(conversation).status == "completed"


def test_several_calls_at_once() -> None:
    conversation = respond(
        [
            (0.1, CallDelta(0, "call_1", "lamp", "{")),
            (0.1, CallDelta(1, "call_2", "door", "{}")),
            (0.2, CallDelta(0, "", "", "}")),
            (0.3, Finished("tool_calls", USAGE)),
        ]
    )
    calls = done(conversation).output
    assert [(c.call_id, c.name, c.arguments) for c in calls] == [  # type: ignore[union-attr]
        ("call_1", "lamp", "{}"),
        ("call_2", "door", "{}"),
    ]
    assert [each.output_index for each in conversation.seen(OutputItemAdded)] == [0, 1]
    assert len(conversation.seen(ArgumentsDone)) == 2


def test_a_call_without_an_id_gets_one() -> None:
    conversation = respond([(0.1, CallDelta(0, "", "lamp", "{}")), (0.2, STOP)])
    (call,) = done(conversation).output
    assert call.call_id.startswith("call_")  # type: ignore[union-attr]


def test_words_before_a_call() -> None:
    conversation = respond([*say("One moment, please.")[:-1], *((at + 0.5, d) for at, d in CALL)])
    message, call = done(conversation).output
    assert message.text == "One moment, please."  # type: ignore[union-attr]
    assert isinstance(call, FunctionCall)
    # The call can be carried out while the words are still being said.
    called = conversation.when(ArgumentsDone)[0][0]
    assert called < conversation.when(SendSound)[-1][0]


def test_a_blank_line_before_a_call_is_no_message() -> None:
    conversation = respond([(0.05, TextDelta("\n")), *CALL])
    assert [type(item) for item in done(conversation).output] == [FunctionCall]


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_call_that_was_cut_off_is_not_to_be_carried_out(reason: Any) -> None:
    conversation = respond([*CALL[:2], (0.3, Finished(reason, USAGE))])
    assert not conversation.seen(ArgumentsDone)
    (call,) = done(conversation).output
    assert (call.status, call.arguments) == ("incomplete", '{"on"')  # type: ignore[union-attr]
    assert done(conversation).status == "incomplete"
    assert conversation.session.memory.turns() == ()


# Its end


@pytest.mark.parametrize(
    ("reason", "told"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
@pytest.mark.parametrize("text", [True, False])
def test_a_reply_that_the_model_breaks_off_is_incomplete(
    reason: Any, told: str, text: bool
) -> None:
    conversation = respond([*say("One two")[:-1], (0.3, Finished(reason, USAGE))], text=text)
    response = done(conversation)
    assert (response.status, response.reason) == ("incomplete", told)
    assert [item.status for item in response.output] == ["incomplete"]
    assert response.output[0].text == "One two"  # type: ignore[union-attr]
    assert not conversation.seen(Abandon)


def test_a_model_that_fails_at_once() -> None:
    conversation = respond([(0.1, ReplyError("the model is out"))])
    response = done(conversation)
    assert (response.status, response.error_code, response.error) == (
        "failed", "model_failed", "the model is out"
    )  # fmt: skip
    assert response.output == ()
    assert conversation.seen(Abandon) == [Abandon(1)]
    assert conversation.session.state is State.IDLE


@pytest.mark.parametrize("text", [True, False])
def test_a_model_that_breaks_off(text: bool) -> None:
    script = [*say("One two three. Four five six. Seven")[:-1], (0.5, ReplyError("it broke"))]
    conversation = respond(script, text=text)
    response = done(conversation)
    assert (response.status, response.error) == ("failed", "it broke")
    (item,) = response.output
    assert item.status == "incomplete"
    end = next(n for n, (_, e) in enumerate(conversation.log) if isinstance(e, ResponseDone))
    assert not [e for _, e in conversation.log[end + 1 :] if isinstance(e, SendSound)]


def test_a_voice_that_fails() -> None:
    conversation = SimulatedConversation()
    conversation.fail_voice = True
    conversation.give(CreateResponse("e"))
    conversation.run_until_quiet()
    assert done(conversation).error_code == "voice_failed"
    conversation.fail_voice = False
    conversation.give(CreateResponse("e"))
    conversation.run_until_quiet()
    assert [each.response.status for each in conversation.seen(ResponseDone)] == [
        "failed",
        "completed",
    ]


@pytest.mark.parametrize(
    "late",
    [
        TokenArrived(1, TextDelta("Late.")),
        TokenArrived(1, STOP),
        SoundReady(1, 0, 1000, last=True),
        SoundReady(1, 7, 1000),
        TokenArrived(99, TextDelta("Never asked for.")),
    ],
)
def test_what_comes_for_a_reply_that_is_over_is_dropped(late: Any) -> None:
    conversation = respond(say("All right."))
    assert conversation.give(late) == []


def test_sound_that_was_not_asked_for_is_dropped() -> None:
    conversation = SimulatedConversation(model=lambda request: say("Fine."), voice_seconds=0.5)
    conversation.give(CreateResponse("e"))
    conversation.run(0.2)
    conversation.give(SoundReady(1, 3, 9999, last=True))
    conversation.run_until_quiet()
    conversation.give(SoundReady(1, 0, 9999))
    assert done(conversation).audio_seconds == pytest.approx(0.3)


def test_more_tokens_after_the_end_are_dropped() -> None:
    conversation = respond([*say("All right."), (0.2, TextDelta(" More.")), (0.3, STOP)])
    assert conversation.seen(TranscriptDone)[0].transcript == "All right."


def test_an_item_that_the_client_deletes_while_it_is_made() -> None:
    conversation = SimulatedConversation(model=lambda request: say("All right, and so on."))
    conversation.give(CreateResponse("e"))
    conversation.run(0.5)
    conversation.give(DeleteItem("e", "item_1"))
    conversation.run_until_quiet()
    assert done(conversation).status == "completed"
    assert not conversation.seen(ItemDone)
    assert len(conversation.seen(OutputItemDone)) == 1
    assert [*conversation.session.memory.history] == []


# What it cost


def listened(**how: Any) -> SimulatedConversation:
    conversation = SimulatedConversation(**how)
    conversation.speak("What is it?", after=0.3)
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    return conversation


@pytest.mark.parametrize("preemptive", [True, False])
@pytest.mark.parametrize("silence", [0.0, 0.13, 0.5])
@pytest.mark.parametrize("voice", [0.01, 0.4])
@pytest.mark.parametrize("decode", [0.04, 0.6])
def test_the_figures_are_what_the_log_shows(
    preemptive: bool, silence: float, voice: float, decode: float
) -> None:
    conversation = listened(
        options=ConversationOptions(turn_detection=ServerVad(silence=0.5), preemptive=preemptive),
        model=lambda request: say("It is nothing at all.", after=0.2, each=0.03),
        voice_seconds=voice,
        decode_seconds=decode,
        silence_seconds=silence,
    )
    response = done(conversation)
    latency = dict(response.latency)
    whole = latency.pop("voice_to_voice")
    assert sum(latency.values()) == pytest.approx(whole)
    audible = next(
        at for at, sound in conversation.when(SendSound) if sound.end > round(silence * 24000)
    )
    # The last loud window ends up to one window after the word, and came with its chunk.
    assert response.speech_received_at == pytest.approx(0.3 + 0.75, abs=0.052)
    assert whole == pytest.approx(audible - response.speech_received_at)
    assert set(latency) == {
        "endpoint", "final", "first_token", "first_piece", "first_byte", "first_audible"
    }  # fmt: skip


@pytest.mark.parametrize("preemptive", [True, False])
@pytest.mark.parametrize("silence", [0.0, 0.13])
@pytest.mark.parametrize("fade", [0.0, 0.003, 0.031, 0.2])
def test_the_parts_add_up_to_the_silence_between_the_samples(
    preemptive: bool, silence: float, fade: float
) -> None:
    conversation = listened(
        options=ConversationOptions(turn_detection=ServerVad(silence=0.5), preemptive=preemptive),
        silence_seconds=silence,
        fade=fade,
        captured_from=5000.0,
    )
    # The person began after 0.3 s and said three words.
    last_loud = 0.3 + 0.75 - fade
    audible = round(silence * 24_000)
    sent_at, first = next(each for each in conversation.when(SendSound) if each[1].end > audible)
    response, told = done(conversation), first.response
    assert told is not None
    assert response.speech_end == round(last_loud * 16_000)
    assert response.speech_captured_at == pytest.approx(5000 + last_loud, abs=1e-6)
    assert response.speech_received_at is not None
    # A chunk is 20 ms, and arrives as soon as it is whole.
    way_here = response.speech_received_at - last_loud
    assert 0 <= way_here < 0.02 + 1e-6
    parts = [part for name, part in told.latency.items() if name != "voice_to_voice"]
    assert way_here + sum(parts) == pytest.approx(sent_at - last_loud, abs=1e-9)
    assert told.stages["first_audible"] == sent_at
    assert [each.response is not None for each in conversation.seen(SendSound)].count(True) == 1
    for name in ("speech_end", "speech_received_at", "speech_captured_at", "latency", "stages"):
        assert getattr(told, name) == getattr(response, name)


def test_the_client_says_when_it_began_to_play() -> None:
    conversation = SimulatedConversation(
        model=lambda request: say("It is nothing at all, I say."), silence_seconds=0.1
    )
    conversation.speak("What is it?")
    conversation.run_until(lambda: bool(conversation.seen(SendSound)))
    sent = conversation.now
    conversation.run(0.5)
    # It began 0.2 s after it was sent.
    played = conversation.now - sent - 0.2
    conversation.give(PlaybackReported("item_2", 0, played * 1000))
    conversation.run_until_quiet()
    latency = done(conversation).latency
    assert latency["played"] == pytest.approx(0.2 + 0.1, abs=0.03)


def test_a_response_that_was_asked_for_counts_from_then() -> None:
    conversation = respond(say("All right.", after=0.2))
    response = done(conversation)
    assert response.speech_received_at is None
    assert response.latency["voice_to_voice"] == conversation.when(SendSound)[0][0]


def test_a_reply_without_sound_has_no_figure_for_it() -> None:
    assert "voice_to_voice" not in done(respond(say("All right."), text=True)).latency


def test_usage_is_told_as_the_model_told_it() -> None:
    assert done(respond([(0.1, Finished("stop", None))])).usage is None
    assert done(respond([(0.1, STOP)])).usage == USAGE
