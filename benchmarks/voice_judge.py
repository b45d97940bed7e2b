"""What came of a scene, in figures. Pure; times are seconds on one clock.

* *Voice-to-voice* is from the last loud sample of a sentence to the first loud sample of its
  answer at the client; the answer is the first reply that is announced after that sentence and
  can be heard. A sentence that was answered too soon has none: what is heard then answers half
  of it.
* A *false endpoint* is a reply that is announced before the last loud sample of the sentence
  was spoken; *heard*, if it could also be heard before that.
* A reply *stops* when the client is told that somebody speaks and throws the rest away, or when
  the server ends it as cancelled.
* A *missed barge-in* is a sentence during a reply that does not stop until the sentence is over;
  a *false* one is a back-channel or a noise during a reply that does stop. A reply that would
  have ended within `TOO_SHORT` of the onset tells nothing, and is not judged.
* *Time to silence* is from the first loud sample of the sentence to the last loud one that the
  client has played; and to the last sound that came for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streamkit_benchmarks.voice_loudspeaker import Played
from streamkit_benchmarks.voice_scene import ASIDES, Performance
from streamkit_benchmarks.voice_user import EPOCH, Reply, Said

TOO_SHORT = 1.0
STAGES = ("endpoint", "final", "first_token", "first_piece", "first_byte", "first_audible")
"""What a streamkit server tells of a turn; they add up to what it can know of the silence."""

WHOLE = "voice_to_voice"


@dataclass(frozen=True, slots=True)
class Heard:
    """One sentence, and how it was answered; seconds.

    Attributes:
        kind: of the scene; the sentence that breaks in is "barge-in", the one before "opening".
        wait: until the answer is heard by a client that plays at once; None: see above.
        wait_buffered: by one with a jitter buffer.
        too_soon: a false endpoint.
        too_soon_heard: that could be heard.
        answered: there was an answer in time; a false endpoint counts as one.
        stages: what the server says of the answer, seconds.
        outside: what of the silence until the answer's message is not in the server's stages: the
            last chunk that has to be filled, and the way there and back.
        difference: what the parts of the server's waterfall add up to, less what was measured.
        end_difference: the part of it that comes from where the server saw the end of speech.
    """

    kind: str
    wait: float | None = None
    wait_buffered: float | None = None
    too_soon: bool = False
    too_soon_heard: bool = False
    answered: bool = False
    stages: dict[str, float] = field(default_factory=dict)
    outside: float | None = None
    difference: float | None = None
    end_difference: float | None = None


@dataclass(frozen=True, slots=True)
class BrokenInto:
    """A reply during which the person made a sound; seconds.

    Attributes:
        kind: "barge-in", or the aside.
        stopped: the reply did; None: it ended too soon by itself to tell.
        silence: from the onset to the last that was heard of it.
        last_sound: from the onset to the last sound that came for it, 0 if none came.
    """

    kind: str
    stopped: bool | None
    silence: float | None = None
    last_sound: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A scene in figures.

    Attributes:
        sentences: that were said to the agent.
        broken_into: the reply that was, if one was.
        strays: replies that nobody had asked for.
        gaps: seconds of each silence because nothing had come to be played, of replies that
            nobody broke into, and of those during asides.
        replies: that were heard, of the same.
    """

    sentences: tuple[Heard, ...]
    broken_into: BrokenInto | None
    strays: int
    gaps: tuple[float, ...]
    replies: int


def judge(performance: Performance) -> Judgement:
    """Tell what came of a scene."""
    scene, said = performance.scene, performance.said
    aside = scene.kind in ASIDES
    opening = "opening" if scene.second is not None else scene.kind
    sentences = [(opening, said[0])]
    if len(said) > 1 and not aside:
        sentences.append((scene.kind, said[1]))
    bounds = [each.onset for _, each in sentences[1:]] + [float("inf")]
    found = []
    answers: set[str] = set()
    for (kind, each), until in zip(sentences, bounds, strict=True):
        heard, used = _sentence(performance, kind, each, until)
        found.append(heard)
        answers |= used
    broken = _broken_into(performance)
    whole = [
        played
        for name, played in performance.heard.items()
        if played.flushed_at is None and (aside or name != performance.interrupted)
    ]
    strays = sum(
        reply.id not in answers and reply.audible_at is not None for reply in performance.replies
    )
    return Judgement(
        tuple(found),
        broken,
        strays,
        tuple(gap for played in whole for gap in played.gaps),
        len(whole),
    )


def _sentence(
    performance: Performance, kind: str, said: Said, until: float
) -> tuple[Heard, set[str]]:
    """One sentence, and the replies that belong to it."""
    end = said.end
    soon = [reply for reply in performance.replies if said.onset < reply.created_at < end]
    if soon:
        starts = [_start(performance.heard, reply) for reply in soon]
        heard_soon = any(start is not None and start < end for start in starts)
        rest = {r.id for r in performance.replies if said.onset < r.created_at < until}
        return Heard(kind, too_soon=True, too_soon_heard=heard_soon, answered=True), rest
    for reply in performance.replies:
        start = _start(performance.at_once, reply)
        if not end <= reply.created_at < until or start is None:
            continue
        buffered = _start(performance.heard, reply)
        difference, of_end = compare(reply, said, performance.started_at)
        latency = {
            stage: milliseconds / 1000
            for stage, milliseconds in (reply.told.get("latency") or {}).items()
            if milliseconds is not None
        }
        told = sum(latency[stage] for stage in STAGES if stage in latency)
        return Heard(
            kind,
            wait=start - end,
            wait_buffered=None if buffered is None else buffered - end,
            answered=True,
            stages=latency,
            outside=None
            if not latency or reply.audible_at is None
            else reply.audible_at - end - told,
            difference=difference,
            end_difference=of_end,
        ), {reply.id}
    return Heard(kind), set()


def _start(ear: dict[str, Played], reply: Reply) -> float | None:
    played = ear.get(reply.id)
    return None if played is None else played.first_loud_at


def compare(reply: Reply, said: Said, started_at: float) -> tuple[float | None, float | None]:
    """How far the server's waterfall is from the silence in the samples.

    The whole of the waterfall is from the capture of what the server takes for the end of
    speech to the message with the first loud sample: capture and way up, the server's stages, the
    way down. Offsets between the clocks cancel, as long as the stages are what lies between the
    server's two times.

    Args:
        reply: the answer.
        said: the sentence.
        started_at: when the session's first sample was captured.

    Returns:
        The waterfall less the silence in the samples, and the part of that which comes from the
        end of speech; None where the server does not tell.
    """
    latency, speech = reply.told.get("latency"), reply.told.get("speech")
    sent_at = reply.told.get("audible_sent_at")
    if not latency or not speech or sent_at is None or speech.get("received_at") is None:
        return None, None
    if any(latency.get(stage) is None for stage in STAGES):
        return None, None
    if speech.get("captured_at") is not None:
        ended_at = speech["captured_at"] - EPOCH
    else:
        ended_at = started_at + speech["end_ms"] / 1000
    stages = sum(latency[stage] for stage in STAGES) / 1000
    of_end = said.end - ended_at
    return of_end + stages - (sent_at - speech["received_at"]), of_end


def _broken_into(performance: Performance) -> BrokenInto | None:
    if performance.interrupted is None or len(performance.said) < 2:
        return None
    kind, name = performance.scene.kind, performance.interrupted
    played = performance.heard.get(name)
    reply = next((each for each in performance.replies if each.id == name), None)
    if played is None or reply is None:
        return None
    second = performance.said[1]
    onset = second.onset
    stopped = played.flushed_at is not None or reply.status == "cancelled"
    if not stopped and played.ends_at - onset < TOO_SHORT:
        return BrokenInto(kind, None)
    if kind == "barge-in" and stopped:
        # Whoever is talked over to the end of the sentence was not listened to.
        stopped = played.ends_at <= second.end
    if not stopped:
        return BrokenInto(kind, stopped=False)
    last = played.last_loud_at
    return BrokenInto(
        kind,
        stopped=True,
        silence=max(0.0, (onset if last is None else last) - onset),
        last_sound=max(0.0, (onset if reply.last_at is None else reply.last_at) - onset),
    )
