/**
 * The trace of a page: records of what happened, as JSON lines. Pure.
 *
 * The format is that of the server's traces, with `side` "client". Times are Unix seconds of the
 * server's clock where it is known, rounded to 0.1 ms. The oldest records are dropped: of sound,
 * of which there is much, those of the last ten minutes stay.
 */

/** Records that are kept, but for those of sound. */
export const KEPT = 10_000;

/** Records of sound that are kept, 0.1 s each. */
export const KEPT_CHUNKS = 6000;

/** Records between two clean-ups of a list: moving all of it each time would cost too much. */
const SLACK = 1000;

/** Samples per second of positions in traces. */
export const POSITION_RATE = 16_000;

/** Version of the format. */
export const FORMAT = 2;

export class TraceLog {
  #records = [];
  #chunks = [];
  #begins = new Map();
  #count = 0;

  /**
   * @param {{id: string}} session may get its id later.
   * @param {string} kind
   * @param {number} at Unix seconds, for the order.
   * @param {object} fields numbers of Unix seconds go through `moment`.
   */
  add(session, kind, at, fields) {
    const record = { kind, session, at, fields, number: this.#count };
    this.#count += 1;
    if (kind === 'begin') {
      // What every reader needs first is not dropped while anything of its session is there.
      this.#begins.set(session, record);
      return record;
    }
    const [list, bound] = kind === 'chunk' ? [this.#chunks, KEPT_CHUNKS] : [this.#records, KEPT];
    list.push(record);
    if (list.length > bound + SLACK) {
      list.splice(0, list.length - bound);
      this.#forgetSessions();
    }
    return record;
  }

  /** Drop everything but the beginnings of sessions that go on. */
  clear(current = []) {
    this.#records = [];
    this.#chunks = [];
    for (const session of [...this.#begins.keys()]) {
      if (!current.includes(session)) {
        this.#begins.delete(session);
      }
    }
  }

  /** @returns {string} one line of JSON for each record: how sessions began, then all in time. */
  toJSONL() {
    const all = [...this.#records, ...this.#chunks];
    all.sort((a, b) => a.at - b.at || a.number - b.number);
    return [...this.#begins.values(), ...all]
      .map(({ kind, session, fields }) => JSON.stringify({ kind, session: session.id, ...fields }))
      .map((line) => `${line}\n`)
      .join('');
  }

  #forgetSessions() {
    const alive = new Set([...this.#records, ...this.#chunks].map((record) => record.session));
    const newest = [...this.#begins.keys()].pop();
    for (const session of this.#begins.keys()) {
      if (!alive.has(session) && session !== newest) {
        this.#begins.delete(session);
      }
    }
  }
}

/**
 * @param {number | null | undefined} seconds Unix seconds.
 * @returns {number | null} the same, to 0.1 ms.
 */
export function moment(seconds) {
  return seconds === null || seconds === undefined ? null : Math.round(seconds * 1e4) / 1e4;
}

/**
 * @param {Record<string, number>} parts milliseconds.
 * @returns {Record<string, number>} seconds, to 0.1 ms.
 */
export function inSeconds(parts) {
  const entries = Object.entries(parts).map(([part, value]) => [part, moment(value / 1000)]);
  return Object.fromEntries(entries);
}
