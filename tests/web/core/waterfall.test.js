import assert from 'node:assert/strict';
import test from 'node:test';

import { Backoff } from '../../../clients/web/core/backoff.js';
import { percentile, summary } from '../../../clients/web/core/percentiles.js';
import { KEPT, TraceLog, inSeconds, moment } from '../../../clients/web/core/trace.js';
import {
  CHUNK_PARTS,
  TURN_PARTS,
  chunkParts,
  totalOf,
  turnParts,
} from '../../../clients/web/core/waterfall.js';

const WAY = {
  capturedAt: 100,
  sentAt: 100.03,
  receivedAt: 140.04,
  latency: {
    endpoint: 300,
    final: 5,
    first_token: 10,
    first_piece: 1,
    first_byte: 20,
    first_audible: 4,
  },
  audibleSentAt: 140.38,
  arrivedAt: 100.4,
  heardAt: 100.45,
};

test('the parts of a turn are all there, in order, and add up to the silence', () => {
  for (const offset of [40, 39.995, null]) {
    const { parts, total, mapped } = turnParts({ ...WAY, offset });
    assert.deepEqual(Object.keys(parts), [...TURN_PARTS]);
    assert.ok(Math.abs(totalOf(parts) - total) < 1e-6);
    assert.ok(Math.abs(total - 450) < 1e-6);
    assert.equal(mapped, offset !== null);
  }
  const { parts } = turnParts({ ...WAY, offset: 40 });
  assert.ok(Math.abs(parts.network - 10) < 1e-6);
  assert.ok(Math.abs(parts.downlink - 20) < 1e-6);
});

test('no part is below nothing because clocks are known to a millisecond only', () => {
  const { parts, total } = turnParts({ ...WAY, offset: 40.012 });
  assert.equal(parts.network, 0);
  assert.ok(Math.abs(totalOf(parts) - total) < 1e-6);
});

test('nothing is heard before it came', () => {
  const { parts, total } = turnParts({ ...WAY, heardAt: 100.39, offset: 40 });
  assert.equal(parts.played, 0);
  assert.ok(Math.abs(total - 400) < 1e-6);
  assert.ok(Math.abs(totalOf(parts) - total) < 1e-6);
});

test('the parts of a caption are those that are known', () => {
  const latency = {
    captured_at: 100,
    received_at: 140.03,
    vad_ms: 1,
    decode_start_ms: 5,
    decode_end_ms: 20,
    commit_ms: null,
    emit_ms: 21,
  };
  const way = { latency, sentAt: 100.02, arrivedAt: 100.06, shownAt: 100.08, offset: 40 };
  const parts = chunkParts(way);
  assert.deepEqual(
    Object.keys(parts),
    CHUNK_PARTS.filter((part) => part !== 'commit')
  );
  assert.ok(Math.abs(totalOf(parts) - 80) < 1e-6);
  const unmapped = chunkParts({ ...way, offset: null, shownAt: null });
  assert.deepEqual(Object.keys(unmapped), ['capture', 'vad', 'decode', 'emit']);
});

test('percentiles lie between the values', () => {
  assert.equal(percentile([], 0.5), null);
  assert.equal(percentile([3, 1, 2], 0.5), 2);
  assert.equal(percentile([0, 10], 0.95), 9.5);
  assert.deepEqual(summary([4]), { p50: 4, p95: 4, count: 1 });
});

test('a trace is lines of JSON in the order of time, with the id that came later', () => {
  const log = new TraceLog();
  const session = { id: 'page' };
  log.add(session, 'chunk', 2, { start: 5 });
  log.add(session, 'begin', 1, { format: 2 });
  session.id = 'sess_1';
  const lines = log
    .toJSONL()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines, [
    { kind: 'begin', session: 'sess_1', format: 2 },
    { kind: 'chunk', session: 'sess_1', start: 5 },
  ]);
  log.clear([session]);
  assert.equal(log.toJSONL().trimEnd().split('\n').length, 1);
});

test('a trace is bounded, and sessions of which nothing is left go', () => {
  const log = new TraceLog();
  for (const id of ['old', 'new']) {
    const session = { id };
    log.add(session, 'begin', 0, {});
    for (let count = 0; count < KEPT + 2000; count += 1) {
      log.add(session, 'caption', count, {});
    }
  }
  const text = log.toJSONL();
  assert.ok(text.split('\n').length <= KEPT + 1100);
  assert.ok(!text.includes('"old"'));
  assert.ok(text.startsWith('{"kind":"begin","session":"new"'));
});

test('times have a tenth of a millisecond', () => {
  assert.equal(moment(1.23456), 1.2346);
  assert.equal(moment(null), null);
  assert.deepEqual(inSeconds({ capture: 12.34 }), { capture: 0.0123 });
});

test('attempts come more rarely, and end', () => {
  const backoff = new Backoff({ first: 1, ceiling: 4, jitter: 0.5, total: 60 });
  assert.deepEqual(
    [1, 2, 3, 4].map((attempt) => backoff.delay(attempt, 0, 0)),
    [1, 2, 4, 4]
  );
  assert.equal(backoff.delay(1, 0, 1), 0.5);
  assert.equal(backoff.delay(9, 60, 0), null);
});
