"""Sound that came inside of items: recognized faster than real time, beside the live one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from functools import partial

import anyio
import anyio.abc
from anyio.to_thread import run_sync

from streamkit.asr.recognizer import Guidance, Word, join
from streamkit.audio.clock import seconds
from streamkit.protocols.openai_realtime import (
    Encoding,
    EventError,
    NewItem,
    SessionConfig,
    check_whole_samples,
)
from streamkit.server.channel import MAX_PIECE_SECONDS, Channel
from streamkit.server.options import conversation_options
from streamkit.server.sound import LAYOUTS
from streamkit.server.state import ServerState
from streamkit.session.captions import CaptionSession
from streamkit.session.conversation_effects import TranscribeItem
from streamkit.session.conversation_events import ItemTranscribed
from streamkit.session.effects import Output, RangeFailed, Transcript
from streamkit.session.events import CloseRequested, Event

PASS_SECONDS = 5.0
"""New speech between two passes: all of it is there, and nobody watches the words grow."""


class ItemAudio:
    """The sounds of one session's items that are being recognized.

    Args:
        state: of the server.
        tasks: in which they are; cancelling it ends all.
        post: takes what they say.
        session_id: pays for the use of the recognizer.
    """

    def __init__(
        self,
        state: ServerState,
        tasks: anyio.abc.TaskGroup,
        post: Callable[[ItemTranscribed], None],
        session_id: Hashable,
    ) -> None:
        self._state = state
        self._tasks = tasks
        self._post = post
        self._session_id = session_id
        self._seconds = 0.0
        self._offered: _Offer | None = None
        self._scopes: dict[str, list[anyio.CancelScope]] = {}

    def offer(self, new: NewItem, config: SessionConfig, guidance: Guidance) -> None:
        """Keep the sounds of an item at hand until the session has said whether it wants them.

        Raises:
            EventError: a sound is no sound in the session's format, or there is too much.
        """
        try:
            offered = self._check(new, config, guidance)
        except EventError as error:
            raise error.caused_by(new.command.event_id) from None
        self._offered = offered

    def _check(self, new: NewItem, config: SessionConfig, guidance: Guidance) -> _Offer:
        encoding, rate = config.input_encoding, config.input_rate
        for index, sound in new.sounds.items():
            check_whole_samples(sound, encoding, f"item.content[{index}].audio")
        offered = sum(map(len, new.sounds.values())) / (LAYOUTS[encoding].width * rate)
        most = self._state.settings.max_item_seconds
        if self._seconds + offered > most:
            raise EventError(
                f"the item holds {offered:.1f} s of sound, and {self._seconds:.1f} s of earlier "
                f"ones wait to be recognized; accepted: {most:g} s in all; wait for "
                "conversation.item.input_audio_transcription.completed, or stream the sound",
                code="invalid_value",
                param="item.content",
            )
        return _Offer(new, encoding, rate, guidance)

    def decline(self) -> None:
        """What was offered and not asked for is not wanted."""
        self._offered = None

    def transcribe(self, wanted: TranscribeItem) -> None:
        """Recognize a sound of the item that was offered."""
        offer = self._offered
        assert offer is not None
        assert offer.new.command.item.id == wanted.item_id
        scope = anyio.CancelScope()
        self._scopes.setdefault(wanted.item_id, []).append(scope)
        self._tasks.start_soon(self._run, wanted, offer, scope)

    def forget(self, item_id: str) -> None:
        """Nobody wants to know what is in this item's sounds."""
        for scope in self._scopes.pop(item_id, ()):
            scope.cancel()

    async def _run(self, wanted: TranscribeItem, offer: _Offer, scope: anyio.CancelScope) -> None:
        sound = offer.new.sounds[wanted.content_index]
        duration = len(sound) / (LAYOUTS[offer.encoding].width * offer.rate)
        self._seconds += duration
        try:
            with scope:
                text, failure = await self._hear(sound, offer)
                transcript = None if failure and not text else text
                if not scope.cancel_called:
                    self._post(
                        ItemTranscribed(
                            wanted.item_id, wanted.content_index, transcript, duration, failure
                        )
                    )
        finally:
            self._seconds -= duration

    async def _hear(self, sound: bytes, offer: _Offer) -> tuple[str, str]:
        """The words of a sound, and what the recognizer failed on, if it did."""
        said: list[Word] = []
        failures: list[str] = []

        def take(output: Output) -> None:
            match output:
                case Transcript(is_final=True, words=words):
                    said.extend(words)
                case RangeFailed(reason=reason):
                    failures.append(reason)
                case _:
                    pass

        options = dataclasses.replace(
            conversation_options(self._state),
            interim_results=False,
            partial_interval=seconds(PASS_SECONDS),
        )
        layout = LAYOUTS[offer.encoding]
        step = round(MAX_PIECE_SECONDS * offer.rate) * layout.width
        async with anyio.create_task_group() as tasks:
            channel: Channel[Event, Output] = Channel(
                self._state,
                tasks,
                CaptionSession(options),
                offer.rate,
                offer.guidance,
                take,
                self._session_id,
            )
            for first in range(0, len(sound), step):
                samples = layout.to_float(sound[first : first + step])
                heard = await run_sync(partial(channel.digest, samples))
                await channel.hear(heard, self._state.clock())
            await channel.hear(await run_sync(channel.digest, None), self._state.clock())
            channel.receive(CloseRequested())
            await channel.closed.wait()
        return join(said), "; ".join(failures)


@dataclasses.dataclass(frozen=True, slots=True)
class _Offer:
    """Sounds of an item, and what is known about them."""

    new: NewItem
    encoding: Encoding
    rate: int
    guidance: Guidance
