"""The replies that one session makes: who thinks, who speaks, and what is not wanted any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
import anyio.abc
import anyio.to_thread

from streamkit.llm.chat_model import ChatModel
from streamkit.llm.context import fit
from streamkit.protocols.openai_realtime import SessionConfig
from streamkit.server.thinking import think
from streamkit.server.voice import ReplyVoice, Speaker
from streamkit.session.conversation_effects import Generate, SendSound, Synthesize
from streamkit.session.conversation_events import ReplyFailed, SoundFailed, SoundReady, TokenArrived

Post = Callable[[TokenArrived | ReplyFailed | SoundReady | SoundFailed], None]


@dataclass(slots=True, eq=False)
class MadeReply:
    """One reply.

    Attributes:
        generation: of it.
        config: of the session when it began; its sound is as that says, whatever changes.
        wanted: what was made of it is to be sent; once False, it stays so.
    """

    generation: int
    config: SessionConfig
    wanted: bool = True
    thinking: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    thought: bool = False
    voice: ReplyVoice | None = None

    def stop(self) -> None:
        """Make no more of it."""
        self.thinking.cancel()
        if self.voice is not None:
            self.voice.stop()

    @property
    def over(self) -> bool:
        """All that was made of it was taken, and no more will be.

        A session asks for the next piece at the latest when the sound before it was taken.
        """
        return self.thought and (self.voice is None or self.voice.idle)


class Replies:
    """Makes the replies of one session.

    Args:
        tasks: in which they are made; cancelling it ends all.
        model: that thinks.
        speaker: who speaks.
        context_tokens: what the model can hold.
        choices: names of further models of its endpoint, for sessions that ask for one.
        post: takes what there is to tell the session.
        room: waits until the client has taken what was said before.
    """

    def __init__(
        self,
        tasks: anyio.abc.TaskGroup,
        model: ChatModel,
        speaker: Speaker,
        context_tokens: int,
        post: Post,
        room: Callable[[], Awaitable[None]],
        choices: Collection[str] = (),
    ) -> None:
        self._tasks = tasks
        self._model = model
        self._speaker = speaker
        self._context_tokens = context_tokens
        self._choices = choices
        self._post = post
        self._room = room
        self._made: dict[int, MadeReply] = {}

    def __len__(self) -> int:
        """Replies that are made, and perhaps the last one that was."""
        return len(self._made)

    def begin(self, generate: Generate, config: SessionConfig) -> None:
        """Think about a reply, in a session that is as `config` says."""
        for over in [reply for reply in self._made.values() if reply.over]:
            del self._made[over.generation]
            over.stop()
        reply = MadeReply(generate.generation, config)
        self._made[reply.generation] = reply
        self._tasks.start_soon(self._think, reply, generate)

    def say(self, text: Synthesize) -> None:
        """Speak a piece of a reply."""
        reply = self._made[text.generation]
        if reply.voice is None:
            config = reply.config
            reply.voice = ReplyVoice(
                self._speaker,
                reply.generation,
                config.output_rate,
                config.output_encoding,
                self._post,
            )
            self._tasks.start_soon(reply.voice.run)
        reply.voice.say(text)

    def take(self, sound: SendSound) -> tuple[bytes, MadeReply]:
        """Sound that is due, encoded, and the reply that it belongs to."""
        reply = self._made[sound.generation]
        assert reply.voice is not None
        return reply.voice.take(sound), reply

    def abandon(self, generation: int) -> None:
        """Nothing more is wanted of a reply, not even what waits to be sent."""
        reply = self._made.pop(generation, None)
        if reply is not None:
            reply.wanted = False
            reply.stop()

    async def _think(self, reply: MadeReply, generate: Generate) -> None:
        with reply.thinking:
            # Counting the tokens of a long conversation takes a while.
            fitting = partial(fit, generate.request, self._context_tokens)
            request = await anyio.to_thread.run_sync(fitting)
            if reply.config.model in self._choices:
                request = replace(request, model=reply.config.model)
            await think(self._model, request, reply.generation, post=self._post, room=self._room)
        reply.thought = True
