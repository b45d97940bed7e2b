import assert from 'node:assert/strict';
import test from 'node:test';

import { CaptionText, MAX_LINES } from '../../../clients/web/core/captions.js';
import { ReplayBuffer } from '../../../clients/web/core/replay.js';
import { parseResult } from '../../../clients/web/core/results.js';
import { cues, srt, text, vtt } from '../../../clients/web/core/subtitles.js';

const RATE = 1000;

function words(sentence, start = 0) {
  return sentence
    .split(' ')
    .map((word, index) => ({ text: word, start: start + index, end: start + index + 0.5 }));
}

function transcript(sentence, given = {}) {
  const said = sentence ? words(sentence, given.start ?? 0) : [];
  const end = said.length ? said[said.length - 1].end : (given.start ?? 0);
  return {
    kind: 'transcript',
    words: said,
    start: 0,
    end,
    committed: said.length,
    isFinal: true,
    speechFinal: true,
    fromFinalize: false,
    language: null,
    ...given,
  };
}

const sound = (count) => new Int16Array(count).fill(1);

test('words grow, are committed, and become a line', () => {
  const captions = new CaptionText();
  const partial = { isFinal: false, speechFinal: false };
  assert.ok(captions.add(transcript('Turn the', { ...partial, committed: 1 }), 5));
  assert.deepEqual([captions.committed, captions.tentative], ['Turn', 'the']);
  assert.ok(!captions.add(transcript('Turn the', { ...partial, committed: 1 }), 6));
  captions.add(transcript('Turn the', { speechFinal: false }), 7);
  captions.add(transcript('music', { ...partial, committed: 0, start: 2 }), 8);
  assert.deepEqual([captions.committed, captions.tentative], ['Turn the', 'music']);
  assert.equal(captions.openId, 0);
  captions.add(transcript('music down.', { start: 2 }), 9);
  assert.deepEqual([captions.committed, captions.tentative], ['', '']);
  assert.equal(captions.lines.length, 1);
  const { id, start, end, at } = captions.lines[0];
  assert.deepEqual(
    [id, captions.lines[0].text, start, end, at],
    [0, 'Turn the music down.', 0, 3.5, 9]
  );
});

test('an endpoint without words closes the line', () => {
  const captions = new CaptionText();
  captions.add(transcript('Stop.', { speechFinal: false }), 1);
  captions.add(transcript('', {}), 2);
  assert.deepEqual(
    captions.lines.map((line) => line.text),
    ['Stop.']
  );
});

test('lines are bounded', () => {
  const captions = new CaptionText();
  for (let count = 0; count < MAX_LINES + 10; count += 1) {
    captions.add(transcript('Stop.'), 0);
  }
  assert.equal(captions.lines.length, MAX_LINES);
  assert.equal(captions.lines[0].id, 10);
});

test('a message is read, and its times count from the stream', () => {
  const wire = {
    type: 'Results',
    start: 1,
    duration: 2,
    is_final: false,
    channel: {
      alternatives: [{ words: [{ word: 'stop', punctuated_word: 'Stop.', start: 1.5, end: 2 }] }],
    },
    metadata: { request_id: 'r' },
    streamkit: { committed: 3, overload: { interval_ms: 750 }, latency: { received_at: 1 } },
  };
  const read = parseResult(JSON.stringify(wire), 10);
  assert.deepEqual(read.words, [{ text: 'Stop.', start: 11.5, end: 12 }]);
  assert.deepEqual(
    [read.start, read.end, read.committed, read.overload, read.session],
    [11, 13, 1, 750, 'r']
  );
  assert.equal(parseResult('{"type":"UtteranceEnd"}', 0), null);
  assert.throws(() => parseResult('{"type":"Results"}', 0));
});

test('a new connection gets what is not final, and the committed words behind it', () => {
  const replay = new ReplayBuffer(RATE);
  for (let count = 0; count < 10; count += 1) {
    replay.append(sound(1000), count);
  }
  while (replay.next()) {
    // All is sent.
  }
  replay.observe({ kind: 'speech', at: 0 });
  replay.observe(transcript('Turn the music down.', { speechFinal: false }));
  const partial = { isFinal: false, speechFinal: false, committed: 2, start: 4 };
  replay.observe(transcript('The bus to', partial));
  replay.append(sound(1000), 10);
  replay.interrupt();
  const restart = replay.restart();
  assert.equal(restart.position, 3500);
  assert.equal(restart.replayed, 6500);
  assert.equal(restart.lost, 0);
  assert.deepEqual(
    restart.committed.map((word) => word.text),
    ['The', 'bus']
  );
  assert.equal(replay.offsetSeconds, 3.5);
  const first = replay.next();
  assert.equal(first.position, 3500);
  assert.equal(first.samples.length, 500);
  assert.equal(first.capturedAt, 3.5);
  let sent = first.samples.length;
  for (let piece = replay.next(); piece; piece = replay.next()) {
    sent += piece.samples.length;
  }
  assert.equal(sent, 7500);
});

test('silence beyond the bound is no loss, unheard sound is', () => {
  const heard = new ReplayBuffer(RATE, 5);
  const unheard = new ReplayBuffer(RATE, 5);
  unheard.interrupt();
  for (let count = 0; count < 20; count += 1) {
    heard.append(sound(1000), count);
    heard.next();
    unheard.append(sound(1000), count);
  }
  assert.equal(heard.restart().lost, 0);
  assert.ok(unheard.overrun);
  assert.equal(unheard.restart().lost, 15_000);
});

test('a request for a final is repeated until it is answered', () => {
  const replay = new ReplayBuffer(RATE);
  replay.append(sound(100), 0);
  replay.finalize();
  assert.equal(replay.next().samples.length, 100);
  assert.equal(replay.next(), 'finalize');
  assert.equal(replay.next(), null);
  replay.restart();
  assert.equal(replay.next().samples.length, 100);
  assert.equal(replay.next(), 'finalize');
  replay.observe(transcript('', { end: 0.1, fromFinalize: true }));
  replay.restart();
  assert.equal(replay.next(), null);
});

test('files have cues that can be read', () => {
  const line = {
    words: words('one two three four five six seven eight nine ten eleven twelve thirteen'),
    text: 'one',
  };
  const made = cues([line]);
  assert.ok(
    made.every((cue) => cue.lines.length <= 2 && cue.lines.every((each) => each.length <= 42))
  );
  assert.equal(
    made.flatMap((cue) => cue.lines).join(' '),
    line.words.map((word) => word.text).join(' ')
  );
  const short = [{ words: [{ text: 'A<b>', start: 3661.5, end: 3661.6 }], text: 'A<b>' }];
  assert.equal(srt(short), '1\n01:01:01,500 --> 01:01:02,500\nA<b>\n\n');
  assert.equal(vtt(short), 'WEBVTT\n\n01:01:01.500 --> 01:01:02.500\nA&lt;b&gt;\n\n');
  assert.equal(text(short), 'A<b>\n');
});

test('a cue that is shown for longer does not cover the next one', () => {
  const lines = [
    { words: [{ text: 'A', start: 0, end: 0.1 }] },
    { words: [{ text: 'B', start: 0.5, end: 0.6 }] },
  ];
  assert.deepEqual(
    cues(lines).map(({ start, end }) => [start, end]),
    [
      [0, 0.5],
      [0.5, 1.5],
    ]
  );
});
