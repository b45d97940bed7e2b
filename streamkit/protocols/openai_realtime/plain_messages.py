"""Messages that need nothing but what they are about: one for each kind of effect."""

from __future__ import annotations

from typing import Any

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.protocols.openai_realtime.items import item_wire, part_wire
from streamkit.session import conversation_effects as effects

Message = dict[str, Any]

Plain = (
    effects.SpeechStarted
    | effects.SpeechStopped
    | effects.IdleTimeout
    | effects.AudioCommitted
    | effects.AudioCleared
    | effects.ItemAdded
    | effects.ItemDone
    | effects.ItemRetrieved
    | effects.ItemDeleted
    | effects.ItemTruncated
    | effects.ReplyHeld
    | effects.ReplyResumed
    | effects.OutputItemAdded
    | effects.OutputItemDone
    | effects.ContentPartAdded
    | effects.ContentPartDone
    | effects.TextAdded
    | effects.TextDone
    | effects.TranscriptAdded
    | effects.TranscriptDone
    | effects.SoundDone
    | effects.ArgumentsAdded
    | effects.ArgumentsDone
)


def plain(effect: Plain) -> Message:
    """The message for an effect, but for its id."""
    match effect:
        case (
            effects.SpeechStarted()
            | effects.SpeechStopped()
            | effects.IdleTimeout()
            | effects.AudioCommitted()
            | effects.AudioCleared()
        ):
            return _buffer(effect)
        case effects.ItemAdded(item, previous):
            return _message(
                "conversation.item.added", item=item_wire(item), previous_item_id=previous
            )
        case effects.ItemDone(item, previous):
            return _message(
                "conversation.item.done", item=item_wire(item), previous_item_id=previous
            )
        case effects.ItemRetrieved(item):
            return _message("conversation.item.retrieved", item=item_wire(item))
        case effects.ItemDeleted(item_id):
            return _message("conversation.item.deleted", item_id=item_id)
        case effects.ItemTruncated(item_id, content_index, audio_end_ms):
            return _message(
                "conversation.item.truncated",
                item_id=item_id,
                content_index=content_index,
                audio_end_ms=audio_end_ms,
            )
        # Ours; only who asks for them gets them.
        case effects.ReplyHeld(response_id):
            return _message("streamkit.hold", response_id=response_id)
        case effects.ReplyResumed(response_id):
            return _message("streamkit.resume", response_id=response_id)
        case _:
            return _reply(effect)


def _buffer(
    effect: effects.SpeechStarted
    | effects.SpeechStopped
    | effects.IdleTimeout
    | effects.AudioCommitted
    | effects.AudioCleared,
) -> Message:
    match effect:
        case effects.SpeechStarted(item_id, position):
            return _message(
                "input_audio_buffer.speech_started", audio_start_ms=_ms(position), item_id=item_id
            )
        case effects.SpeechStopped(item_id, position):
            return _message(
                "input_audio_buffer.speech_stopped", audio_end_ms=_ms(position), item_id=item_id
            )
        case effects.IdleTimeout(item_id, start, end):
            return _message(
                "input_audio_buffer.timeout_triggered",
                audio_start_ms=_ms(start),
                audio_end_ms=_ms(end),
                item_id=item_id,
            )
        case effects.AudioCommitted(item_id, previous):
            return _message(
                "input_audio_buffer.committed", item_id=item_id, previous_item_id=previous
            )
        case effects.AudioCleared():
            return _message("input_audio_buffer.cleared")


def _reply(
    effect: effects.OutputItemAdded
    | effects.OutputItemDone
    | effects.ContentPartAdded
    | effects.ContentPartDone
    | effects.TextAdded
    | effects.TextDone
    | effects.TranscriptAdded
    | effects.TranscriptDone
    | effects.SoundDone
    | effects.ArgumentsAdded
    | effects.ArgumentsDone,
) -> Message:
    match effect:
        case effects.OutputItemAdded(response_id, index, item):
            return _message(
                "response.output_item.added",
                response_id=response_id,
                output_index=index,
                item=item_wire(item),
            )
        case effects.OutputItemDone(response_id, index, item):
            return _message(
                "response.output_item.done",
                response_id=response_id,
                output_index=index,
                item=item_wire(item),
            )
        case effects.ContentPartAdded(at, part):
            return _message("response.content_part.added", **place(at), part=part_wire(part))
        case effects.ContentPartDone(at, part):
            return _message("response.content_part.done", **place(at), part=part_wire(part))
        case effects.TextAdded(at, delta):
            return _message("response.output_text.delta", **place(at), delta=delta)
        case effects.TextDone(at, text):
            return _message("response.output_text.done", **place(at), text=text)
        case effects.TranscriptAdded(at, delta):
            return _message("response.output_audio_transcript.delta", **place(at), delta=delta)
        case effects.TranscriptDone(at, transcript):
            return _message(
                "response.output_audio_transcript.done", **place(at), transcript=transcript
            )
        case effects.SoundDone(at):
            return _message("response.output_audio.done", **place(at))
        case effects.ArgumentsAdded(at, call_id, delta):
            return _message(
                "response.function_call_arguments.delta",
                **_item_place(at),
                call_id=call_id,
                delta=delta,
            )
        case effects.ArgumentsDone(at, call_id, name, arguments):
            return _message(
                "response.function_call_arguments.done",
                **_item_place(at),
                call_id=call_id,
                name=name,
                arguments=arguments,
            )


def place(at: effects.Place) -> Message:
    """Where in a response a part of a message belongs."""
    return {**_item_place(at), "content_index": at.content_index}


def _item_place(at: effects.Place) -> Message:
    return {
        "response_id": at.response_id,
        "item_id": at.item_id,
        "output_index": at.output_index,
    }


def _message(type: str, **members: Any) -> Message:
    return {"type": type, **members}


def _ms(position: int) -> int:
    """A position in the person's audio in whole milliseconds."""
    return position * 1000 // SAMPLE_RATE
