"""Voice chat in a real browser: spoken to with a sound file, heard by what it plays."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.pcm import to_linear16
from streamkit.audio.resample import StreamingResampler
from streamkit.server.testing import LiveServer

Samples = npt.NDArray[np.float32]

FIRST = "The bus to Berlin is eight minutes late."
SECOND = "Turn the music down."
ANSWER = "You said: "

RATE = 24_000
AUDIBLE = 0.01
"""Of full scale: from here on it counts as sound."""

PAGE = "/healthz"
"""Of the same origin, and without the views, which have tests of their own."""

# Both sounds are kept with the Unix time of their first sample: that of the microphone as the page
# sends it, that of the loudspeaker as it is rendered, which is what a person hears.
START = """async (options) => {
  const { Talker } = await import('/app/talker.js');
  const { SessionTrace } = await import('/app/session_trace.js');
  const { Credentials } = await import('/net/credentials.js');
  const { Microphone } = await import('/sound/microphone.js');
  const { Speaker } = await import('/sound/speaker.js');
  const [microphone, speaker, trace] = [new Microphone(), new Speaker(), new SessionTrace()];
  const credentials = new Credentials();
  const talker = new Talker({ microphone, speaker, trace, credentials, options });
  globalThis.app = { microphone, speaker, trace, talker, told: [], states: [] };
  app.said = [];
  app.played = [];
  talker.addEventListener('notice', ({ level, text }) => app.told.push([level, text]));
  talker.addEventListener('state', () => {
    app.states.push([talker.state, (performance.timeOrigin + performance.now()) / 1000]);
  });
  await speaker.open();
  const tap = `registerProcessor('tap', class extends AudioWorkletProcessor {
    process([[samples]]) {
      if (samples) this.port.postMessage({ frame: currentFrame, samples: samples.slice() });
      return true;
    }
  });`;
  const address = URL.createObjectURL(new Blob([tap], { type: 'text/javascript' }));
  const { context } = speaker.output;
  await context.audioWorklet.addModule(address);
  const node = new AudioWorkletNode(context, 'tap', { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => app.played.push(data);
  speaker.output.connect(node);
  microphone.subscribe(24000, ({ samples, capturedAt }) => {
    app.said.push({ samples: Float32Array.from(samples, (each) => each / 32768), capturedAt });
  });
  await talker.start();
}"""

SOUND = """(name) => {
  const blocks = app[name];
  const samples = Float32Array.from(blocks.flatMap((each) => [...each.samples]));
  const bytes = new Uint8Array(samples.buffer);
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  const { context } = app.speaker.output;
  const { contextTime, performanceTime } = context.getOutputTimestamp();
  const zero = (performance.timeOrigin + performanceTime) / 1000 - contextTime;
  const times = blocks.map((each) => each.capturedAt ?? zero + each.frame / 24000);
  return [btoa(text), times, blocks[0].samples.length];
}"""

TURNS = """() => app.talker.turns.map(({ role, text, heard, unheard, interrupted, closed, latency,
  tool, at }) => ({ role, text, heard, unheard, interrupted, closed, latency, tool, at }))"""


class Heard:
    """Sound at 24 kHz, and when it was."""

    def __init__(self, page: Any, name: str) -> None:
        data, times, block = page.evaluate(SOUND, name)
        self.samples: Samples = np.frombuffer(base64.b64decode(data), np.float32)
        starts = np.arange(len(times)) * block / RATE
        # Blocks follow each other without a gap; their times were taken one by one.
        self.began = float(np.median(np.array(times) - starts))

    def stretches(self, gap: float) -> list[tuple[float, float]]:
        """Unix times of what is audible, divided where it is silent for so many seconds."""
        loud = np.flatnonzero(np.abs(self.samples) >= AUDIBLE)
        pieces = np.split(loud, np.flatnonzero(np.diff(loud) > gap * RATE) + 1)
        return [(self.began + each[0] / RATE, self.began + each[-1] / RATE) for each in pieces]

    def between(self, start: float, end: float) -> Samples:
        first, last = (round((at - self.began) * RATE) for at in (start, end))
        return self.samples[max(0, first) : last]


@pytest.fixture(scope="session")
def recognized(web_server: LiveServer) -> Callable[[Samples], str]:
    """A function that tells which words our own captions hear in a sound."""

    def listen(sound: Samples) -> str:
        resampler = StreamingResampler(RATE)
        silence = np.zeros(8000, np.float32)
        samples = [silence, resampler.process(sound), resampler.flush(), silence]
        with web_server.listen(encoding="linear16", sample_rate=16_000) as client:
            client.send(to_linear16(np.concatenate(samples)))
            client.close_stream()
        return bare(client.text)

    return listen


def bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def states_of(page: Any) -> list[tuple[str, float]]:
    """Each state of the talk and since when it was in it, but for those while it began."""
    states: list[tuple[str, float]] = page.evaluate("() => app.states")
    return states[[state for state, _ in states].index("listening") :]


def talk_of(page: Any) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = page.evaluate(TURNS)
    return turns


def test_the_agent_answers_and_lets_itself_be_interrupted(
    web_server: LiveServer,
    open_page: Callable[..., Any],
    make_sound: Callable[..., Any],
    wait_for: Callable[..., Any],
    speak: Callable[..., Samples],
    recognized: Callable[[Samples], str],
) -> None:
    said = make_sound(0.5, speak(FIRST, 48_000), 0.2, speak(SECOND, 48_000), 20.0)
    page = open_page(web_server, said, path=PAGE)
    page.evaluate(START, {})
    wait_for(page, "() => app.talker.turns.length === 4 && app.talker.turns[3].closed")

    user, agent, other_user, other_agent = talk_of(page)
    assert [user["text"], other_user["text"]] == [FIRST, SECOND]
    assert agent["interrupted"]
    assert (ANSWER + FIRST).startswith(agent["heard"] + agent["unheard"])
    assert agent["heard"]
    assert agent["heard"] != ANSWER + FIRST
    assert [other_agent["heard"], other_agent["unheard"]] == [ANSWER + SECOND, ""]
    assert not other_agent["interrupted"]
    assert page.evaluate("() => app.told") == []
    assert page.evaluate("() => app.speaker.underruns") == 0

    person, output = Heard(page, "said"), Heard(page, "played")
    (_, first_end), (again, _) = person.stretches(gap=0.4)
    replies = output.stretches(gap=0.5)
    (began, stopped), (second, over) = replies
    held = [at for state, at in states_of(page) if state == "you"][1]
    print(
        f"\nsilence before the reply {1000 * (began - first_end):.0f} ms by the samples, "
        f"{agent['latency']['total']:.0f} ms by its parts; "
        f"silent {1000 * (stopped - again):.0f} ms after the interruption began, "
        f"{1000 * (stopped - held):.0f} ms after the server held it; "
        f"{1000 * (other_user['at'] - again):.0f} ms until it was certain"
    )
    assert first_end < began < again < stopped < second
    # It is silent while it is not known yet whether that is an interruption.
    assert again < held < other_user["at"]
    # What was said before the interruption, and after it the new reply and nothing else.
    before = recognized(output.between(began - 0.1, stopped + 0.1))
    assert bare(ANSWER + FIRST).startswith(" ".join(before.split()[:-1]))
    assert recognized(output.between(second - 0.1, over + 0.2)) == bare(ANSWER + SECOND)

    total = sum(agent["latency"]["parts"].values())
    assert total == pytest.approx(agent["latency"]["total"])
    assert min(agent["latency"]["parts"].values()) >= 0
    turns = page.evaluate("() => app.trace.turns.map(({ total }) => total)")
    assert turns == [agent["latency"]["total"], other_agent["latency"]["total"]]
    records = [json.loads(line) for line in page.evaluate("() => app.trace.toJSONL()").splitlines()]
    assert [record["kind"] for record in records].count("response") == 2

    page.evaluate("() => app.talker.stop()")
    assert page.evaluate("() => app.talker.state") == "idle"
    web_server.wait_until_empty()


def test_a_noise_holds_a_reply_and_takes_nothing_of_it(
    web_server: LiveServer,
    open_page: Callable[..., Any],
    make_sound: Callable[..., Any],
    wait_for: Callable[..., Any],
    speak: Callable[..., Samples],
    recognized: Callable[[Samples], str],
) -> None:
    vowel = speak("Aaaah", 48_000)
    first = int(np.flatnonzero(np.abs(vowel) > 0.1)[0])
    hm = vowel[first : first + round(0.14 * 48_000)]
    page = open_page(web_server, make_sound(0.5, speak(FIRST, 48_000), 1.0, hm, 20.0), path=PAGE)
    page.evaluate(START, {})
    wait_for(page, "() => app.talker.turns.length === 2 && app.talker.turns[1].closed")
    _, agent = talk_of(page)
    assert [agent["heard"], agent["unheard"]] == [ANSWER + FIRST, ""]
    assert not agent["interrupted"]
    assert page.evaluate("() => app.told") == []
    assert page.evaluate("() => app.speaker.underruns") == 0
    states = states_of(page)
    names = [state for state, _ in states]
    assert names == ["listening", "you", "thinking", "speaking", "you", "speaking", "listening"]

    output = Heard(page, "played")
    stretches = output.stretches(gap=0.1)
    (_, hold), (_, resume) = states[4:6]
    before = max(end for _, end in stretches if end < resume)
    after = min(start for start, _ in stretches if start > hold)
    print(
        f"\nheld for {1000 * (resume - hold):.0f} ms: silent {1000 * (before - hold):.0f} ms "
        f"after that began, and no more {1000 * (after - resume):.0f} ms after it ended"
    )
    assert before < after
    # Without the pause it is the reply as if nothing had been.
    sounds = [
        output.between(stretches[0][0] - 0.1, before),
        output.between(after, stretches[-1][1] + 0.1),
    ]
    assert recognized(np.concatenate(sounds)) == bare(ANSWER + FIRST)
    total = sum(agent["latency"]["parts"].values())
    assert total == pytest.approx(agent["latency"]["total"])
    assert agent["latency"]["total"] == pytest.approx(
        1000 * (stretches[0][0] - Heard(page, "said").stretches(gap=0.4)[0][1]), abs=100
    )


def test_a_cut_network_loses_nothing_that_was_said(
    cable: Any,
    open_page: Callable[..., Any],
    make_sound: Callable[..., Any],
    wait_for: Callable[..., Any],
    speak: Callable[..., Samples],
) -> None:
    sound = make_sound(0.5, speak(SECOND, 48_000), 2.5, speak(FIRST, 48_000), 20.0)
    page = open_page(cable, sound, path=PAGE, expect=("ERR_", "WebSocket"))
    page.evaluate(START, {})
    # In the middle of the second sentence, which so far is known in part.
    wait_for(page, "() => app.talker.turns.at(-1)?.text.startsWith('The bus')")
    assert [turn["role"] for turn in talk_of(page)] == ["user", "agent", "user"]
    cable.pull()
    wait_for(page, "() => app.talker.state === 'reconnecting'")
    page.wait_for_timeout(1000)
    cable.plug()
    wait_for(page, "() => app.talker.turns.length === 4 && app.talker.turns[3].heard")
    *before, agent = talk_of(page)
    assert [turn["text"] for turn in before] == [SECOND, ANSWER + SECOND, FIRST]
    assert (ANSWER + FIRST).startswith(agent["text"])
    (lost, back) = page.evaluate("() => app.told")
    assert lost[0] == "warning"
    assert "knows what was said before" in back[1]


def test_writing_and_tools(
    web_server: LiveServer, open_page: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    page = open_page(web_server, path=PAGE)
    page.evaluate(START, {"pushToTalk": True})
    page.evaluate("() => app.talker.write('call get_time')")
    wait_for(page, "() => app.talker.turns.length >= 3 && app.talker.turns.at(-1).heard")
    person, tool, agent = talk_of(page)
    assert person["text"] == "call get_time"
    assert tool["tool"]["name"] == "get_time"
    assert "time" in json.loads(tool["tool"]["output"])
    assert agent["role"] == "agent"
    assert agent["heard"]


def test_what_is_pressed_is_a_turn(
    web_server: LiveServer,
    open_page: Callable[..., Any],
    make_sound: Callable[..., Any],
    wait_for: Callable[..., Any],
    speak: Callable[..., Samples],
) -> None:
    page = open_page(web_server, make_sound(0.5, speak(SECOND, 48_000), 20.0), path=PAGE)
    page.evaluate(START.replace("await talker.start()", "await microphone.open()"), {})
    page.evaluate("() => app.talker.configure({ pushToTalk: true })")
    page.evaluate("() => app.talker.start()")
    wait_for(page, "() => app.talker.state === 'listening'")
    page.evaluate("() => app.talker.press()")
    # Until the sentence has been said, which the microphone knows.
    said = """() => {
      const loud = app.said.findIndex(({ samples }) => samples.some((each) => each > 0.05));
      return loud >= 0 && app.said.slice(-20).every(({ samples }) =>
        samples.every((each) => each < 0.01));
    }"""
    wait_for(page, said)
    page.evaluate("() => app.talker.release()")
    wait_for(page, "() => app.talker.turns.length === 2 && app.talker.turns[1].heard")
    assert talk_of(page)[0]["text"] == SECOND
    # A short press is no turn, but it does interrupt.
    page.evaluate("() => { app.talker.press(); app.talker.release(); }")
    wait_for(page, "() => app.talker.turns[1].closed")
    agent = talk_of(page)[1]
    assert agent["interrupted"]
    assert (ANSWER + SECOND).startswith(agent["heard"])
    wait_for(page, "() => app.talker.state === 'listening'")
    assert page.evaluate("() => app.told") == []
