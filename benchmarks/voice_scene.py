"""Scenes between a person and an agent: what the person does, and when.

A *plain* sentence is said, and its answer is heard to the end. A *thinking* one has a pause in
the middle. In a *barge-in* the person says a real sentence while the answer is played. A
*back-channel* ("uh-huh") or a *noise* (a cough) comes while the answer is played, and the person
wants nothing by it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import anyio

from streamkit_benchmarks.voice_loudspeaker import Played
from streamkit_benchmarks.voice_sounds import Sound, Voices
from streamkit_benchmarks.voice_user import Reply, Said, VoiceUser, now

KINDS: Final = ("plain", "thinking", "barge-in", "back-channel", "noise")
MIX: Final = (
    "plain", "thinking", "barge-in", "plain", "back-channel",
    "plain", "thinking", "barge-in", "plain", "noise",
)  # fmt: skip
"""What persons do, in turn."""

ASIDES: Final = ("back-channel", "noise")
INTO_REPLY: Final = (0.5, 0.9)
"""Seconds after the answer has begun to be heard at which somebody breaks in."""

QUIET_BETWEEN: Final = 0.7
"""Seconds from the end of everything to the next scene."""

GOES_ON: Final = 2.5
"""Seconds of quiet after which nothing more comes of a turn that was answered too soon."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a person will do.

    Attributes:
        kind: one of `KINDS`.
        opening: the sentence that is to be answered.
        second: what is said or done during the answer; None: nothing.
        after: seconds after the answer has begun to be heard until then.
    """

    kind: str
    opening: Sound
    second: Sound | None = None
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Performance:
    """What came of it.

    Attributes:
        scene: as it was planned.
        said: the opening, and what was said or done during the answer, if it came to that.
        interrupted: the answer during which that was; None: none was being played.
        replies: all that the server has announced since the scene began, the oldest first.
        at_once: what a client without a buffer plays of each, by id.
        heard: what the person hears of each, by id.
        ended_at: when everything was over.
        started_at: when the session's first sample was captured.
    """

    scene: Scene
    said: tuple[Said, ...]
    interrupted: str | None
    replies: tuple[Reply, ...]
    at_once: dict[str, Played]
    heard: dict[str, Played]
    ended_at: float
    started_at: float


def plan(voices: Voices, kinds: Sequence[str], count: int, first: int, seed: int) -> list[Scene]:
    """So many scenes of one person.

    Args:
        voices: what can be said.
        kinds: of the scenes, in turn.
        count: of scenes.
        first: where in the kinds this person begins, so that many of them do not do the same.
        seed: of the times.
    """
    choose = random.Random(seed)
    scenes = []
    for index in range(count):
        kind = kinds[(first + index) % len(kinds)]
        second: Sound | None = None
        match kind:
            case "thinking":
                opening = voices.thinking()
            case "barge-in":
                opening, second = voices.sentence(long=True), voices.sentence(long=True)
            case "back-channel":
                opening, second = voices.sentence(long=True), voices.backchannel()
            case "noise":
                opening, second = voices.sentence(long=True), voices.noise()
            case _:
                opening = voices.sentence()
        scenes.append(Scene(kind, opening, second, choose.uniform(*INTO_REPLY)))
    return scenes


async def perform(user: VoiceUser, scene: Scene, patience: float) -> Performance:
    """Play a scene to its end.

    Args:
        user: whose session runs.
        scene: what to do.
        patience: seconds that an answer may take.
    """
    known = set(user.replies)
    said = [await _say(user, scene.opening)]
    interrupted = None
    if await _answer(user, said[0], patience) and scene.second is not None:
        interrupted = await _break_in(user, said, scene)
        if len(said) > 1 and scene.kind == "barge-in":
            await _answer(user, said[1], patience)
    # Whether an aside is answered, too, has to be waited for.
    quiet = GOES_ON if scene.kind in ASIDES and len(said) > 1 else QUIET_BETWEEN
    await _settle(user, quiet, patience)
    replies = tuple(reply for name, reply in user.replies.items() if name not in known)
    names = [reply.id for reply in replies]
    at_once, heard = user.at_once.played, user.speaker.played
    performance = Performance(
        scene=scene,
        said=tuple(said),
        interrupted=interrupted,
        replies=replies,
        at_once={name: at_once[name] for name in names if name in at_once},
        heard={name: heard[name] for name in names if name in heard},
        ended_at=now(),
        started_at=user.started_at,
    )
    user.forget()
    return performance


async def _say(user: VoiceUser, sound: Sound) -> Said:
    said = user.say(sound)
    await user.until(lambda: said.sent, float("inf"))
    return said


async def _answer(user: VoiceUser, said: Said, patience: float) -> bool:
    """Wait until the answer to something begins to be heard; False: it does not come."""
    quiet_since = said.end

    def known() -> bool:
        nonlocal quiet_since
        at = now()
        if user.busy:
            quiet_since = at
        return _heard_since(user, said.end, at) or (
            # It was answered before its end: perhaps that was all.
            _begun_before_end(user, said) and at - quiet_since >= GOES_ON
        )

    return await user.until(known, patience) and _heard_since(user, said.end, now())


def _heard_since(user: VoiceUser, since: float, at: float) -> bool:
    """A reply that was announced after this has begun to be heard."""
    for name, reply in user.replies.items():
        played = user.speaker.played.get(name)
        if reply.created_at >= since and played is not None:
            heard_at = played.first_loud_at
            if heard_at is not None and heard_at <= at:
                return True
    return False


def _begun_before_end(user: VoiceUser, said: Said) -> bool:
    return any(said.onset < reply.created_at < said.end for reply in user.replies.values())


async def _break_in(user: VoiceUser, said: list[Said], scene: Scene) -> str | None:
    """Say or do the second thing while the answer is played; gives that answer."""
    assert scene.second is not None
    await anyio.sleep(scene.after)
    if user.speaker.playing(now()) is None:
        return None
    second = await _say(user, scene.second)
    said.append(second)
    # Asked afterwards, when it is known what had come by then.
    return user.speaker.playing(second.onset)


async def _settle(user: VoiceUser, quiet: float, patience: float) -> None:
    """Wait until nothing has been made or played for so long."""
    quiet_since = now()

    def settled() -> bool:
        nonlocal quiet_since
        at = now()
        if user.busy:
            quiet_since = at
        return at - quiet_since >= quiet

    await user.until(settled, patience + 60)
