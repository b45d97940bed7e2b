"""The effective configuration of a session, in the wire's terms and in the session's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from streamkit.protocols.openai_realtime.audio import (
    INPUT_FIELDS,
    OUTPUT_FIELDS,
    AudioInput,
    AudioOutput,
    Check,
    Offer,
    anything,
)
from streamkit.protocols.openai_realtime.audio_formats import RATES, Encoding
from streamkit.protocols.openai_realtime.errors import EventError
from streamkit.protocols.openai_realtime.fields import Members, array, one_of, shown, string
from streamkit.protocols.openai_realtime.kept import KEPT_FIELDS, Kept
from streamkit.protocols.openai_realtime.own_options import OWN_FIELDS, OwnOptions
from streamkit.protocols.openai_realtime.replies import REPLY_FIELDS, ReplySettings
from streamkit.protocols.openai_realtime.transcription import Transcription
from streamkit.session.conversation_options import ConversationOptions

Kind = Literal["realtime", "transcription"]
KINDS: tuple[Kind, ...] = get_args(Kind)

OBJECTS: dict[Kind, str] = {
    "realtime": "realtime.session",
    "transcription": "realtime.transcription_session",
}

LOGPROBS = "item.input_audio_transcription.logprobs"
"""The one thing that `include` can ask for."""

# Told by the server only; a client may send back what it was told. A session keeps its model:
# OpenAI ignores another one too, and its agents SDKs always name one.
_TOLD = ("id", "object", "expires_at", "model")

_BOTH = ("type", *_TOLD, "audio", "include", "streamkit")
_FIELDS: dict[Kind, tuple[str, ...]] = {
    "realtime": (*_BOTH, *REPLY_FIELDS, *KEPT_FIELDS),
    "transcription": _BOTH,
}


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What a session is like, with all defaults filled in; made by `start` and `update`.

    Attributes:
        kind: a conversation, or transcription only.
        session_id: of the session.
        model: name under which the model is served; empty in a transcription session.
        offer: what the server has.
        conversation_id: of the conversation that responses become part of.
        expires_at: Unix seconds at which the session ends; None: it does not, or nobody knows.
        input: what is heard.
        output: what is said.
        include: what else the client wants to be told.
        replies: what replies are like.
        kept: settings without effect.
        own: settings of ours.
    """

    kind: Kind
    session_id: str
    model: str
    offer: Offer
    input: AudioInput
    output: AudioOutput
    conversation_id: str | None = None
    expires_at: int | None = None
    include: tuple[str, ...] | None = None
    replies: ReplySettings = field(default_factory=ReplySettings)
    kept: Kept = field(default_factory=Kept)
    own: OwnOptions = field(default_factory=OwnOptions)

    @classmethod
    def start(
        cls,
        *,
        kind: Kind,
        session_id: str,
        model: str,
        default_voice: str,
        conversation_id: str | None = None,
        expires_at: int | None = None,
        transcription_model: str = "whisper-1",
        instructions: str = "",
        check_voice: Check = anything,
        check_language: Check = anything,
    ) -> SessionConfig:
        """What a session is like before its client has asked for anything.

        Args:
            kind: a conversation, or transcription only.
            session_id: of the session.
            model: name under which the model is served.
            default_voice: name of the voice of clients that ask for none.
            conversation_id: of the conversation that responses become part of.
            expires_at: Unix seconds at which the session ends.
            transcription_model: name of the recognizer, for clients that name none.
            instructions: for the model, until the client gives some.
            check_voice: raises ValueError or StreamkitError for a voice that is not there.
            check_language: the same for ISO 639-1 codes of what the person speaks.
        """
        words = Transcription(transcription_model) if kind == "transcription" else None
        return cls(
            kind=kind,
            session_id=session_id,
            model=model,
            offer=Offer(default_voice, transcription_model, check_voice, check_language),
            input=AudioInput(transcription=words),
            output=AudioOutput(default_voice),
            conversation_id=conversation_id,
            expires_at=expires_at,
            replies=ReplySettings(instructions),
        )

    def update(self, patch: Mapping[str, Any]) -> SessionConfig:
        """Take over a partial update, all of it or, with an error, nothing.

        What is absent stays, null goes back to the default (for turn detection and transcription:
        none), an empty list takes all tools away. Turn detection of another type begins with that
        type's defaults. The kind of a session cannot change, its model does not.

        Raises:
            EventError: something cannot be had; `param` names it, from "session" on.
        """
        members = Members(patch, "session", _FIELDS[self.kind])
        self._check_kind(members)
        for name in ("id", "object", "model"):
            members.optional(name, string())
        audio = members.section(
            "audio", *(("input", "output") if self.kind == "realtime" else ("input",))
        )
        changed = dataclasses.replace(
            self,
            input=self.input.update(
                audio.section("input", *INPUT_FIELDS), self.offer, self.kind == "transcription"
            ),
            include=members.changed("include", array(one_of((LOGPROBS,)), 8), self.include, None),
            own=self.own.update(members.section("streamkit", *OWN_FIELDS)),
        )
        if self.kind == "transcription":
            return changed
        return dataclasses.replace(
            changed,
            output=self.output.update(audio.section("output", *OUTPUT_FIELDS), self.offer),
            replies=self.replies.update(members),
            kept=self.kept.update(members),
        )

    def _check_kind(self, members: Members) -> None:
        kind = members.optional("type", one_of(KINDS))
        if kind is not None and kind != self.kind:
            raise EventError(
                f"session.type: {shown(kind)} was given, but the session is of type {self.kind}, "
                "which cannot change; open another connection, for transcription with "
                "?intent=transcription",
                code="invalid_value",
                param="session.type",
            )

    def wire(self) -> dict[str, Any]:
        """The whole session, as in `session.created` and `session.updated`."""
        audio: dict[str, Any] = {"input": self.input.wire()}
        session: dict[str, Any] = {
            "type": self.kind,
            "object": OBJECTS[self.kind],
            "id": self.session_id,
        }
        if self.kind == "realtime":
            audio["output"] = self.output.wire()
            session |= {"model": self.model, **self.replies.wire(), **self.kept.wire()}
        if self.expires_at is not None:
            session["expires_at"] = self.expires_at
        return {
            **session,
            "audio": audio,
            "include": None if self.include is None else list(self.include),
            "streamkit": {**self.own.wire(), "without_effect": self.without_effect},
        }

    @property
    def without_effect(self) -> list[str]:
        """Paths, in the session, of settings that the client has made in vain."""
        heard = "audio.input"
        vain = [f"{heard}.noise_reduction"] if self.input.noise_reduction is not None else []
        if self.input.transcription is not None:
            vain += [
                f"{heard}.transcription.{name}" for name in self.input.transcription.without_effect
            ]
        return vain + self.kept.without_effect

    @property
    def options(self) -> ConversationOptions:
        """The same for the session."""
        words = self.input.transcription
        return ConversationOptions(
            kind=self.kind,
            turn_detection=self.input.turn_detection,
            transcription=words is not None,
            modalities=self.replies.modalities,
            instructions=self.replies.instructions,
            tools=self.replies.tools,
            tool_choice=self.replies.tool_choice,
            parallel_tool_calls=self.replies.parallel_tool_calls,
            max_output_tokens=self.replies.max_output_tokens,
            voice=self.output.voice,
            speed=self.output.speed,
            language=None if words is None else words.spoken,
            output_rate=self.output_rate,
            lead=self.own.lead,
            interruption=self.own.interruption,
            preemptive=self.own.preemptive,
            holds=self.own.holds,
        )

    @property
    def input_encoding(self) -> Encoding:
        """How the client's sound is written."""
        return self.input.encoding

    @property
    def output_encoding(self) -> Encoding:
        """How the sound for the client is written."""
        return self.output.encoding

    @property
    def input_rate(self) -> int:
        """Hz of the client's sound."""
        return RATES[self.input.encoding]

    @property
    def output_rate(self) -> int:
        """Hz of the sound for the client."""
        return RATES[self.output.encoding]

    @property
    def transcription_prompt(self) -> str:
        """Text that might have come before what the person says; may be empty."""
        words = self.input.transcription
        return "" if words is None else words.prompt or ""

    @property
    def transcription_keywords(self) -> tuple[str, ...]:
        """Names and terms that are likely to be said."""
        words = self.input.transcription
        return () if words is None else words.keywords or ()

    @property
    def logprobs(self) -> bool:
        """Whether the client wants to know how probable the words are."""
        return self.include is not None and LOGPROBS in self.include
