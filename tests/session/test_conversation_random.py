"""Conversations in which anything happens at any time; what must hold is checked at every step."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import (
    CallDelta,
    Finished,
    ReplyRequest,
    TextDelta,
    Tool,
    ToolCall,
    Usage,
    Utterance,
)
from streamkit.session.commands import (
    CancelResponse,
    ClearAudio,
    CommitAudio,
    Configure,
    CreateItem,
    CreateResponse,
    DeleteItem,
    PlaybackReported,
    ResponseOverrides,
    RetrieveItem,
    TruncateItem,
)
from streamkit.session.conversation import ConversationBounds
from streamkit.session.conversation_effects import (
    ConversationClosed,
    ItemTruncated,
    Rejected,
    ResponseDone,
    SendSound,
    TranscriptAdded,
)
from streamkit.session.conversation_options import (
    ConversationOptions,
    Interruption,
    SemanticVad,
    ServerVad,
)
from streamkit.session.events import CloseRequested
from streamkit.session.floor import State
from streamkit.session.items import Content, FunctionOutput, Message
from streamkit.session.reply import STEP_SECONDS
from streamkit.testing import SimulatedConversation, say

EXAMPLES = int(os.environ.get("EXAMPLES", "300"))

TEXTS = (
    "Hello there.",
    "What time is it?",
    "Tell me more and",
    "Stop.",
    "uh-huh",
    "I was in the garden when it began to rain.",
    "yes yes right",
)
REPLIES = (
    "Fine.",
    "You said something nice, and I like it. It was a good day.",
    "Well, there is a lot to say about that. First it was dark. Then there was light, and so on.",
)
BOUNDS = ConversationBounds(
    final_timeout=4,
    reply_timeout=3,
    sound_timeout=2,
    max_turn=20,
    playback_timeout=5,
    max_items=12,
    max_responses=4,
)
RATE = 24000

DETECTIONS = st.one_of(
    st.none(),
    st.builds(
        SemanticVad,
        eagerness=st.sampled_from(["low", "medium", "high", "auto"]),
        create_response=st.booleans(),
        interrupt_response=st.booleans(),
    ),
    st.builds(
        ServerVad,
        silence=st.sampled_from([0.2, 0.5, 1.0]),
        idle_timeout=st.sampled_from([None, 5.0]),
        create_response=st.booleans(),
        interrupt_response=st.booleans(),
    ),
)
OPTIONS = st.builds(
    ConversationOptions,
    kind=st.sampled_from(["realtime"] * 5 + ["transcription"]),
    turn_detection=DETECTIONS,
    modalities=st.sampled_from([("audio",), ("audio",), ("text",)]),
    transcription=st.booleans(),
    preemptive=st.booleans(),
    lead=st.sampled_from([0.05, 0.5, 3.0]),
    holds=st.booleans(),
    interruption=st.sampled_from([Interruption(), Interruption(0.0), Interruption(1.0, 3)]),
    tools=st.sampled_from([(), (Tool("lamp", "", {}),)]),
)


class Conversations(RuleBasedStateMachine):
    """One conversation, and everything that can be done to it."""

    @initialize(
        options=OPTIONS,
        truncates=st.booleans(),
        reports=st.sampled_from([None, 0.1]),
        lag=st.sampled_from([0.0, 0.3]),
        decode=st.sampled_from([0.02, 0.2, 1.5, 6.0]),
        voice=st.sampled_from([0.01, 0.3, 2.5]),
        parts=st.sampled_from([(2, 0.002), (5, 0.2)]),
        marks=st.booleans(),
        judges=st.sampled_from([None, None, 0.0, 0.9, "silent"]),
        data=st.data(),
    )
    def begin(self, options: ConversationOptions, data: Any, judges: Any, **how: Any) -> None:
        self.answers = iter(lambda: data.draw(st.integers(0, 6), label="answer"), None)
        judged = None if judges == "silent" else judges
        self.conversation = SimulatedConversation(
            options,
            self.answer,
            bounds=BOUNDS,
            truncates=how["truncates"],
            reports=how["reports"],
            lag=how["lag"],
            decode_seconds=how["decode"],
            voice_seconds=how["voice"],
            voice_parts=how["parts"][0],
            part_seconds=how["parts"][1],
            marks=how["marks"],
            listens=None if judges is None else lambda asked: judged,
        )
        self.checked = 0
        self.told: defaultdict[str, str] = defaultdict(str)

    def answer(self, request: ReplyRequest) -> list[tuple[float, Any]]:
        match next(self.answers):
            case 0:
                return [(0.1, ReplyError("the model is out"))]
            case 1:
                return [*say(REPLIES[1])[:4], (0.3, ReplyError("it broke off"))]
            case 2:
                return []
            case 3 if request.tools:
                calls = [
                    CallDelta(0, "call_a", "lamp", ""),
                    CallDelta(0, "", "", '{"on":'),
                    CallDelta(0, "", "", "true}"),
                    CallDelta(1, "call_b", "lamp", "{}"),
                    Finished("tool_calls", Usage(1, 1)),
                ]
                text = [(0.1, TextDelta("One moment, please."))]
                return [*text, *((0.2 + 0.01 * index, call) for index, call in enumerate(calls))]
            case 4:
                return [(0.1, TextDelta("\n\n")), (0.1, Finished("length", None))]
            case 5:
                return say(REPLIES[2], after=0.4, each=0.08)
            case index:
                return say(REPLIES[index % 2])

    # What people do

    @rule(
        text=st.sampled_from(TEXTS),
        noise=st.booleans(),
        each=st.sampled_from([0.25, 0.25, 0.05]),
        then=st.sampled_from([0.06, 0.3, 1.0, 3.0]),
    )
    def speak(self, text: str, noise: bool, each: float, then: float) -> None:
        self.conversation.speak(text, noise=noise, each=each)
        self.conversation.run(then)

    @rule(duration=st.sampled_from([0.02, 0.2, 1.0, 6.0]), audio=st.booleans())
    def wait(self, duration: float, audio: bool) -> None:
        self.conversation.run(duration, audio=audio)

    # What clients do

    @rule(
        where=st.sampled_from([True, True, False]),
        text=st.booleans(),
        given=st.sampled_from([None, "item", "reference", "unknown"]),
    )
    def respond(self, where: bool, text: bool, given: str | None) -> None:
        newest = self.conversation.session.memory.history.last or "?"
        items = {
            None: None,
            "item": (Message("x", "user", (Content("input_text", "Hi"),)),),
            "reference": (newest,),
            "unknown": ("?",),
        }[given]
        overrides = ResponseOverrides(
            modalities=("text",) if text else None, in_conversation=where, input=items
        )
        self.conversation.give(CreateResponse("e", overrides))

    @rule(given=st.sampled_from([None, None, 1, 2]))
    def cancel(self, given: int | None) -> None:
        self.conversation.give(CancelResponse("e", None if given is None else f"resp_{given}"))

    @rule()
    def commit(self) -> None:
        self.conversation.give(CommitAudio("e"))

    @rule()
    def clear(self) -> None:
        self.conversation.give(ClearAudio("e"))

    @rule(options=OPTIONS)
    def configure(self, options: ConversationOptions) -> None:
        self.conversation.give(Configure("e", options))

    @rule(index=st.integers(0, 5), end=st.integers(0, 4000))
    def truncate(self, index: int, end: int) -> None:
        items = [item.id for item in self.conversation.session.memory.history]
        item_id = items[-1 - index] if index < len(items) else "?"
        effects = self.conversation.give(TruncateItem("e", item_id, 0, end))
        truncated = [each for each in effects if isinstance(each, ItemTruncated)]
        assert bool(truncated) is not any(isinstance(each, Rejected) for each in effects)

    @rule(index=st.integers(0, 5), end=st.floats(0, 6000), ended=st.booleans())
    def play(self, index: int, end: float, ended: bool) -> None:
        items = [item.id for item in self.conversation.session.memory.history]
        item_id = items[-1 - index] if index < len(items) else "?"
        self.conversation.give(PlaybackReported(item_id, 0, end, ended))

    @rule(index=st.integers(0, 5), delete=st.booleans())
    def look(self, index: int, delete: bool) -> None:
        items = [item.id for item in self.conversation.session.memory.history]
        item_id = items[-1 - index] if index < len(items) else "?"
        command = DeleteItem("e", item_id) if delete else RetrieveItem("e", item_id)
        self.conversation.give(command)

    @rule(number=st.integers(0, 3), sound=st.booleans(), after=st.sampled_from([None, "root", "?"]))
    def create(self, number: int, sound: bool, after: str | None) -> None:
        content = Content("input_audio", None) if sound else Content("input_text", "And this.")
        item = Message(f"own_{number}", "user", (content,))
        self.conversation.give(CreateItem("e", item, after, (sound,)))

    @rule(number=st.integers(0, 3))
    def answer_call(self, number: int) -> None:
        item = FunctionOutput(f"out_{number}", "call_a", "on")
        self.conversation.give(CreateItem("e", item))

    # What goes wrong

    @rule(recognizer=st.booleans(), voice=st.booleans(), mute=st.booleans(), items=st.booleans())
    def engines(self, recognizer: bool, voice: bool, mute: bool, items: bool) -> None:
        self.conversation.fail_recognizer = recognizer
        self.conversation.fail_voice = voice
        self.conversation.mute_voice = mute and not voice
        self.conversation.item_seconds = 0.2 if items else None

    # What must hold

    @invariant()
    def sound_is_sent_in_small_steps_and_heard_after_it_was_told(self) -> None:
        if not hasattr(self, "conversation"):
            return
        log = self.conversation.log
        for _, effect in log[self.checked :]:
            if isinstance(effect, SendSound):
                assert (effect.end - effect.start) / RATE <= STEP_SECONDS + 1e-6
            if isinstance(effect, TranscriptAdded):
                self.told[effect.place.item_id] += effect.delta
        self.checked = len(log)
        for item in self.conversation.session.memory.history:
            if isinstance(item, Message) and item.role == "assistant":
                spoken = any(part.kind == "output_audio" for part in item.content)
                assert not spoken or self.told[item.id].strip().startswith(item.text.strip())

    @invariant()
    def the_client_knows_what_there_is(self) -> None:
        if hasattr(self, "conversation"):
            history = self.conversation.session.memory.history
            assert self.conversation.ledger.items == {item.id for item in history}
            assert len(history) <= BOUNDS.max_items

    @invariant()
    def a_model_reads_only_what_was_completed(self) -> None:
        if hasattr(self, "conversation"):
            for turn in self.conversation.session.memory.turns():
                if isinstance(turn, ToolCall):
                    assert turn.arguments in ('{"on":true}', "{}")

    @invariant()
    def the_floor_is_held_by_somebody(self) -> None:
        """The states and the parts of the conversation agree with each other."""
        if not hasattr(self, "conversation"):
            return
        conversation = self.conversation.session
        main, turn = conversation._responses.main, conversation._turns.hearing.current
        if conversation.closed:
            return
        assert conversation._context.floor.replying is (main is not None)
        if conversation.state is State.LISTENING:
            assert turn is not None
        if conversation._context.floor.doubtful:
            assert main is not None
            assert main.held
            assert turn is not None
            assert not turn.announced
        held = self.conversation.ledger.held
        assert held == conversation._responses._told_hold
        if held is not None:
            assert main is not None
            assert main.held
        if main is not None:
            assert main.playout.paused is (held is not None)

    def teardown(self) -> None:
        if hasattr(self, "conversation"):
            self.recover()
            self.end()

    def recover(self) -> None:
        """Whatever has happened: when all goes well again, a question is answered."""
        conversation = self.conversation
        conversation.fail_recognizer = conversation.fail_voice = conversation.mute_voice = False
        conversation.item_seconds = 0.2
        conversation._model = lambda request: say(REPLIES[0])
        conversation.give(Configure("e", ConversationOptions(turn_detection=SemanticVad())))
        # What never comes is given up first.
        conversation.run(BOUNDS.final_timeout)
        conversation.run_until_quiet()
        conversation._decode_seconds = conversation._voice_seconds = 0.02
        before = len(conversation.seen(ResponseDone))
        conversation.speak("Are you still there?")
        conversation.run_until_quiet()
        done = conversation.seen(ResponseDone)[before:]
        assert [each.response.status for each in done] == ["completed"]
        assert Utterance("user", "Are you still there?") in conversation.requests[-1].turns

    def end(self) -> None:
        conversation = self.conversation
        conversation.give(CloseRequested())
        conversation.run(30, audio=False)
        session = conversation.session
        assert session.closed
        assert session.state is State.CLOSED
        assert session.replies == 0
        assert session.wake_at is None
        assert not conversation.ledger.open_responses
        assert len(conversation.seen(ConversationClosed)) == 1
        assert not session._responses._wanted
        assert not session._turns._to_answer


class Closings(Conversations):
    """Conversations that are closed in the middle of anything."""

    def recover(self) -> None:
        return


SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestConversations = Conversations.TestCase
TestConversations.settings = SETTINGS
TestClosings = Closings.TestCase
TestClosings.settings = SETTINGS
