"""The client's side of a conversation, with simulated time and a simulated loudspeaker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamkit.client.conversation import Conversation
from streamkit.client.conversation_effects import (
    Effect,
    EndPart,
    Play,
    Send,
    StopPlayback,
    Tell,
)
from streamkit.client.events import Reconnected, Reconnecting
from streamkit.client.playback import REALTIME_RATE, Part, Playback, Position
from streamkit.client.realtime_events import (
    AudioCommitted,
    RealtimeError,
    RealtimeEvent,
    ReplySound,
    ReplySoundDone,
    ReplyWords,
    ResponseCreated,
    ResponseDone,
    SessionConfigured,
    SpeechStarted,
    SpeechStopped,
    UserTranscript,
    UserTranscriptFailed,
    UserWords,
)
from streamkit.client.realtime_messages import TalkOptions
from streamkit.client.turns import AgentTurn, Turn, UserTurn

ITEM = Part("item_a")
SECOND = np.full(REALTIME_RATE, 1000, np.int16)


class Room:
    """A conversation, a loudspeaker without latency, and a clock that the test sets."""

    def __init__(self, *, ours: bool = True) -> None:
        self.conversation = Conversation(TalkOptions(voice="v"))
        self.playback = Playback()
        self.now = 100.0
        self.sent: list[dict[str, Any]] = []
        self.told: list[str] = []
        self.played = 0
        self.server(SessionConfigured({}, ours=ours))

    def server(self, *events: RealtimeEvent) -> None:
        for event in events:
            self.do(self.conversation.receive(event, self.now))

    def do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(message):
                    self.sent.append(dict(message))
                case Play(part, samples):
                    self.playback.add(part, samples)
                case EndPart(None):
                    self.playback.end_all()
                case EndPart(part):
                    self.playback.end(part)
                case StopPlayback():
                    self.do(self.conversation.stopped(self.playback.stop()))
                case Tell(text):
                    self.told.append(text)

    def wait(self, seconds: float) -> None:
        """Let time pass, 10 ms at a time."""
        for _ in range(round(seconds * 100)):
            self.played += int(np.count_nonzero(self.playback.take(240, self.now)))
            self.now += 0.01
            events, position = self.playback.poll(self.now), self.playback.position()
            self.do(self.conversation.played(events, position, self.now))

    def speak(self, seconds: float) -> None:
        """The person's microphone sends sound."""
        for _ in range(round(seconds * 50)):
            message = self.conversation.append(np.zeros(480, np.int16), self.now)
            self.sent.append(dict(message))
            self.wait(0.02)

    def take(self, kind: str) -> list[dict[str, Any]]:
        """Messages of a kind that were sent since the last time."""
        found = [message for message in self.sent if message["type"] == kind]
        self.sent = [message for message in self.sent if message["type"] != kind]
        return found

    def reply(self, seconds: int = 2, response: str = "r1", part: Part = ITEM) -> None:
        """The server sends a reply, all at once."""
        self.server(ResponseCreated(response))
        for second in range(seconds):
            self.server(
                ReplyWords(response, part, f" one{second} two{second}"),
                ReplySound(response, part, SECOND),
            )
        self.server(ReplySoundDone(response, part))


def agent(turn: Turn) -> AgentTurn:
    assert isinstance(turn, AgentTurn)
    return turn


def test_a_turn_and_its_reply() -> None:
    room = Room()
    assert room.conversation.state == "listening"
    room.speak(1.0)
    room.server(SpeechStarted("u1", 300))
    assert room.conversation.state == "you"
    room.server(UserWords("u1", "Good"), UserWords("u1", " morning"))
    assert room.conversation.turns.open == [UserTurn("u1", "Good morning", speaking=True)]
    room.server(SpeechStopped("u1", 900), AudioCommitted("u1"))
    assert room.conversation.state == "thinking"
    room.server(UserTranscript("u1", "Good morning."))
    room.reply()
    assert room.conversation.state == "thinking"
    room.wait(0.5)
    assert room.conversation.state == "speaking"
    assert agent(room.conversation.turns.open[1]).split() == (" one0", " two0 one1 two1")
    room.server(ResponseDone("r1", "completed", latency={"endpoint": 300.0}))
    room.wait(2)
    assert room.conversation.idle
    said, reply = room.conversation.turns.take_finished()
    assert said == UserTurn("u1", "Good morning.", closed=True)
    assert agent(reply).told == "one0 two0 one1 two1"
    assert agent(reply).played_ms == 2000
    assert not agent(reply).interrupted
    assert agent(reply).latency == {"endpoint": 300.0}
    # The speech ended 0.9 s into the audio, whose first sample was captured at 100.
    assert agent(reply).voice_to_voice == pytest.approx(100)
    assert room.played == 2 * REALTIME_RATE
    assert room.take("conversation.item.truncate") == []
    assert room.told == []


def test_reports_of_what_is_played_ride_on_the_sound() -> None:
    room = Room()
    room.reply(1)
    room.server(ResponseDone("r1", "completed"))
    room.wait(0.05)
    begun = room.take("input_audio_buffer.append")
    place = {"item_id": "item_a", "content_index": 0}
    assert [each["streamkit"]["played"] for each in begun] == [{**place, "audio_end_ms": 0}]
    room.speak(0.04)
    riding = room.take("input_audio_buffer.append")
    assert [each["streamkit"]["played"]["audio_end_ms"] for each in riding] == [50, 70]
    assert riding[1]["streamkit"]["captured_at"] == pytest.approx(100.07)
    alone = room.conversation.report()
    assert alone is not None
    assert (alone["audio"], alone["streamkit"]["played"]["audio_end_ms"]) == ("", 90)
    room.wait(2)
    ended = room.take("input_audio_buffer.append")
    assert [each["streamkit"]["played"] for each in ended] == [
        {**place, "audio_end_ms": 1000, "ended": True}
    ]
    assert room.conversation.report() is None
    room.speak(0.02)
    assert "played" not in room.take("input_audio_buffer.append")[0]["streamkit"]


def test_another_server_gets_nothing_that_it_does_not_know() -> None:
    room = Room(ours=False)
    room.reply(1)
    room.speak(0.5)
    room.server(SpeechStarted("u1", 100))
    room.speak(0.5)
    assert room.take("conversation.item.truncate") != []
    assert all("streamkit" not in message for message in room.sent)


def test_an_interruption_tells_the_server_the_exact_sample() -> None:
    room = Room()
    room.reply(3)
    room.wait(1.23)
    room.take("input_audio_buffer.append")
    room.server(SpeechStarted("u1", 500))
    assert room.take("conversation.item.truncate") == [
        {
            "type": "conversation.item.truncate",
            "item_id": "item_a",
            "content_index": 0,
            "audio_end_ms": 1230,
        }
    ]
    assert room.take("input_audio_buffer.append")[0]["streamkit"]["played"] == {
        "item_id": "item_a",
        "content_index": 0,
        "audio_end_ms": 1230,
        "ended": True,
    }
    # What comes late is neither played nor shown.
    room.server(ReplySound("r1", ITEM, SECOND), ReplyWords("r1", ITEM, " late"))
    room.wait(3)
    assert room.played == 1230 * 24
    room.server(ResponseDone("r1", "cancelled", reason="turn_detected"))
    reply, said = room.conversation.turns.open
    assert agent(reply).interrupted
    assert agent(reply).closed
    # The word that was being said was not heard to its end.
    assert agent(reply).split() == (" one0 two0", " one1 two1 one2 two2")
    assert said == UserTurn("u1", speaking=True)
    assert room.told == []


def test_an_interruption_after_the_server_has_sent_everything() -> None:
    room = Room()
    room.reply(3)
    room.server(ResponseDone("r1", "completed"))
    room.wait(1)
    room.server(SpeechStarted("u1", 500))
    assert room.take("conversation.item.truncate")[0]["audio_end_ms"] == 1000
    assert [turn.closed for turn in room.conversation.turns.open] == [True, False]


def test_speech_after_the_reply_cuts_nothing() -> None:
    room = Room()
    room.reply(1)
    room.server(ResponseDone("r1", "completed"))
    room.wait(1.5)
    room.server(SpeechStarted("u1", 500))
    assert room.take("conversation.item.truncate") == []


def test_all_that_waits_is_cut_and_nothing_is_told_twice() -> None:
    room = Room()
    second = Part("item_b")
    room.reply(1)
    room.server(
        ReplyWords("r1", second, "more"),
        ReplySound("r1", second, SECOND),
        ReplySoundDone("r1", second),
    )
    room.wait(0.5)
    room.server(SpeechStarted("u1", 500), ResponseDone("r1", "cancelled"))
    cut = room.take("conversation.item.truncate")
    assert [(each["item_id"], each["audio_end_ms"]) for each in cut] == [
        ("item_a", 500),
        ("item_b", 0),
    ]
    room.server(SpeechStopped("u1", 600), SpeechStarted("u2", 700))
    assert room.take("conversation.item.truncate") == []


def test_a_cancelled_reply_stops_also_without_speech() -> None:
    room = Room()
    room.reply(2)
    room.wait(0.5)
    room.server(ResponseDone("r1", "cancelled", reason="client_cancelled"))
    assert room.take("conversation.item.truncate")[0]["audio_end_ms"] == 500
    room.wait(1)
    assert room.conversation.idle


def test_the_late_end_of_an_old_reply_leaves_the_new_one_alone() -> None:
    room = Room()
    room.reply(2)
    room.wait(0.5)
    room.server(SpeechStarted("u1", 500), SpeechStopped("u1", 600))
    room.reply(2, "r2", Part("item_b"))
    room.wait(0.5)
    room.take("conversation.item.truncate")
    room.server(ResponseDone("r1", "cancelled"))
    room.wait(2)
    assert room.take("conversation.item.truncate") == []
    assert room.played == 2.5 * REALTIME_RATE


def test_a_server_that_lets_nobody_interrupt_is_obeyed() -> None:
    room = Room()
    detection = {"type": "server_vad", "interrupt_response": False}
    room.server(SessionConfigured({"audio": {"input": {"turn_detection": detection}}}, ours=True))
    room.reply(1)
    room.wait(0.5)
    room.server(SpeechStarted("u1", 500))
    room.wait(1)
    assert room.played == REALTIME_RATE
    assert room.take("conversation.item.truncate") == []


def test_a_pause_of_the_server_is_no_end() -> None:
    room = Room()
    room.server(ResponseCreated("r1"), ReplyWords("r1", ITEM, "one two"))
    room.server(ReplySound("r1", ITEM, SECOND))
    room.wait(3)
    assert room.conversation.state == "speaking"
    assert not room.conversation.idle
    room.server(ReplySound("r1", ITEM, SECOND), ReplySoundDone("r1", ITEM))
    room.server(ResponseDone("r1", "completed"))
    room.wait(1.1)
    assert room.playback.underruns == 1
    assert agent(room.conversation.turns.take_finished()[0]).played_ms == 2000
    assert room.conversation.idle


def test_push_to_talk() -> None:
    room = Room()
    room.do(room.conversation.press(room.now))
    assert room.conversation.state == "you"
    room.speak(1.0)
    room.do(room.conversation.release(room.now))
    kinds = [message["type"] for message in room.sent[-2:]]
    assert kinds == ["input_audio_buffer.commit", "response.create"]
    assert room.conversation.state == "thinking"
    room.server(AudioCommitted("u1"), UserTranscript("u1", "Hello"))
    room.wait(0.2)
    room.reply(2)
    room.wait(1.0)
    reply = agent(room.conversation.turns.open[1])
    assert reply.voice_to_voice == pytest.approx(200)
    # Pressing again interrupts.
    room.sent.clear()
    room.do(room.conversation.press(room.now))
    kinds = [message["type"] for message in room.sent]
    assert kinds[:2] == ["response.cancel", "conversation.item.truncate"]
    assert room.sent[1]["audio_end_ms"] == 1000
    # A slip of the finger is no turn.
    room.sent.clear()
    room.do(room.conversation.release(room.now))
    assert [message["type"] for message in room.sent] == ["input_audio_buffer.clear"]
    room.server(ResponseDone("r1", "cancelled"))
    room.wait(0.1)
    assert room.conversation.idle


def test_nothing_is_cancelled_when_nothing_runs() -> None:
    room = Room()
    room.do(room.conversation.press(room.now))
    assert room.sent == []
    room.do(room.conversation.release(room.now))
    room.reply(1)
    room.server(ResponseDone("r1", "completed"))
    room.sent.clear()
    room.wait(0.5)
    room.do(room.conversation.press(room.now))
    assert room.take("response.cancel") == []
    assert len(room.take("conversation.item.truncate")) == 1


def test_writing() -> None:
    room = Room()
    room.do(room.conversation.write("Good morning", room.now))
    assert [message["type"] for message in room.sent] == [
        "conversation.item.create",
        "response.create",
    ]
    assert room.sent[0]["item"]["content"] == [{"type": "input_text", "text": "Good morning"}]
    room.server(ResponseCreated("r1"), ReplyWords("r1", ITEM, "Hello ", spoken=False))
    room.server(ReplyWords("r1", ITEM, "you", spoken=False), ResponseDone("r1", "completed"))
    assert [turn.told for turn in room.conversation.turns.take_finished()] == [
        "Good morning",
        "Hello you",
    ]
    assert room.conversation.idle


def test_a_noise_is_no_turn() -> None:
    room = Room()
    room.server(SpeechStarted("u1", 0), SpeechStopped("u1", 100), AudioCommitted("u1"))
    assert not room.conversation.idle
    room.server(UserTranscript("u1", ""))
    assert room.conversation.idle


def test_errors_are_told_and_the_conversation_goes_on() -> None:
    room = Room()
    room.server(RealtimeError("invalid_value", "no such voice"))
    room.server(UserTranscriptFailed("u1", "too short"))
    room.server(ResponseCreated("r1"), ResponseDone("r1", "failed", error="the model is away"))
    assert room.told == [
        "the server says: no such voice",
        "not understood: too short",
        "the reply failed: the model is away",
    ]
    assert room.conversation.idle


def test_a_transcript_that_never_comes_does_not_hold_up_the_rest() -> None:
    room = Room()
    room.server(SpeechStarted("u1", 0), UserWords("u1", "Hel"), SpeechStopped("u1", 100))
    room.reply(1)
    room.wait(2)
    assert room.conversation.turns.take_finished() == []
    room.server(ResponseDone("r1", "completed"))
    assert [turn.told for turn in room.conversation.turns.take_finished()] == ["Hel", "one0 two0"]
    # When it does come, it is still remembered for a new session.
    room.server(UserTranscript("u1", "Hello."))
    assert room.conversation.turns.open == []
    assert room.conversation.begin_session()[1]["item"]["content"][0]["text"] == "Hello."


def test_a_new_session_is_told_what_was_heard() -> None:
    room = Room()
    assert room.conversation.begin_session() == [TalkOptions(voice="v").update()]
    room.server(SpeechStarted("u1", 0), SpeechStopped("u1", 100), UserTranscript("u1", "Hi"))
    room.reply(3)
    room.wait(1.2)
    room.server(SpeechStarted("u2", 500), ResponseDone("r1", "cancelled"))
    room.server(UserWords("u2", "And"))
    room.conversation.turns.take_finished()
    room.server(Reconnecting(1, 0.5, "close code 1012"), Reconnecting(2, 1.0, "refused"))
    assert room.told == [
        "connection lost (close code 1012); attempt 1 in 0.5 s",
        "connection lost (refused); attempt 2 in 1.0 s",
    ]
    opening = room.conversation.begin_session()
    assert opening[0]["type"] == "session.update"
    items = [message["item"] for message in opening[1:]]
    assert [(item["role"], item["content"][0]) for item in items] == [
        ("user", {"type": "input_text", "text": "Hi"}),
        ("assistant", {"type": "output_text", "text": "one0 two0"}),
        ("user", {"type": "input_text", "text": "And"}),
    ]
    room.server(Reconnected(2, 0.0, 0.0))
    assert "new session that knows what was said" in room.told[-1]
    room.wait(0.1)
    assert room.conversation.idle


def test_what_is_said_into_an_outage_is_told_to_be_lost() -> None:
    room = Room()
    room.server(Reconnecting(1, 0.5, "gone"))
    assert not room.conversation.idle
    room.do(room.conversation.write("Hello?", room.now))
    room.do(room.conversation.press(room.now))
    room.do(room.conversation.release(room.now))
    assert room.sent == []
    assert room.told[1:] == ["there is no connection: say it again when it is back"] * 2
    assert room.conversation.state == "listening"
    room.conversation.begin_session()
    room.server(Reconnected(1, 0.0, 0.0))
    assert room.told[-1] == "connected again, in a new session"
    assert room.conversation.idle


def test_what_was_sent_before_the_connection_broke_is_played_and_not_reported() -> None:
    room = Room()
    room.reply(2)
    room.wait(0.5)
    room.server(Reconnecting(1, 0.5, "gone"))
    room.sent.clear()
    room.speak(0.5)
    room.conversation.begin_session()
    room.server(Reconnected(1, 0.0, 0.0), SessionConfigured({}, ours=True))
    room.speak(0.2)
    assert room.conversation.state == "speaking"
    # An interruption stops it; the new server does not know the item.
    room.server(SpeechStarted("u9", 0))
    assert room.take("conversation.item.truncate") == []
    assert all("played" not in each["streamkit"] for each in room.sent if "streamkit" in each)
    assert agent(room.conversation.turns.open[0]).interrupted
    # Positions count from the beginning of the new session.
    room.server(SpeechStopped("u9", 100))
    room.reply(1, "r2", Part("item_b"))
    at = room.now
    room.wait(0.5)
    voice_to_voice = agent(room.conversation.turns.open[2]).voice_to_voice
    assert voice_to_voice == pytest.approx((at - 101.0 - 0.1) * 1000)


def test_a_position_of_a_part_that_is_not_known_is_no_matter() -> None:
    conversation = Conversation()
    unknown = Position(Part("nobody's"), 240)
    assert conversation.played([], unknown, 1.0) == []
    assert conversation.stopped([unknown]) == []
