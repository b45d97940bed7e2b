import assert from 'node:assert/strict';
import test from 'node:test';

import { Chunker } from '../../../clients/web/core/chunker.js';
import { JitterQueue } from '../../../clients/web/core/jitter.js';
import * as pcm from '../../../clients/web/core/pcm.js';
import { Playback } from '../../../clients/web/core/playback.js';
import { Resampler } from '../../../clients/web/core/resample.js';

const RATE = 1000;
const QUANTUM = 10;
const PART = { itemId: 'a', contentIndex: 0 };
const KEY = '0 a';

/** Render so many quanta; returns the samples and what was reported. */
function render(queue, quanta, from = 0) {
  const samples = [];
  const reports = [];
  for (let count = 0; count < quanta; count += 1) {
    const out = new Float32Array(QUANTUM);
    queue.take(out, from + count * QUANTUM);
    samples.push(...out);
    const report = queue.report();
    if (report) {
      reports.push(report);
    }
  }
  return { samples, reports };
}

const ramp = (count, start = 1) => Int16Array.from({ length: count }, (_, at) => start + at);

test('a tone keeps its height and its strength at another rate, and nothing folds back', () => {
  for (const [from, to] of [
    [48_000, 24_000],
    [48_000, 16_000],
    [44_100, 16_000],
    [44_100, 24_000],
    [16_000, 24_000],
  ]) {
    for (const [hertz, passes] of [
      [1000, true],
      [0.46 * to, null],
      [0.62 * to, false],
    ]) {
      if (passes === null || hertz >= from / 2) {
        continue;
      }
      const resampler = new Resampler(from, to);
      const out = [];
      for (let block = 0; block < 100; block += 1) {
        const input = Float32Array.from({ length: 128 }, (_, at) =>
          Math.sin((2 * Math.PI * hertz * (block * 128 + at)) / from)
        );
        out.push(...resampler.process(input));
      }
      assert.equal(out.length, resampler.produced);
      const settled = out.slice(200);
      for (const [at, sample] of settled.entries()) {
        const expected = passes ? Math.sin((2 * Math.PI * hertz * (at + 200)) / to) : 0;
        assert.ok(Math.abs(sample - expected) < 2e-3, `${from} to ${to}, ${hertz} Hz: ${sample}`);
      }
    }
  }
});

test('a chunk goes with the block that is its last, and knows where its first sample lies', () => {
  for (const [from, to, length] of [
    [48_000, 16_000, 480],
    [48_000, 24_000, 480],
    [44_100, 16_000, 441],
    [16_000, 24_000, 160],
    [48_000, 16_000, 128],
  ]) {
    const chunker = new Chunker(from, to);
    const wave = (seconds) => 0.5 * Math.sin(2 * Math.PI * 440 * seconds);
    let until = 7;
    let next = null;
    for (let block = 0; block < 50; block += 1) {
      const samples = Float32Array.from({ length }, (_, at) => wave(until - 7 + at / from));
      const chunks = chunker.process(samples, until);
      until += length / from;
      for (const { samples: made, first, level } of chunks) {
        assert.equal(made.length, to / 50);
        if (next === null) {
          // A little silence comes first.
          assert.ok(first < 7 && first > 6.996, `${from} to ${to}: it begins at ${first}`);
        } else {
          assert.ok(Math.abs(first - next) < 1e-9, `${from} to ${to}: nothing is left out`);
          for (const [at, sample] of made.entries()) {
            const expected = wave(first - 7 + at / to);
            assert.ok(Math.abs(sample / 32768 - expected) < 2e-3, `${from} to ${to}: ${at}`);
          }
        }
        assert.ok(Math.abs(level - pcm.decibels(made, 32768)) < 0.01);
        next = first + made.length / to;
        // A little is kept back, never a whole block of 10 ms.
        assert.ok(until - next < 0.006, `${from} to ${to}: ${until - next} s are kept back`);
      }
    }
    assert.ok(next > 7.1);
  }
});

test('the time of blocks that are missing passes', () => {
  const chunker = new Chunker(48_000, 16_000);
  const [one, two, three] = [0, 0.01, 0.02, 0.03, 0.14, 0.15]
    .flatMap((begin) => chunker.process(new Float32Array(480), begin))
    .map(({ first }) => first);
  assert.ok(Math.abs(two - one - 0.02) < 1e-9);
  assert.ok(Math.abs(three - two - 0.12) < 1e-9);
});

test('samples go to the wire and back', () => {
  const samples = Int16Array.from([0, 1, -1, 32767, -32768]);
  assert.deepEqual(pcm.fromBase64(pcm.toBase64(samples)), samples);
  assert.deepEqual(
    pcm.toInt16(Float32Array.from([0, 1, -1, 2, -2])),
    Int16Array.from([0, 32767, -32768, 32767, -32768])
  );
  assert.throws(() => pcm.fromBase64(btoa('abc')));
  assert.equal(pcm.firstAudible(Int16Array.from([0, 327, -328])), 2);
  assert.equal(pcm.decibels(new Float32Array(5)), pcm.SILENCE_DB);
  assert.ok(Math.abs(pcm.decibels(Float32Array.from([0.1, -0.1])) + 20) < 1e-4);
});

test('a part begins when enough of it is there, or it is complete', () => {
  const queue = new JitterQueue(RATE);
  queue.add(KEY, ramp(20));
  assert.ok(render(queue, 1).samples.every((sample) => sample === 0));
  queue.add(KEY, ramp(30, 21));
  assert.equal(render(queue, 1).samples[0], 1 / 32768);
  const short = new JitterQueue(RATE);
  short.add(KEY, ramp(5));
  short.end(KEY);
  const { samples, reports } = render(short, 1);
  assert.deepEqual(
    samples.slice(0, 6).map((sample) => sample * 32768),
    [1, 2, 3, 4, 5, 0]
  );
  assert.deepEqual(reports[0].ended, [{ key: KEY, samples: 5 }]);
});

test('little sound is not waited with for ever', () => {
  const queue = new JitterQueue(RATE);
  queue.add(KEY, ramp(5));
  const { samples } = render(queue, 10);
  assert.ok(samples.some((sample) => sample > 0));
});

/** A part that plays: its second quantum is the next one. */
function playing(queue, samples = ramp(100)) {
  queue.add(KEY, samples);
  render(queue, 1);
  return queue;
}

test('what is held goes on with the very next sample', () => {
  const queue = playing(new JitterQueue(RATE), new Int16Array(100).fill(10_000));
  queue.hold();
  const held = render(queue, 50, 10);
  const loudness = held.samples.map((sample) => Math.round(sample * 32768));
  const down = [9000, 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000, 0];
  assert.deepEqual(loudness.slice(0, 10), down);
  assert.ok(loudness.slice(10).every((sample) => sample === 0));
  assert.deepEqual(
    held.reports.map(({ spans }) => spans),
    [[{ key: KEY, start: 10, count: 10, frame: 10 }]]
  );
  queue.resume();
  const { samples, reports } = render(queue, 9, 510);
  const again = samples.map((sample) => Math.round(sample * 32768));
  assert.deepEqual(again.slice(0, 12), [
    1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 10_000, 10_000,
  ]);
  assert.deepEqual(reports[0].spans, [{ key: KEY, start: 20, count: 10, frame: 510 }]);
  assert.equal(again.filter((sample) => sample !== 0).length, 80);
});

test('a hold is no underrun, and what comes meanwhile waits', () => {
  const queue = playing(new JitterQueue(RATE), ramp(40));
  queue.hold();
  render(queue, 100, 10);
  queue.add(KEY, ramp(60, 41));
  render(queue, 100, 1010);
  assert.deepEqual([queue.underruns, queue.dry], [0, 0]);
  queue.end(KEY);
  queue.resume();
  const { reports } = render(queue, 20, 2010);
  assert.deepEqual(reports.at(-1).ended, [{ key: KEY, samples: 100 }]);
  assert.deepEqual([queue.underruns, queue.dry], [0, 0]);
});

test('what is held is cut where it was held', () => {
  for (const resumed of [false, true]) {
    const queue = playing(new JitterQueue(RATE));
    queue.hold();
    render(queue, 3, 10);
    if (resumed) {
      queue.resume();
    }
    queue.stop();
    const { samples, reports } = render(queue, 2, 40);
    assert.ok(samples.every((sample) => sample === 0));
    assert.deepEqual(reports[0].cut, [{ key: KEY, samples: 20 }]);
    // The next reply is not held.
    queue.add('0 b', ramp(100));
    assert.ok(render(queue, 2, 60).samples.some((sample) => sample > 0));
  }
});

test('a reply that comes into a hold waits', () => {
  const queue = new JitterQueue(RATE);
  queue.hold();
  render(queue, 2);
  queue.add(KEY, ramp(100));
  assert.ok(render(queue, 10, 20).samples.every((sample) => sample === 0));
  queue.resume();
  assert.deepEqual(render(queue, 1, 120).reports[0].spans, [
    { key: KEY, start: 0, count: 10, frame: 120 },
  ]);
});

test('running dry is counted, and waits for more the next time', () => {
  const queue = new JitterQueue(RATE);
  queue.add(KEY, ramp(50));
  render(queue, 8);
  assert.equal(queue.underruns, 1);
  assert.equal(queue.dry, 30);
  assert.equal(queue.target, 0.08);
  queue.add(KEY, ramp(50, 51));
  queue.add(KEY, ramp(50, 101));
  const { samples } = render(queue, 10, 80);
  assert.deepEqual(
    samples.map((sample) => Math.round(sample * 32768)),
    [...ramp(100, 51)]
  );
  assert.equal(queue.underruns, 1);
});

test('a stop takes one quantum, and says to the sample where it was', () => {
  const queue = new JitterQueue(RATE);
  queue.add(KEY, ramp(500, 1000));
  render(queue, 3);
  queue.stop();
  const { samples, reports } = render(queue, 3, 30);
  assert.ok(samples[0] > 0);
  assert.ok(samples.slice(9).every((sample) => sample === 0));
  assert.deepEqual(reports[0].cut, [{ key: KEY, samples: 40 }]);
  queue.stop();
  assert.deepEqual(render(queue, 1, 60).reports[0].cut, []);
});

test('a pause of the server before an interruption is no accident', () => {
  const queue = new JitterQueue(RATE);
  queue.add(KEY, ramp(50));
  render(queue, 8);
  queue.stop();
  render(queue, 1, 80);
  assert.deepEqual([queue.underruns, queue.dry, queue.target], [0, 0, 0.04]);
});

test('parts follow each other without a gap', () => {
  const queue = new JitterQueue(RATE);
  queue.add(KEY, ramp(45));
  queue.add('0 b', ramp(5, 46));
  queue.end(null);
  const { samples, reports } = render(queue, 5);
  assert.deepEqual(
    samples.map((sample) => sample * 32768),
    [...ramp(50)]
  );
  assert.deepEqual(
    reports.flatMap((report) => report.ended),
    [
      { key: KEY, samples: 45 },
      { key: '0 b', samples: 5 },
    ]
  );
});

test('what is heard is known to the sample, with the times of it', () => {
  const playback = new Playback();
  const timeOf = (frame) => 100 + frame / RATE;
  const samples = new Int16Array(100);
  samples[30] = 1000;
  playback.add(PART, samples);
  playback.rendered({
    spans: [{ key: KEY, start: 0, count: 60, frame: 500 }],
    ended: [],
    cut: null,
  });
  assert.deepEqual(playback.poll(500, timeOf), []);
  assert.equal(playback.position(), null);
  assert.deepEqual(playback.poll(520, timeOf), [{ kind: 'begun', part: PART, at: 100.5 }]);
  assert.deepEqual(playback.position(), { part: PART, samples: 21 });
  assert.deepEqual(playback.poll(540, timeOf), [{ kind: 'audible', part: PART, at: 100.53 }]);
  playback.poll(900, timeOf);
  assert.deepEqual(playback.position(), { part: PART, samples: 60 });
  playback.rendered({
    spans: [{ key: KEY, start: 60, count: 40, frame: 900 }],
    ended: [{ key: KEY, samples: 100 }],
    cut: null,
  });
  assert.deepEqual(playback.poll(950, timeOf), [
    { kind: 'ended', part: PART, samples: 100, at: 100.94 },
  ]);
  assert.ok(playback.idle);
});

test('what was cut is heard to where it was cut, and does not end', () => {
  const playback = new Playback();
  const timeOf = (frame) => frame / RATE;
  playback.add(PART, new Int16Array(100));
  const spans = [{ key: KEY, start: 0, count: 60, frame: 0 }];
  const cut = playback.rendered({ spans, ended: [], cut: [{ key: KEY, samples: 60 }] });
  assert.deepEqual(cut, [{ part: PART, samples: 60 }]);
  playback.poll(40, timeOf);
  assert.equal(playback.position().samples, 41);
  assert.deepEqual(playback.poll(90, timeOf), []);
  assert.equal(playback.position(), null);
});
