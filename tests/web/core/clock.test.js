import assert from 'node:assert/strict';
import test from 'node:test';

import { BlockTimes } from '../../../clients/web/core/block_times.js';
import { CaptureClock } from '../../../clients/web/core/capture_clock.js';
import { ClockExchange, ClockMap } from '../../../clients/web/core/clock.js';
import { SentLog } from '../../../clients/web/core/sent_log.js';

const near = (actual, expected, error = 1e-6) =>
  assert.ok(Math.abs(actual - expected) <= error, `${actual} is not ${expected}`);

/** An exchange with a server whose clock is `offset` ahead, and ways that take so long. */
function exchange(map, offset, sentAt, there, back) {
  const receivedAt = sentAt + there + offset;
  const serverSentAt = receivedAt + 0.001;
  map.add({ sentAt, receivedAt, serverSentAt, answeredAt: serverSentAt - offset + back });
}

test('nothing is known before the first exchange', () => {
  const map = new ClockMap();
  assert.equal(map.offset, null);
  assert.equal(map.error, null);
  assert.equal(map.toServer(5), 5);
});

test('the offset lies within the error, whichever way is the slow one', () => {
  for (const [there, back] of [
    [0.01, 0.09],
    [0.09, 0.01],
    [0.05, 0.05],
  ]) {
    const map = new ClockMap();
    exchange(map, 40, 1000, there, back);
    assert.ok(Math.abs(map.offset - 40) <= map.error + 1e-9);
    near(map.error, (there + back) / 2);
  }
});

test('two exchanges that are slow in different ways know more than each of them', () => {
  const map = new ClockMap();
  exchange(map, -3, 1000, 0.002, 0.2);
  exchange(map, -3, 1001, 0.2, 0.002);
  near(map.offset, -3, 1e-3);
  assert.ok(map.error < 0.003);
  near(map.toServer(50), 47, 1e-3);
  near(map.toClient(47), 50, 1e-3);
});

test('what was known gets less sure with time', () => {
  const map = new ClockMap();
  exchange(map, 0, 1000, 0.001, 0.001);
  const { error } = map;
  exchange(map, 0, 1100, 1, 1);
  near(map.error, error + 100 * 100e-6, 3e-4);
});

test('a clock that was set makes what is older worthless', () => {
  const map = new ClockMap();
  exchange(map, 0, 1000, 0.001, 0.001);
  exchange(map, 60, 1010, 0.001, 0.001);
  near(map.offset, 60, 1e-3);
});

test('a question tells of the answer before', () => {
  const asked = new ClockExchange(new ClockMap());
  assert.deepEqual(asked.question(1), { clock: { sent_at: 1 } });
  asked.answered({ client_sent_at: 1, received_at: 11, sent_at: 11.5 }, 2);
  assert.deepEqual(asked.question(3), {
    clock: { sent_at: 3, last: { server_sent_at: 11.5, received_at: 2 } },
  });
  near(asked.map.offset, 9.75);
});

test('the earliest block tells when samples were captured', () => {
  const clock = new CaptureClock();
  clock.observe(1, 21.03);
  clock.observe(1.02, 21.02);
  clock.observe(1.04, 21.09);
  near(clock.timeOf(1.04), 21.04);
});

test('a device that stood still is believed again after a while', () => {
  const clock = new CaptureClock();
  clock.observe(1, 1);
  for (let count = 0; count < 100; count += 1) {
    clock.observe(1.02 + 0.02 * count, 61.02 + 0.02 * count);
  }
  near(clock.timeOf(1), 61);
});

test('times of blocks may tremble; what is missing between them has its time', () => {
  const times = new BlockTimes();
  const begins = [5, 5.0104, 5.0198, 5.06, 5.0701].map((stamp) => times.next(stamp, 0.01));
  [5, 5.01, 5.02, 5.06, 5.07].forEach((begin, at) => near(begins[at], begin));
});

test('places in what was sent have their times', () => {
  const log = new SentLog(1000);
  assert.equal(log.at(5), null);
  log.sent(20, 10, 10.03);
  log.sent(20, 10.02, 10.05);
  log.sent(20, 12, 12.03);
  near(log.at(25).capturedAt, 10.025);
  near(log.at(25).sentAt, 10.05);
  near(log.at(20).capturedAt, 10.02);
  near(log.at(20).sentAt, 10.03);
  near(log.leftAt(10.01), 10.03);
  near(log.leftAt(10.02), 10.03);
  near(log.leftAt(12.005), 12.03);
  assert.equal(log.leftAt(11), null);
});
