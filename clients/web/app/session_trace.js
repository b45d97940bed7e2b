/** Where the time of this page's sessions went: shown while they go on, and saved as a file. */

import { ClockMap } from '../core/clock.js';
import { summary } from '../core/percentiles.js';
import { FORMAT, POSITION_RATE, TraceLog, inSeconds, moment } from '../core/trace.js';
import { TURN_PARTS, chunkParts, totalOf, turnParts } from '../core/waterfall.js';
import { now } from '../sound/now.js';

/** Turns and captions that are kept for the view. */
const MAX_TURNS = 200;
const MAX_CHUNKS = 500;

/** Seconds of sound that one record is for. */
const CHUNK_SECONDS = 0.1;

/** The offset of the clocks is recorded again when its error has become so much smaller. */
const BETTER = 0.8;

/**
 * @typedef {object} TracedTurn
 * @property {string} id of the response.
 * @property {number} at Unix seconds at which the person had finished.
 * @property {Record<string, number>} parts milliseconds, by `TURN_PARTS`.
 * @property {number} total their sum.
 */

/**
 * @typedef {object} TracedChunk
 * @property {number} at Unix seconds at which the caption came.
 * @property {string} text its last word.
 * @property {Record<string, number>} parts milliseconds, by `CHUNK_PARTS`.
 */

/** Event: `change`, when a turn or a caption is new, or more is known of one. */
export class SessionTrace extends EventTarget {
  #log = new TraceLog();
  #map = new ClockMap();
  #recordedError = Infinity;
  #captions = new Map();
  #nextCaption = 1;
  #sessions = new Set();

  constructor() {
    super();
    /** The newest turns, newest last. @type {TracedTurn[]} */
    this.turns = [];
    /** The ways of the newest captions, newest last. @type {TracedChunk[]} */
    this.chunks = [];
    /** What is known of the server, for the records with which sessions begin. */
    this.facts = { version: null, recognizer: null };
  }

  /** The server's clock; connections teach it. */
  get clockMap() {
    return this.#map;
  }

  /** Server's clock minus ours, and its largest error, in seconds; null: not known. */
  get clock() {
    return { offset: this.#map.offset, error: this.#map.error };
  }

  /**
   * @param {string} part one of `TURN_PARTS` or `CHUNK_PARTS`, or 'total'.
   * @param {'turns' | 'chunks'} [of] of what; otherwise of turns, if turns have such a part.
   * @returns {{p50: number | null, p95: number | null, count: number}} milliseconds.
   */
  percentiles(part, of = part === 'total' || TURN_PARTS.includes(part) ? 'turns' : 'chunks') {
    const values = this[of]
      .map(({ parts }) => (part === 'total' ? totalOf(parts) : parts[part]))
      .filter((value) => value !== undefined);
    return summary(values);
  }

  /** @returns {string} all that is remembered, one line of JSON for each record. */
  toJSONL() {
    return this.#log.toJSONL();
  }

  /** Forget what was; sessions that go on stay. */
  clear() {
    this.#log.clear([...this.#sessions]);
    this.#captions.clear();
    this.turns = [];
    this.chunks = [];
    this.#changed();
  }

  // For those that hold the connections.

  /**
   * A session begins.
   *
   * @param {'listen' | 'realtime'} endpoint
   * @param {object} [facts] further fields of the record.
   * @returns {{id: string}} stands for it; the server's id can be set when it is known.
   */
  begin(endpoint, facts = {}) {
    const session = { id: `page_${Math.random().toString(36).slice(2, 12)}`, sound: null };
    this.#sessions.add(session);
    const at = this.#server(now());
    this.#log.add(session, 'begin', at, {
      format: FORMAT,
      at: moment(at),
      endpoint,
      side: 'client',
      ...this.facts,
      ...facts,
    });
    return session;
  }

  /**
   * A session is over.
   *
   * @param {{id: string}} session
   * @param {number} seconds of sound that it has heard.
   * @param {number} [code] of the closing.
   */
  end(session, seconds, code = 1000) {
    const at = this.#server(now());
    this.#log.add(session, 'end', at, { at: moment(at), code, audio_seconds: moment(seconds) });
    this.#sessions.delete(session);
  }

  /** The clocks were compared in a session. */
  clockAnswered(session) {
    const { offset, error } = this.clock;
    if (error !== null && error < this.#recordedError * BETTER) {
      this.#recordedError = error;
      const at = this.#server(now());
      this.#log.add(session, 'clock', at, { at: moment(at), offset, error });
      this.#changed();
    }
  }

  /**
   * Sound has left the page.
   *
   * @param {{id: string}} session
   * @param {object} sound
   * @param {number} sound.start seconds of the session's sound at which it begins
   * @param {number} sound.seconds its length
   * @param {number} sound.capturedAt
   * @param {number} sound.sentAt
   * @param {number} sound.level dB of full scale.
   */
  soundSent(session, { start, seconds, capturedAt, sentAt, level }) {
    const open = (session.sound ??= { start, seconds: 0, capturedAt, power: 0 });
    open.seconds += seconds;
    open.power += seconds * 10 ** (level / 10);
    if (open.seconds < CHUNK_SECONDS - 1e-6) {
      return;
    }
    session.sound = null;
    const at = this.#server(open.capturedAt);
    this.#log.add(session, 'chunk', at, {
      channel: 0,
      start: Math.round(open.start * POSITION_RATE),
      end: Math.round((open.start + open.seconds) * POSITION_RATE),
      captured_at: moment(at),
      mapped: this.#map.offset !== null,
      sent_at: moment(this.#server(sentAt)),
      level: Math.round(100 * Math.log10(open.power / open.seconds)) / 10,
    });
  }

  /**
   * A caption has come.
   *
   * @param {{id: string}} session
   * @param {import('../core/results.js').Transcript} transcript
   * @param {object} times
   * @param {number | null} times.sentAt when the end of its last word left the page
   * @param {number} times.arrivedAt when it came
   * @param {number} times.offset seconds of the stream at which the connection began.
   * @returns {number} stands for it in `shown`.
   */
  caption(session, transcript, { sentAt, arrivedAt, offset }) {
    const id = this.#nextCaption;
    this.#nextCaption += 1;
    const { latency, words } = transcript;
    const way = { latency: latency ?? {}, sentAt, arrivedAt, shownAt: null };
    const parts = latency && words.length ? this.#chunkParts(way) : {};
    const at = this.#server(arrivedAt);
    const place = (seconds) => Math.round((seconds - offset) * POSITION_RATE);
    const record = this.#log.add(session, 'caption', at, {
      at: latency ? moment(latency.received_at + (latency.emit_ms ?? 0) / 1000) : null,
      start: place(transcript.start),
      end: place(transcript.end),
      is_final: transcript.isFinal,
      speech_final: transcript.speechFinal,
      word_count: words.length,
      committed_count: transcript.committed,
      latency: latency ? serverLatency(latency) : null,
      received_at_client: moment(at),
      shown_at: null,
    });
    const chunk = { at: arrivedAt, text: words[words.length - 1]?.text ?? '', parts };
    this.#captions.set(id, { way, chunk, record });
    if (this.#captions.size > MAX_CHUNKS) {
      this.#captions.delete(this.#captions.keys().next().value);
    }
    if (latency && words.length) {
      this.chunks.push(chunk);
      this.chunks.splice(0, this.chunks.length - MAX_CHUNKS);
      this.#changed();
    }
    return id;
  }

  /**
   * A caption can be seen.
   *
   * @param {number} id as `caption` gave it; one that was shown already, or forgotten, is let pass.
   * @param {number} [at] Unix seconds.
   */
  shown(id, at = now()) {
    const found = this.#captions.get(id);
    if (!found) {
      return;
    }
    this.#captions.delete(id);
    found.way.shownAt = at;
    found.record.fields.shown_at = moment(this.#server(at));
    if (Object.keys(found.chunk.parts).length) {
      found.chunk.parts = this.#chunkParts(found.way);
      this.#changed();
    }
  }

  /**
   * A reply is heard, so that its turn's way is known.
   *
   * @param {{id: string}} session
   * @param {string} id of the response.
   * @param {object} way as `turnParts` takes it, but for the offset.
   * @returns {{parts: Record<string, number>, total: number}}
   */
  turn(session, id, way) {
    const { parts, total, mapped } = turnParts({ ...way, offset: this.#map.offset });
    const traced = { id, at: way.capturedAt, parts, total };
    const at = this.#server(way.heardAt);
    this.#log.add(session, 'response', at, {
      response_id: id,
      at: moment(at),
      speech: {
        end: Math.round((way.endMs * POSITION_RATE) / 1000),
        captured_at: moment(this.#server(way.capturedAt)),
        received_at: moment(way.receivedAt),
      },
      audible_sent_at: moment(way.audibleSentAt),
      received_at_client: moment(this.#server(way.arrivedAt)),
      heard_at: moment(at),
      mapped,
      parts: inSeconds(parts),
    });
    this.turns.push(traced);
    this.turns.splice(0, this.turns.length - MAX_TURNS);
    this.#changed();
    return { parts, total };
  }

  #chunkParts(way) {
    return chunkParts({ ...way, offset: this.#map.offset });
  }

  #server(time) {
    return this.#map.toServer(time);
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** The server's stages in a trace: seconds after the sound came. */
function serverLatency(latency) {
  const stages = { received_at: moment(latency.received_at) };
  for (const [name, value] of Object.entries(latency)) {
    if (name.endsWith('_ms')) {
      stages[name.slice(0, -3)] = value === null ? null : moment(value / 1000);
    }
  }
  return stages;
}
