"""What was said in a conversation: items, in order.

An item is a message, a function call, or a function's output, as in the OpenAI Realtime API.
Messages hold text or a transcript; sound is not kept. The order is a linked list in the API's
eyes (each item is told with the one before it) and a plain list here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]
Status = Literal["in_progress", "completed", "incomplete"]
ContentKind = Literal["input_text", "input_audio", "output_text", "output_audio"]


@dataclass(frozen=True, slots=True)
class Content:
    """One part of a message.

    Attributes:
        kind: text or sound, of the person's or of the model's.
        text: the text, or what the sound says; None while that is not known yet.
    """

    kind: ContentKind
    text: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """Something said or written."""

    id: str
    role: Role
    content: tuple[Content, ...]
    status: Status = "completed"

    @property
    def text(self) -> str:
        """All that is known of its text."""
        return " ".join(part.text for part in self.content if part.text)

    def with_text(self, content_index: int, text: str | None) -> Message:
        """The same message with another text in one of its parts."""
        parts = list(self.content)
        parts[content_index] = dataclasses.replace(parts[content_index], text=text)
        return dataclasses.replace(self, content=tuple(parts))


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The model wants a function called; `arguments` is JSON text."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: Status = "completed"


@dataclass(frozen=True, slots=True)
class FunctionOutput:
    """What a function gave."""

    id: str
    call_id: str
    output: str
    status: Status = "completed"


Item = Message | FunctionCall | FunctionOutput

FRONT = "root"
"""The `previous_item_id` of an item that is to come first."""


class UnknownItemError(LookupError):
    """There is no item with this id."""


class DuplicateItemError(ValueError):
    """There is an item with this id already."""


class History:
    """The items of one conversation, in order."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __contains__(self, item_id: str) -> bool:
        return any(item.id == item_id for item in self._items)

    @property
    def last(self) -> str | None:
        """Id of the newest item in order; None when there is none."""
        return self._items[-1].id if self._items else None

    def get(self, item_id: str) -> Item:
        """Find an item.

        Raises:
            UnknownItemError: there is none with this id.
        """
        return self._items[self._index(item_id)]

    def previous(self, item_id: str) -> str | None:
        """Id of the item before this one; None for the first.

        Raises:
            UnknownItemError: there is none with this id.
        """
        index = self._index(item_id)
        return self._items[index - 1].id if index else None

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item behind the item `after`, at the `FRONT`, or (None) at the end.

        Returns:
            Id of the item that it follows; None for the first.

        Raises:
            DuplicateItemError: its id is taken.
            UnknownItemError: `after` is not there.
        """
        if item.id in self:
            raise DuplicateItemError(item.id)
        if after is None:
            self._items.append(item)
        elif after == FRONT:
            self._items.insert(0, item)
        else:
            self._items.insert(self._index(after) + 1, item)
        return self.previous(item.id)

    def replace(self, item: Item) -> None:
        """Change the item with this id.

        Raises:
            UnknownItemError: there is none.
        """
        self._items[self._index(item.id)] = item

    def delete(self, item_id: str) -> None:
        """Take an item out.

        Raises:
            UnknownItemError: there is none with this id.
        """
        del self._items[self._index(item_id)]

    def _index(self, item_id: str) -> int:
        for index, item in enumerate(self._items):
            if item.id == item_id:
                return index
        raise UnknownItemError(item_id)
