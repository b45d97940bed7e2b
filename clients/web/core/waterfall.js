/**
 * Where the time goes: between a person's last sound and the reply that they hear, and between a
 * word and its caption. Pure.
 *
 * Times are Unix seconds, parts milliseconds. The parts of a turn add up to the silence that the
 * person hears, whatever the offset of the two clocks is taken for: it only moves time between the
 * way there and the way back.
 */

/** Parts of a turn, in order. */
export const TURN_PARTS = Object.freeze([
  'capture',
  'network',
  'endpoint',
  'final',
  'first_token',
  'first_piece',
  'first_byte',
  'first_audible',
  'downlink',
  'played',
]);

/** Those of them that pass in the server, which measures them. */
export const SERVER_PARTS = Object.freeze(TURN_PARTS.slice(2, 8));

/** Parts of a caption, in order. */
export const CHUNK_PARTS = Object.freeze([
  'capture',
  'network',
  'vad',
  'decode',
  'commit',
  'emit',
  'downlink',
  'shown',
]);

/**
 * The way of a turn.
 *
 * @param {object} turn
 * @param {number} turn.capturedAt the person's last sound was captured (client's clock)
 * @param {number} turn.sentAt its chunk left the client
 * @param {number | null} turn.receivedAt the server had it (server's clock)
 * @param {Record<string, number>} turn.latency the server's parts
 * @param {number | null} turn.audibleSentAt the first sound that can be heard left it
 * @param {number} turn.arrivedAt it came to the client (client's clock)
 * @param {number} turn.heardAt it was heard
 * @param {number | null} turn.offset server's clock minus client's; null: not known.
 * @returns {{parts: Record<string, number>, total: number, mapped: boolean}} with `mapped` false,
 *   where the offset is not known, the two ways are taken for equally long.
 */
export function turnParts(turn) {
  const { capturedAt, sentAt, receivedAt, latency, audibleSentAt, arrivedAt } = turn;
  // Nothing is heard before it came, whatever a browser says of its first sound.
  const heardAt = Math.max(turn.heardAt, arrivedAt);
  const parts = {};
  const total = (heardAt - capturedAt) * 1000;
  parts.capture = (sentAt - capturedAt) * 1000;
  let server = 0;
  for (const part of SERVER_PARTS) {
    const value = latency[part] ?? 0;
    parts[part] = value;
    server += value;
  }
  parts.played = (heardAt - arrivedAt) * 1000;
  const ways = total - parts.capture - server - parts.played;
  const known = turn.offset !== null && receivedAt !== null && audibleSentAt !== null;
  parts.network = known ? (receivedAt - turn.offset - sentAt) * 1000 : ways / 2;
  parts.downlink = ways - parts.network;
  // A way that took less than nothing is one whose ends were told too coarsely.
  moveNegative(parts, 'network', 'capture');
  moveNegative(parts, 'downlink', 'played');
  return { parts: ordered(parts, TURN_PARTS), total, mapped: known };
}

/**
 * The way of a caption's last word.
 *
 * `decode` begins with the detector's answer, so it has the wait for a free decoder in it.
 *
 * @param {object} caption
 * @param {object} caption.latency as the server tells it
 * @param {number | null} caption.sentAt when the chunk with the word's end left the client
 * @param {number} caption.arrivedAt when the caption came (client's clock)
 * @param {number | null} caption.shownAt when it could be seen; null: not yet
 * @param {number | null} caption.offset server's clock minus client's; null: not known.
 * @returns {Record<string, number>} the parts that are known.
 */
export function chunkParts({ latency, sentAt, arrivedAt, shownAt, offset }) {
  const parts = {};
  const captured = latency.captured_at ?? null;
  if (captured !== null && sentAt !== null) {
    parts.capture = (sentAt - captured) * 1000;
  }
  if (offset !== null && sentAt !== null) {
    parts.network = (latency.received_at - offset - sentAt) * 1000;
  }
  let passed = 0;
  for (const [part, stage] of [
    ['vad', 'vad_ms'],
    ['decode', 'decode_end_ms'],
    ['commit', 'commit_ms'],
    ['emit', 'emit_ms'],
  ]) {
    const at = latency[stage] ?? null;
    if (at !== null) {
      parts[part] = Math.max(0, at - passed);
      passed = Math.max(passed, at);
    }
  }
  if (offset !== null) {
    parts.downlink = (arrivedAt - (latency.received_at + passed / 1000 - offset)) * 1000;
  }
  if ('capture' in parts && 'network' in parts) {
    moveNegative(parts, 'network', 'capture');
  }
  if (shownAt !== null) {
    parts.shown = (shownAt - arrivedAt) * 1000;
  }
  return ordered(parts, CHUNK_PARTS);
}

/**
 * @param {Record<string, number>} parts
 * @returns {number} their sum.
 */
export function totalOf(parts) {
  return Object.values(parts).reduce((sum, part) => sum + part, 0);
}

function moveNegative(parts, from, to) {
  if (parts[from] < 0) {
    parts[to] += parts[from];
    parts[from] = 0;
  }
}

function ordered(parts, names) {
  return Object.fromEntries(
    names.filter((name) => name in parts).map((name) => [name, parts[name]])
  );
}
