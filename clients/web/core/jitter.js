/**
 * What is to be played, in the audio thread: in order, in time, and gone at once. Pure.
 *
 * A part begins when enough of it is there that it will hardly run dry; how much is enough grows
 * each time that it was not, and shrinks again with time. Which frame has which sample of which
 * part is told in spans, so that others can say what is heard.
 */

/** Sound that is waited for before a part begins: at first, at least, and at most, in seconds. */
const FIRST = 0.04;
const MOST = 0.4;

/** After a time without running dry, the target gets smaller by this factor. */
const RELAX_SECONDS = 30;
const RELAX = 0.8;

/** Longest part that waits to be played; what goes beyond is left out. */
const MAX_SECONDS = 600;

/**
 * @typedef {object} Span samples of a part that are in frames of the context.
 * @property {string} key of the part.
 * @property {number} start first sample of the part.
 * @property {number} count
 * @property {number} frame the frame that has the first of them.
 */

export class JitterQueue {
  #rate;
  #parts = [];
  #waiting = true;
  #waited = 0;
  #stopping = false;
  #holding = false;
  #silent = false;
  #calm = 0;
  #spans = [];
  #ended = [];
  #cut = null;
  #before = {};

  /** @param {number} rate frames per second. */
  constructor(rate) {
    this.#rate = rate;
    /** Times that a part had no more sound although more was to come. */
    this.underruns = 0;
    /** Frames of silence because of that. */
    this.dry = 0;
    /** Samples beyond `MAX_SECONDS` of a part. */
    this.leftOut = 0;
    /** Seconds of sound that are waited for now. */
    this.target = FIRST;
  }

  /**
   * @param {string} key of a part; a new one ends the one before it.
   * @param {Int16Array} samples
   */
  add(key, samples) {
    let part = this.#parts[this.#parts.length - 1];
    if (part?.key !== key) {
      this.end(null);
      part = { key, pieces: [], arrived: 0, taken: 0, complete: false, dry: false };
      this.#parts.push(part);
    }
    const room = MAX_SECONDS * this.#rate - (part.arrived - part.taken);
    this.leftOut += Math.max(0, samples.length - room);
    const kept = samples.subarray(0, Math.max(0, room));
    if (kept.length) {
      part.pieces.push(kept);
      part.arrived += kept.length;
    }
  }

  /** @param {string | null} key no more sound will come of this part; null: of none. */
  end(key) {
    for (const part of this.#parts) {
      part.complete ||= key === null || part.key === key;
    }
  }

  /** Stop within the next call of `take`, which fades what would have been in it. */
  stop() {
    this.#stopping = true;
  }

  /** Pause within the next call of `take`, which fades what is in it, until `resume` or `stop`. */
  hold() {
    this.#holding = true;
  }

  /** Go on, with the sample behind the last one that was taken. */
  resume() {
    this.#holding = false;
  }

  /**
   * @param {Float32Array} out zeros, to be filled.
   * @param {number} frame of the first of them.
   */
  take(out, frame) {
    const rises = this.#silent;
    if (rises && (this.#holding || this.#stopping)) {
      if (this.#stopping) {
        this.#end();
      }
      return;
    }
    this.#calm += out.length;
    if (this.#calm > RELAX_SECONDS * this.#rate) {
      this.#calm = 0;
      this.target = Math.max(FIRST, this.target * RELAX);
    }
    let filled = 0;
    while (this.#parts.length && (this.#stopping ? !this.#waiting : this.#ready(out.length))) {
      const part = this.#parts[0];
      filled = this.#fill(part, out, filled, frame);
      if (part.taken < part.arrived) {
        break;
      }
      if (!part.complete) {
        if (filled < out.length) {
          this.#runDry(part);
        }
        break;
      }
      this.#ended.push({ key: part.key, samples: part.taken });
      this.#parts.shift();
    }
    if (!this.#parts.length) {
      this.#waiting = true;
    } else if (this.#parts[0].dry) {
      this.dry += out.length - filled;
    }
    if (rises) {
      fade(out, (place) => place);
    }
    if (this.#stopping || this.#holding) {
      fade(out, (place) => 1 - place);
    }
    if (this.#stopping) {
      this.#end();
    } else {
      this.#silent = this.#holding;
    }
  }

  /** @returns {object | null} what happened since the last call; null: nothing. */
  report() {
    if (!this.#spans.length && !this.#ended.length && this.#cut === null) {
      return null;
    }
    const told = { spans: this.#spans, ended: this.#ended, cut: this.#cut };
    this.#spans = [];
    this.#ended = [];
    this.#cut = null;
    return told;
  }

  /** Whether something is to be told at once. */
  get urgent() {
    return this.#cut !== null || this.#ended.length > 0;
  }

  #ready(frames) {
    if (!this.#waiting) {
      return true;
    }
    const part = this.#parts[0];
    const there = part.arrived - part.taken;
    if (!there && !part.complete) {
      return false;
    }
    const target = this.target * this.#rate;
    this.#waited += frames;
    if (there >= target || part.complete || this.#waited > target) {
      this.#waiting = false;
      this.#waited = 0;
      part.dry = false;
    }
    return !this.#waiting;
  }

  #fill(part, out, filled, frame) {
    const from = filled;
    const start = part.taken;
    while (filled < out.length && part.pieces.length) {
      const [piece] = part.pieces;
      const used = Math.min(piece.length, out.length - filled);
      for (let index = 0; index < used; index += 1) {
        out[filled + index] = piece[index] / 32768;
      }
      if (used < piece.length) {
        part.pieces[0] = piece.subarray(used);
      } else {
        part.pieces.shift();
      }
      filled += used;
      part.taken += used;
    }
    if (filled > from) {
      this.#span(part.key, start, filled - from, frame + from);
    }
    return filled;
  }

  #span(key, start, count, frame) {
    const last = this.#spans[this.#spans.length - 1];
    if (
      last?.key === key &&
      last.start + last.count === start &&
      last.frame + last.count === frame
    ) {
      last.count += count;
    } else {
      this.#spans.push({ key, start, count, frame });
    }
  }

  #runDry(part) {
    if (part.taken && !part.dry) {
      part.dry = true;
      this.#before = { underruns: this.underruns, dry: this.dry, target: this.target };
      this.underruns += 1;
      this.target = Math.min(MOST, this.target * 2);
      this.#calm = 0;
    }
    this.#waiting = true;
    this.#waited = 0;
  }

  #end() {
    if (this.#parts[0]?.dry) {
      // The server had stopped sending because the person speaks: that was no accident.
      Object.assign(this, this.#before);
    }
    this.#cut = this.#parts.map(({ key, taken }) => ({ key, samples: taken }));
    this.#parts = [];
    this.#waiting = true;
    this.#waited = 0;
    this.#stopping = this.#holding = this.#silent = false;
  }
}

/** Give each sample a share of its strength, by its place: from 0, without it, to 1. */
function fade(samples, share) {
  for (let index = 0; index < samples.length; index += 1) {
    samples[index] *= share((index + 1) / samples.length);
  }
}
