"""One run of the voice benchmark: who says what, when the other breaks in, and what came of it."""

from __future__ import annotations

import random
from typing import Any, Final

import anyio
import typer

from streamkit.tts.espeak import EspeakSynthesizer
from streamkit_benchmarks.talk import LANGUAGES, SENTENCES, VARIANTS, Samples, say
from streamkit_benchmarks.timeline import percentiles
from streamkit_benchmarks.voice_user import PATIENCE, Reply, VoiceUser, session

INTERRUPTED_EVERY: Final = 3
INTERRUPT_AFTER: Final = 0.8
"""Seconds after the reply has begun."""

QUIET_BETWEEN: Final = 0.7
"""Seconds between the end of a reply and the next sentence."""


def _sentences(count: int, seed: int) -> list[tuple[str, Samples]]:
    """What is said, in whose voice."""
    choose = random.Random(seed)
    texts = SENTENCES.read_text("utf-8").splitlines()
    choose.shuffle(texts)
    synthesizer = EspeakSynthesizer()
    spoken = []
    for index in range(count):
        text = texts[index % len(texts)]
        name = f"{choose.choice(LANGUAGES)}+{choose.choice(VARIANTS)}"
        sound, spans = say(synthesizer, text, name, choose.uniform(0.85, 1.15))
        spoken.append((text, sound[: round(spans[-1][1] * 16_000)]))
    return spoken


async def measure(url: str, turns: int, seed: int) -> dict[str, Any]:
    """Say so many sentences to a server, `ws://HOST:PORT`; all figures in seconds."""
    sentences = _sentences(turns, seed)
    waits: list[float] = []
    silences: list[float] = []
    heard: list[Reply] = []
    missed = 0
    async with session(url) as socket, anyio.create_task_group() as tasks:
        user = VoiceUser(socket)
        tasks.start_soon(user.run)
        await anyio.sleep(1)
        number = 0
        interrupted: Reply | None = None
        for index, (_, sound) in enumerate(sentences):
            said = user.say(sound)
            await said.sent.wait()
            try:
                reply = await user.reply(number)
                with anyio.fail_after(PATIENCE):
                    await reply.audible.wait()
            except TimeoutError:
                missed += 1
                continue
            if interrupted is not None and interrupted.last_at is not None:
                silences.append(interrupted.last_at - said.began_at)
                interrupted = None
            number = len(user.replies)
            if reply.first_at is not None:
                waits.append(reply.first_at - said.ended_at)
                heard.append(reply)
            if index % INTERRUPTED_EVERY == 1 and index + 1 < len(sentences):
                await anyio.sleep(INTERRUPT_AFTER)
                interrupted = None if reply.done.is_set() else reply
                number = len(user.replies)
            else:
                await reply.done.wait()
                number = len(user.replies)
                await anyio.sleep(QUIET_BETWEEN)
            if (index + 1) % 10 == 0:
                typer.echo(f"{index + 1} of {turns} sentences", err=True)
        tasks.cancel_scope.cancel()
    parts: dict[str, list[float]] = {}
    beyond = []
    for reply in heard:
        for stage, milliseconds in reply.latency.items():
            parts.setdefault(stage, []).append(milliseconds / 1000)
        if "voice_to_voice" in reply.latency:
            whole, endpoint = reply.latency["voice_to_voice"], reply.latency.get("endpoint", 0.0)
            beyond.append((whole - endpoint) / 1000)
    return {
        "voice_to_voice": percentiles(waits, 50, 95, 99),
        "beyond_endpointing": percentiles(beyond, 50, 95, 99),
        "onset_to_last_sound": percentiles(silences, 50, 95, 99),
        "stages": {stage: percentiles(values, 50, 95) for stage, values in parts.items()},
        "replies": len(heard),
        "interruptions": len(silences),
        "missed": missed,
        "turns_heard": user.turns,
        "errors": user.errors[:10],
        "latest_chunk": round(user.late, 4),
    }
