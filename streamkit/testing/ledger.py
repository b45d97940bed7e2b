"""What must hold for anything that a conversation tells its client, whatever happens to it.

A `Ledger` takes in every effect and raises `BrokenPromiseError` at the first one that should not
have been: it is a second, simpler machine that knows nothing of how the first one works.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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


class BrokenPromiseError(AssertionError):
    """A conversation has done what none may do."""


def _check(holds: bool, what: str, effect: object) -> None:
    if not holds:
        raise BrokenPromiseError(f"{what}: {effect}")


def _check_ending(state: ResponseState, effect: object) -> None:
    """A response says how it ended, and nothing that contradicts that."""
    _check(state.status != "in_progress", "done without an end", effect)
    _check(
        (state.reason is not None) == (state.status in ("cancelled", "incomplete")),
        "a reason for nothing, or none",
        effect,
    )
    _check((state.error is not None) == (state.status == "failed"), "an error for nothing", effect)
    _check(all(each.status != "in_progress" for each in state.output), "an open item", effect)


@dataclass(slots=True)
class _Part:
    """A part, or a call's arguments, while it is made."""

    text: str = ""
    spoken: bool = False
    samples: int = 0
    open: bool = True
    text_done: bool = False
    sound_done: bool = False


@dataclass(slots=True)
class _Response:
    items: dict[str, bool] = field(default_factory=dict)
    """Id of each item, and whether it is done."""
    parts: dict[str, _Part] = field(default_factory=dict)
    """By item."""
    in_conversation: bool = True


@dataclass(slots=True)
class _Transcript:
    text: str = ""
    closed: bool = False


class Ledger:
    """Checks the effects of one conversation, in order.

    Args:
        holds: the client has asked to be told when to play nothing for the moment.

    Attributes:
        holds: it has asked for that at some time.
        held: the response with which it was told so, while it was not told to go on.
        open_responses: created and not done.
        items: ids of the conversation's items, in no order.
        statuses: how the responses ended that are done.
    """

    def __init__(self, *, holds: bool = False) -> None:
        self.holds = holds
        self.held: str | None = None
        self.open_responses: set[str] = set()
        self.items: set[str] = set()
        self.statuses: list[str] = []
        self._responses: dict[str, _Response] = {}
        self._generations: set[int] = set()
        self._abandoned: set[int] = set()
        self._transcripts: dict[tuple[str, int], _Transcript] = {}
        self._started: set[str] = set()
        self._stopped: set[str] = set()
        self._committed: set[str] = set()
        self._known: set[str] = set()
        """Items that there are or were."""
        self._done_items: set[str] = set()
        self._closed = False

    def take(self, effect: ConversationEffect) -> None:
        """Take in one effect.

        Raises:
            BrokenPromiseError: it must not come, or not now.
        """
        _check(not self._closed, "after the end", effect)
        match effect:
            case ResponseCreated() | ResponseDone() | OutputItemAdded() | OutputItemDone():
                self._take_response(effect)
            case ItemAdded() | ItemDone() | ItemDeleted() | ItemRetrieved() | ItemTruncated():
                self._take_item(effect)
            case Generate() | Synthesize() | Abandon():
                self._take_work(effect)
            case Rejected(code=code, message=message):
                _check(bool(code and message), "refused without a reason", effect)
            case ReplyHeld() | ReplyResumed():
                self._take_hold(effect)
            case ConversationClosed():
                _check(not self.open_responses, "a response is open", effect)
                _check(self.held is None, "a reply is held", effect)
                self._closed = True
            case _:
                self._take_part(effect)
                self._take_speech(effect)

    def _take_response(
        self, effect: ResponseCreated | ResponseDone | OutputItemAdded | OutputItemDone
    ) -> None:
        match effect:
            case ResponseCreated(response=state):
                _check(state.id not in self._responses, "created twice", effect)
                _check(state.status == "in_progress", "created when it was over", effect)
                others = (self._responses[each] for each in self.open_responses)
                one = not state.in_conversation or not any(o.in_conversation for o in others)
                _check(one, "two replies at once", effect)
                self._responses[state.id] = _Response(in_conversation=state.in_conversation)
                self.open_responses.add(state.id)
            case ResponseDone(response=state):
                _check(state.id in self.open_responses, "done without being open", effect)
                self.open_responses.discard(state.id)
                response = self._responses[state.id]
                self.statuses.append(state.status)
                _check(all(response.items.values()), "an item is still open", effect)
                told = [item.id for item in state.output]
                _check(told == list(response.items), "other items than were told", effect)
                _check_ending(state, effect)
            case OutputItemAdded(response_id=response_id, output_index=index, item=item):
                response = self._open(response_id, effect)
                _check(index == len(response.items), "wrong index", effect)
                _check(item.status == "in_progress", "added when it was done already", effect)
                _check(item.id not in response.items, "added twice", effect)
                response.items[item.id] = False
            case OutputItemDone(response_id=response_id, item=item):
                response = self._open(response_id, effect)
                _check(response.items.get(item.id) is False, "not open", effect)
                _check(item.status != "in_progress", "done without an end", effect)
                part = response.parts.get(item.id)
                _check(part is None or not part.open, "its part is open", effect)
                told_of = item.id in self._done_items or item.id not in self.items
                _check(told_of, "the conversation's item is not done", effect)
                response.items[item.id] = True

    def _take_hold(self, effect: ReplyHeld | ReplyResumed) -> None:
        _check(self.holds, "the client has not asked for it", effect)
        match effect:
            case ReplyHeld(response_id=response_id):
                _check(self.held is None, "held already", effect)
                _check(response_id in self._responses, "a reply that nobody knows", effect)
                _check(self._responses[response_id].in_conversation, "not said aloud", effect)
                self.held = response_id
            case ReplyResumed(response_id=response_id):
                # One that was interrupted is held no more either, and does not go on.
                _check(self.held == response_id, "not held", effect)
                self.held = None

    def _take_item(
        self, effect: ItemAdded | ItemDone | ItemDeleted | ItemRetrieved | ItemTruncated
    ) -> None:
        match effect:
            case ItemAdded(item=item):
                _check(item.id not in self.items, "added twice", effect)
                beside = any(
                    item.id in self._responses[each].items
                    for each in self.open_responses
                    if not self._responses[each].in_conversation
                )
                _check(not beside, "it is no part of the conversation", effect)
                self.items.add(item.id)
                self._known.add(item.id)
            case ItemDone(item=item):
                _check(item.id in self.items, "not there", effect)
                _check(item.id not in self._done_items, "done twice", effect)
                self._done_items.add(item.id)
            case ItemDeleted(item_id=item_id):
                _check(item_id in self.items, "not there", effect)
                self.items.discard(item_id)
                # The client may use the id again.
                self._done_items.discard(item_id)
                self._transcripts = {
                    place: transcript
                    for place, transcript in self._transcripts.items()
                    if place[0] != item_id or not transcript.closed
                }
            case ItemRetrieved(item=item):
                _check(item.id in self.items, "not there", effect)
            case ItemTruncated(item_id=item_id):
                _check(item_id in self.items, "not there", effect)

    def _take_work(self, effect: Generate | Synthesize | Abandon) -> None:
        match effect:
            case Generate(generation=generation):
                _check(generation not in self._generations, "asked for twice", effect)
                self._generations.add(generation)
            case Synthesize(generation=generation):
                _check(generation in self._generations, "of a reply that nobody makes", effect)
                _check(generation not in self._abandoned, "of an abandoned reply", effect)
            case Abandon(generation=generation):
                _check(generation not in self._abandoned, "abandoned twice", effect)
                self._abandoned.add(generation)

    def _take_part(self, effect: ConversationEffect) -> None:
        match effect:
            case ContentPartAdded(place=place, part=content):
                response = self._open(place.response_id, effect)
                _check(response.items.get(place.item_id) is False, "item not open", effect)
                _check(place.item_id not in response.parts, "added twice", effect)
                spoken = content.kind == "output_audio"
                response.parts[place.item_id] = _Part(spoken=spoken)
            case TextAdded(place=place, delta=delta) | TranscriptAdded(place=place, delta=delta):
                part = self._part(place, effect)
                _check(bool(delta) and not part.text_done, "empty, or after its end", effect)
                part.text += delta
            case TextDone(place=place, text=text) | TranscriptDone(place=place, transcript=text):
                part = self._part(place, effect)
                _check(part.text == text and not part.text_done, "another text", effect)
                _check(part.sound_done or not part.spoken, "its sound is not done", effect)
                part.text_done = True
            case SendSound(place=place, generation=generation, start=start, end=end, words=words):
                part = self._part(place, effect)
                _check(part.spoken, "sound of a written part", effect)
                aloud = self._responses[place.response_id].in_conversation
                _check(not (aloud and self.held), "sound of a reply that is held", effect)
                _check(generation in self._generations, "of a reply that nobody makes", effect)
                _check(generation not in self._abandoned, "of an abandoned reply", effect)
                _check(start == part.samples and end > start, "a gap in the sound", effect)
                _check(not part.sound_done, "sound after its end", effect)
                inside = all(at < end for at, _ in words)
                _check(inside, "a word that is not in it", effect)
                part.samples = end
            case SoundDone(place=place):
                part = self._part(place, effect)
                _check(part.spoken and not part.sound_done, "done twice, or written", effect)
                part.sound_done = True
            case ContentPartDone(place=place, part=content):
                part = self._part(place, effect)
                _check(part.text_done and part.text == content.text, "text not done", effect)
                part.open = False
            case ArgumentsAdded(place=place, delta=delta):
                response = self._open(place.response_id, effect)
                _check(response.items.get(place.item_id) is False, "item not open", effect)
                part = response.parts.setdefault(place.item_id, _Part(open=False))
                _check(bool(delta) and not part.text_done, "empty, or after its end", effect)
                part.text += delta
            case ArgumentsDone(place=place, arguments=arguments):
                response = self._open(place.response_id, effect)
                part = response.parts.get(place.item_id, _Part(open=False))
                _check(part.text == arguments and not part.text_done, "other arguments", effect)
                response.parts[place.item_id] = part
                part.text_done = True
            case _:
                pass

    def _take_speech(self, effect: ConversationEffect) -> None:
        match effect:
            case SpeechStarted(item_id=item_id):
                _check(item_id not in self._started, "started twice", effect)
                self._started.add(item_id)
                self.held = None
            case SpeechStopped(item_id=item_id):
                _check(item_id in self._started - self._stopped, "not speaking", effect)
                self._stopped.add(item_id)
            case AudioCommitted(item_id=item_id):
                spoken = item_id in self._started
                _check(not spoken or item_id in self._stopped, "while speaking", effect)
                _check(item_id not in self._committed, "committed twice", effect)
                self._committed.add(item_id)
            case TranscriptionDelta(item_id=item_id, content_index=index, delta=delta):
                transcript = self._transcript(item_id, index)
                _check(bool(delta) and not transcript.closed, "empty, or after the end", effect)
                transcript.text += delta
            case TranscriptionCompleted(item_id=item_id, content_index=index, transcript=text):
                transcript = self._transcript(item_id, index)
                _check(item_id in self._known, "of an item that nobody knows", effect)
                _check(not transcript.closed, "completed twice", effect)
                _check(not transcript.text or transcript.text == text, "rewritten", effect)
                transcript.closed = True
            case TranscriptionFailed(item_id=item_id, content_index=index):
                transcript = self._transcript(item_id, index)
                _check(item_id in self._known, "of an item that nobody knows", effect)
                _check(not transcript.closed, "failed after its end", effect)
                transcript.closed = True
            case _:
                pass

    def _transcript(self, item_id: str, content_index: int) -> _Transcript:
        return self._transcripts.setdefault((item_id, content_index), _Transcript())

    def _open(self, response_id: str, effect: object) -> _Response:
        _check(response_id in self.open_responses, "response not open", effect)
        return self._responses[response_id]

    def _part(self, place: Place, effect: object) -> _Part:
        response = self._open(place.response_id, effect)
        part = response.parts.get(place.item_id)
        _check(part is not None and part.open, "part not open", effect)
        assert part is not None
        return part
