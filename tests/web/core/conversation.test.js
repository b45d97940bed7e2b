import assert from 'node:assert/strict';
import test from 'node:test';

import { Conversation } from '../../../clients/web/core/conversation.js';
import { toBase64 } from '../../../clients/web/core/pcm.js';
import { parseRealtime } from '../../../clients/web/core/realtime_events.js';
import { SpokenText } from '../../../clients/web/core/spoken.js';

const PART = { itemId: 'agent-1', contentIndex: 0 };
const SECOND = 24_000;

const sound = (seconds) => new Int16Array(seconds * SECOND).fill(1000);
const kinds = (effects) => effects.map((effect) => effect.message?.type ?? effect.kind);
const said = (messages) =>
  messages
    .filter((message) => message.item?.content)
    .map(({ item }) => [item.role, item.content[0].text]);

/** A conversation with a session that is up, in which so many seconds were sent. */
function talking({ options = {}, seconds = 0 } = {}) {
  const talk = new Conversation({ tools: [], ...options });
  begin(talk);
  for (let second = 0; second < seconds; second += 1) {
    talk.append(sound(1), 100 + second);
  }
  drain(talk, 200);
  return talk;
}

function begin(talk) {
  talk.receive({ kind: 'session', own: {}, interrupts: true }, 0);
  return talk.beginSession();
}

function drain(talk, now = 0) {
  const sent = [];
  for (let next = talk.next(now); next; next = talk.next(now)) {
    sent.push(...next.messages);
  }
  return sent;
}

/** The agent replies with a second of sound. */
function reply(talk, { responseId = 'r1', part = PART, text = 'One two three.', way = null } = {}) {
  return [
    ...talk.receive({ kind: 'responseCreated', responseId }, 1),
    ...talk.receive({ kind: 'replyWords', responseId, part, delta: text, spoken: true }, 1),
    ...talk.receive({ kind: 'replySound', responseId, part, samples: sound(1), words: [], way }, 1),
  ];
}

function turn(talk, itemId, text, endMs = 1000) {
  talk.receive({ kind: 'speechStarted', itemId }, 1);
  talk.receive({ kind: 'speechStopped', itemId, endMs }, 1);
  talk.receive({ kind: 'committed', itemId }, 1);
  talk.receive({ kind: 'userTranscript', itemId, text }, 1);
}

test('a turn is heard, answered and played', () => {
  const talk = talking({ seconds: 2 });
  talk.receive({ kind: 'speechStarted', itemId: 'u' }, 1);
  assert.equal(talk.state, 'you');
  talk.receive({ kind: 'userWords', itemId: 'u', delta: 'Turn ' }, 1);
  talk.receive({ kind: 'userWords', itemId: 'u', delta: 'the' }, 1);
  assert.equal(talk.turns.shown[0].text, 'Turn the');
  assert.ok(talk.turns.shown[0].tentative);
  talk.receive({ kind: 'speechStopped', itemId: 'u', endMs: 900 }, 2);
  talk.receive({ kind: 'userTranscript', itemId: 'u', text: 'Turn it.' }, 2);
  assert.equal(talk.state, 'thinking');
  assert.deepEqual(kinds(reply(talk)), ['play']);
  const begun = talk.played([{ kind: 'begun', part: PART, at: 3 }], {
    part: PART,
    samples: 12_000,
  });
  assert.deepEqual(begun[0].message.streamkit.played, {
    item_id: 'agent-1',
    content_index: 0,
    audio_end_ms: 0,
  });
  assert.equal(talk.state, 'speaking');
  assert.equal(talk.report().streamkit.played.audio_end_ms, 500);
  talk.append(sound(0.02), 5);
  assert.equal(drain(talk)[0].streamkit.played.audio_end_ms, 500);
  talk.receive({ kind: 'replySoundDone', responseId: 'r1', part: PART }, 3);
  talk.receive({ kind: 'responseDone', responseId: 'r1', status: 'completed', way: null }, 3);
  talk.played([{ kind: 'ended', part: PART, samples: SECOND, at: 4 }], null);
  const [user, agent] = talk.turns.shown;
  assert.deepEqual([user.text, agent.heard, agent.unheard], ['Turn it.', 'One two three.', '']);
  assert.ok(agent.closed && !agent.interrupted);
  assert.equal(talk.state, 'listening');
});

test('an interruption cuts the reply at a sample, and nothing of it comes through any more', () => {
  const talk = talking();
  reply(talk);
  talk.played([{ kind: 'begun', part: PART, at: 2 }], { part: PART, samples: 8000 });
  assert.deepEqual(kinds(talk.receive({ kind: 'speechStarted', itemId: 'u' }, 3)), ['stop']);
  assert.deepEqual(reply(talk), []);
  const [truncate, played] = talk.stopped([{ part: PART, samples: 8400 }]);
  assert.equal(truncate.message.type, 'conversation.item.truncate');
  assert.equal(truncate.message.audio_end_ms, 350);
  assert.deepEqual(played.message.streamkit.played, {
    item_id: 'agent-1',
    content_index: 0,
    audio_end_ms: 350,
    ended: true,
  });
  const [agent] = talk.turns.shown;
  assert.ok(agent.interrupted);
  assert.equal(agent.heard + agent.unheard, 'One two three.');
  assert.ok(agent.unheard.includes('three'));
  talk.receive({ kind: 'responseDone', responseId: 'r1', status: 'cancelled', way: null }, 3);
  assert.ok(agent.closed);
});

test('who does not want to be interrupted is not', () => {
  const talk = talking();
  talk.receive({ kind: 'session', own: {}, interrupts: false }, 0);
  reply(talk);
  assert.deepEqual(talk.receive({ kind: 'speechStarted', itemId: 'u' }, 3), []);
});

test('a person stops the reply by hand', () => {
  const talk = talking();
  reply(talk);
  assert.deepEqual(kinds(talk.interrupt()), ['response.cancel', 'stop']);
  assert.deepEqual(talk.interrupt(), []);
});

test('a turn that is pressed is sent to its end, then committed', () => {
  const talk = talking({ options: { pushToTalk: true } });
  talk.press();
  talk.append(sound(1), 1);
  assert.deepEqual(talk.release(), []);
  assert.deepEqual(
    drain(talk).map((message) => message.type),
    ['input_audio_buffer.append', 'input_audio_buffer.commit', 'response.create']
  );
  assert.equal(talk.state, 'thinking');
  talk.press();
  talk.append(sound(0.05), 2);
  assert.deepEqual(kinds(talk.release()), ['input_audio_buffer.clear']);
  assert.deepEqual(drain(talk), []);
});

test('a new session knows what was said and heard, and hears again what was not understood', () => {
  const talk = talking({ seconds: 4 });
  turn(talk, 'u1', 'Hello.', 2000);
  reply(talk);
  talk.played([{ kind: 'begun', part: PART, at: 2 }], { part: PART, samples: 8000 });
  talk.receive({ kind: 'speechStarted', itemId: 'u2' }, 3);
  talk.stopped([{ part: PART, samples: 8000 }]);
  talk.receive({ kind: 'userWords', itemId: 'u2', delta: 'Turn the' }, 3);
  talk.lose();
  talk.append(sound(1), 104);
  assert.deepEqual(drain(talk), []);
  const { messages, again, lost } = begin(talk);
  assert.deepEqual(said(messages), [
    ['user', 'Hello.'],
    ['assistant', 'One'],
  ]);
  assert.ok(!messages.some((message) => message.type === 'response.create'));
  assert.deepEqual([again, lost], [2, 0]);
  const resent = drain(talk);
  assert.equal(resent.length, 3);
  assert.equal(resent[0].streamkit.captured_at, 102);
  // The words come with another item; the turn is the same, and loses nothing meanwhile.
  const before = talk.turns.shown.find((each) => each.text === 'Turn the');
  turn(talk, 'new', 'Turn the music down.', 3000);
  assert.equal(before.text, 'Turn the music down.');
  assert.ok(before.closed);
  assert.equal(talk.turns.shown.length, 3);
  talk.lose();
  assert.equal(begin(talk).again, 0);
});

test('a question whose answer was lost with the connection is asked again', () => {
  const talk = talking({ seconds: 2 });
  turn(talk, 'u1', 'What time is it?', 2000);
  talk.receive({ kind: 'responseCreated', responseId: 'r1' }, 2);
  talk.lose();
  const { messages } = begin(talk);
  assert.equal(messages.at(-1).type, 'response.create');
});

test('what is written or pressed while there is no connection is said when there is one', () => {
  const talk = talking({ options: { pushToTalk: true } });
  talk.lose();
  assert.deepEqual(talk.write('Stop.', 1), []);
  talk.press();
  talk.append(sound(1), 5);
  talk.release();
  const { messages } = begin(talk);
  assert.deepEqual(said(messages), [['user', 'Stop.']]);
  assert.deepEqual(
    drain(talk)
      .map((message) => message.type)
      .slice(-2),
    ['input_audio_buffer.commit', 'response.create']
  );
});

test('a turn that was committed before the connection was lost is committed again', () => {
  const talk = talking({ options: { pushToTalk: true } });
  talk.press();
  talk.append(sound(1), 5);
  talk.release();
  drain(talk);
  talk.receive({ kind: 'committed', itemId: 'u' }, 1);
  talk.lose();
  assert.equal(begin(talk).again, 1);
  assert.deepEqual(
    drain(talk)
      .map((message) => message.type)
      .slice(-2),
    ['input_audio_buffer.commit', 'response.create']
  );
  talk.receive({ kind: 'committed', itemId: 'u2' }, 1);
  talk.receive({ kind: 'userTranscript', itemId: 'u2', text: 'Stop.' }, 1);
  talk.lose();
  assert.equal(begin(talk).again, 0);
  assert.deepEqual(drain(talk), []);
});

test('silence is not sent again, and what the bound has dropped is told', () => {
  const quiet = talking({ seconds: 60 });
  quiet.append(sound(1), 161);
  quiet.lose();
  const { again, lost } = begin(quiet);
  assert.ok(again <= 6);
  assert.equal(lost, 0);
  const outage = talking({ seconds: 2 });
  outage.receive({ kind: 'speechStarted', itemId: 'u' }, 1);
  outage.lose();
  for (let second = 0; second < 140; second += 1) {
    outage.append(sound(1), second);
  }
  assert.equal(begin(outage).lost, 22);
});

test('a tool is used when the response that calls it is complete', () => {
  const talk = talking();
  const call = { kind: 'call', responseId: 'r1', callId: 'c', name: 'get_time', arguments: '{}' };
  talk.receive({ kind: 'responseCreated', responseId: 'r1' }, 1);
  assert.deepEqual(talk.receive(call, 1), []);
  const [effect] = talk
    .receive({ kind: 'responseDone', responseId: 'r1', status: 'completed', way: null }, 1)
    .filter((each) => each.kind === 'call');
  const answered = talk.toolAnswered(effect.turn, '"noon"');
  assert.deepEqual(kinds(answered), ['conversation.item.create', 'response.create']);
  assert.equal(answered[0].message.item.output, '"noon"');
  talk.lose();
  const types = begin(talk).messages.map((message) => message.item?.type);
  assert.deepEqual(types, [undefined, 'function_call', 'function_call_output', undefined]);
  assert.equal(talk.turns.shown[0].tool.output, '"noon"');
});

test('the silence before a reply is told once it was heard', () => {
  const talk = talking({ seconds: 2 });
  turn(talk, 'u', 'Hello.');
  const way = { endMs: 900, capturedAt: 7, receivedAt: 101, latency: {}, audibleSentAt: 102 };
  reply(talk, { way });
  const audible = [{ kind: 'audible', part: PART, at: 103 }];
  const [timed] = talk
    .played(audible, { part: PART, samples: 10 })
    .filter((each) => each.kind === 'timed');
  assert.deepEqual(timed.way, {
    ...way,
    capturedAt: 100.9,
    sentAt: 200,
    arrivedAt: 1,
    heardAt: 103,
  });
  assert.deepEqual(
    talk.played(audible, null).filter((each) => each.kind === 'timed'),
    []
  );
});

test('a noise is no turn, and a race of cancels no trouble', () => {
  const talk = talking({ seconds: 2 });
  turn(talk, 'u', '');
  assert.deepEqual(talk.turns.shown, []);
  assert.equal(talk.state, 'listening');
  const late = { kind: 'error', code: 'response_cancel_not_active', param: '', text: '' };
  assert.deepEqual(talk.receive(late, 1), []);
  assert.equal(
    talk.receive({ kind: 'error', code: 'x', param: '', text: 'no' }, 1)[0].kind,
    'tell'
  );
});

test('words are heard where they lie in the sound', () => {
  const spoken = new SpokenText();
  spoken.add('one two three', 0);
  spoken.mark('two', 1000);
  spoken.mark('three', 5000);
  spoken.complete();
  assert.deepEqual(spoken.split(1001, 9000), ['one two', ' three']);
  assert.deepEqual(spoken.split(1001, 9000, true), ['one', ' two three']);
  assert.deepEqual(spoken.split(9000, 9000), ['one two three', '']);
  assert.deepEqual(spoken.split(0, 9000), ['', 'one two three']);
});

test('messages are read off the wire', () => {
  const delta = {
    type: 'response.output_audio.delta',
    response_id: 'r',
    item_id: 'i',
    content_index: 0,
    delta: toBase64(Int16Array.from([1, 2])),
    streamkit: {
      words: [[500, 'one']],
      speech: { end_ms: 5, received_at: 2 },
      latency: { final: 1 },
    },
  };
  const read = parseRealtime(JSON.stringify(delta));
  assert.deepEqual(read.words, [[12_000, 'one']]);
  assert.deepEqual([...read.samples], [1, 2]);
  assert.deepEqual(read.way, {
    endMs: 5,
    capturedAt: null,
    receivedAt: 2,
    latency: { final: 1 },
    audibleSentAt: null,
  });
  assert.equal(parseRealtime('{"type":"rate_limits.updated"}'), null);
});

/** A reply that is being played, to a client that is told of holds. */
function held() {
  const talk = talking();
  reply(talk);
  talk.played([{ kind: 'begun', part: PART, at: 3 }], { part: PART, samples: 6000 });
  assert.deepEqual(talk.receive({ kind: 'held', responseId: 'r1' }, 10), [{ kind: 'hold' }]);
  assert.equal(talk.state, 'you');
  return talk;
}

test('holds are asked for where the server has them', () => {
  const created = (own) =>
    parseRealtime(
      JSON.stringify({
        type: 'session.created',
        streamkit: { version: '1' },
        session: { id: 's', ...(own ? { streamkit: own } : {}) },
      })
    );
  const asked = (own, options = {}) => {
    const talk = new Conversation({ tools: [], ...options });
    talk.receive(created(own), 0);
    const { messages } = talk.beginSession();
    const [again] = talk.configure({ tools: [], ...options });
    assert.deepEqual(again.message, messages[0]);
    return messages[0].session.streamkit;
  };
  assert.deepEqual(asked({ lead_ms: 500, holds: false }), { holds: true });
  assert.deepEqual(asked({ holds: false }, { own: { lead_ms: 100 } }), {
    holds: true,
    lead_ms: 100,
  });
  assert.deepEqual(asked({ holds: false }, { own: { holds: false } }), { holds: false });
  assert.equal(asked({ lead_ms: 500 }), undefined);
  assert.equal(asked(null), undefined);
  const wire = (type) => parseRealtime(JSON.stringify({ type, response_id: 'r1' }));
  assert.deepEqual(wire('streamkit.hold'), { kind: 'held', responseId: 'r1' });
  assert.deepEqual(wire('streamkit.resume'), { kind: 'resumed' });
});

test('after a false alarm the reply goes on', () => {
  const talk = held();
  assert.deepEqual(talk.receive({ kind: 'held', responseId: 'r1' }, 10.1), []);
  assert.equal(talk.report().streamkit.played.audio_end_ms, 250);
  assert.deepEqual(talk.receive({ kind: 'resumed' }, 10.5), [{ kind: 'resume' }]);
  assert.equal(talk.state, 'speaking');
  assert.deepEqual(talk.receive({ kind: 'resumed' }, 10.6), []);
  assert.deepEqual(talk.look(99), []);
});

test('an interruption ends a hold', () => {
  const talk = held();
  assert.deepEqual(kinds(talk.receive({ kind: 'speechStarted', itemId: 'u' }, 10.5)), ['stop']);
  assert.equal(talk.state, 'you');
  const [truncate] = talk.stopped([{ part: PART, samples: 6128 }]);
  assert.equal(truncate.message.audio_end_ms, 255);
  talk.receive({ kind: 'speechStopped', itemId: 'u', endMs: 1000 }, 11);
  talk.played([], null);
  assert.equal(talk.state, 'thinking');
  // What comes late of the reply that was interrupted holds nothing.
  assert.deepEqual(talk.receive({ kind: 'held', responseId: 'r1' }, 12), []);
});

test('a hold ends whatever else stops or loses the reply', () => {
  assert.deepEqual(kinds(held().interrupt()), ['response.cancel', 'stop']);
  assert.deepEqual(kinds(held().lose()), ['resume', 'endPart']);
  const quiet = talking();
  quiet.receive({ kind: 'responseCreated', responseId: 'r1' }, 1);
  quiet.receive({ kind: 'held', responseId: 'r1' }, 2);
  assert.deepEqual(kinds(quiet.receive({ kind: 'speechStarted', itemId: 'u' }, 3)), ['resume']);
});

test('a hold that the server forgets ends by itself', () => {
  const talk = held();
  assert.deepEqual(talk.look(13.9), []);
  assert.deepEqual(talk.look(14.1), [{ kind: 'resume' }]);
  assert.equal(talk.state, 'speaking');
  assert.deepEqual(talk.look(20), []);
});
