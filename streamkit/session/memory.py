"""What a conversation remembers: its items, and of spoken ones what was heard."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from streamkit.llm import chat_model
from streamkit.session.items import (
    FRONT,
    Content,
    DuplicateItemError,
    FunctionCall,
    FunctionOutput,
    History,
    Item,
    Message,
    UnknownItemError,
)
from streamkit.session.playout import HALF_SAMPLE, Playout, SpokenText

MAX_SOUNDS: Final = 64
"""Replies that can still be truncated; an older one stays as it is."""


class RefusedError(Exception):
    """A command that cannot be carried out.

    Attributes:
        code: for programs.
        param: the field that is wrong.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of one item: its text, and how far it was played."""

    spoken: SpokenText
    playout: Playout


class Memory:
    """The items of one conversation and the sound of the newest spoken ones.

    Attributes:
        history: the items.
    """

    def __init__(self) -> None:
        self.history = History()
        self._sounds: dict[str, Sound] = {}

    def hold_sound(self, item_id: str, spoken: SpokenText, playout: Playout) -> None:
        """This item is being spoken."""
        if item_id not in self._sounds and item_id in self.history:
            self._sounds[item_id] = Sound(spoken, playout)
            if len(self._sounds) > MAX_SOUNDS:
                del self._sounds[next(iter(self._sounds))]

    def sound(self, item_id: str) -> Sound | None:
        """The sound of an item, if it has any and it is not too long ago."""
        return self._sounds.get(item_id)

    def get(self, item_id: str) -> Item:
        """Find an item.

        Raises:
            RefusedError: there is none with this id.
        """
        try:
            return self.history.get(item_id)
        except UnknownItemError:
            raise RefusedError(
                "item_not_found",
                f"there is no item with the id {item_id!r} in this conversation",
                "item_id",
            ) from None

    def add(self, item: Item, after: str | None) -> str | None:
        """Put an item behind another one, at the front, or at the end.

        Returns:
            Id of the item that it follows; None for the first.

        Raises:
            RefusedError: its id is taken, or there is no item `after`.
        """
        try:
            return self.history.add(item, after)
        except DuplicateItemError:
            raise RefusedError(
                "item_exists",
                f"there is an item with the id {item.id!r} already; leave the id out, or choose "
                "another one",
                "item.id",
            ) from None
        except UnknownItemError:
            raise RefusedError(
                "item_not_found",
                f"there is no item with the id {after!r} to put this one behind; accepted: "
                f'"{FRONT}", an item of this conversation, or nothing for the end',
                "previous_item_id",
            ) from None

    def set_text(self, item_id: str, content_index: int, text: str) -> None:
        """What the sound of an item says is known; an item that was deleted is left alone."""
        if item_id in self.history:
            item = self.history.get(item_id)
            if isinstance(item, Message):
                self.history.replace(item.with_text(content_index, text))

    def forget_oldest(self, keep: int) -> list[str]:
        """Take the oldest items out until no more than `keep` are left; gives their ids."""
        gone = [
            item.id for item, _ in zip(self.history, range(len(self.history) - keep), strict=False)
        ]
        for item_id in gone:
            self.delete(item_id)
        return gone

    def delete(self, item_id: str) -> None:
        """Take an item out.

        Raises:
            RefusedError: there is none with this id.
        """
        self.get(item_id)
        self.history.delete(item_id)
        self._sounds.pop(item_id, None)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int, now: float) -> None:
        """Keep of a spoken item only what was heard in so many milliseconds.

        Raises:
            RefusedError: the item or part is not there or not spoken, or not that long.
        """
        item = self.get(item_id)
        if not isinstance(item, Message) or item.role != "assistant":
            raise RefusedError(
                "invalid_value",
                f"item {item_id!r} is no message of the assistant; only those can be truncated",
                "item_id",
            )
        spoken = [part.kind == "output_audio" for part in item.content] or [True]
        if not 0 <= content_index < len(spoken) or not spoken[content_index]:
            raise RefusedError(
                "invalid_value",
                f"part {content_index} of item {item_id!r} has no sound; accepted: 0 of a spoken "
                "message",
                "content_index",
            )
        sound = self._sounds.get(item_id)
        if sound is None:
            raise RefusedError(
                "invalid_value",
                f"the sound of item {item_id!r} is not known (any more); the newest {MAX_SOUNDS} "
                "spoken replies can be truncated",
                "item_id",
            )
        rate = sound.playout.rate
        length = math.ceil(sound.playout.length * 1000 / rate)
        if audio_end_ms > length:
            raise RefusedError(
                "invalid_value",
                f"audio_end_ms {audio_end_ms} is beyond the end of the sound; accepted: 0 to "
                f"{length}, which is what there is of item {item_id!r}",
                "audio_end_ms",
            )
        sound.playout.cut(audio_end_ms * rate / 1000, now)
        self.keep_heard(item_id, now)

    def stop_sounds(self, now: float) -> None:
        """The client plays no more of anything."""
        for item_id, sound in self._sounds.items():
            if sound.playout.ahead(now) >= HALF_SAMPLE:
                sound.playout.stop(now)
                self.keep_heard(item_id, now)

    def pause_sounds(self, now: float) -> None:
        """The client plays nothing for the moment."""
        for sound in self._sounds.values():
            sound.playout.pause(now)

    def resume_sounds(self, now: float) -> None:
        """It goes on where it paused."""
        for sound in self._sounds.values():
            sound.playout.go_on(now)

    def keep_heard(self, item_id: str, now: float) -> None:
        """Let an item hold only what was heard of it; an unknown one is left alone."""
        sound = self._sounds.get(item_id)
        if sound is None or item_id not in self.history:
            return
        item = self.history.get(item_id)
        heard = sound.spoken.heard(sound.playout.position(now))
        if isinstance(item, Message):
            if item.content:
                self.history.replace(item.with_text(0, heard))
            else:
                part = Content("output_audio", heard)
                self.history.replace(Message(item.id, item.role, (part,), item.status))

    def turns(self, given: Iterable[Item | str] | None = None) -> tuple[chat_model.Turn, ...]:
        """The conversation, or the given items and ids of items, as a model reads it.

        Raises:
            RefusedError: there is no item with a given id.
        """
        if given is None:
            items: list[Item] = list(self.history)
        else:
            items = [self.get(each) if isinstance(each, str) else each for each in given]
        turns: list[chat_model.Turn] = []
        for item in items:
            match item:
                case Message(role=role):
                    if item.text.strip():
                        turns.append(chat_model.Utterance(role, item.text))
                case FunctionCall(call_id=call_id, name=name, arguments=arguments):
                    if item.status == "completed":
                        turns.append(chat_model.ToolCall(call_id, name, arguments))
                case FunctionOutput(call_id=call_id, output=output):
                    turns.append(chat_model.ToolResult(call_id, output))
        return tuple(turns)
