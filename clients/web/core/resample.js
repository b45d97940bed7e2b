/**
 * Sound at one rate into sound at a lower or higher one, piece by piece. Pure.
 *
 * A windowed sinc, evaluated at every place that an output sample can have between two input
 * samples: with whole rates there are few of these, so their weights are computed once.
 */

/** Zero crossings of the sinc on each side. */
const CROSSINGS = 16;

/** Of the lower of the two rates: so much of its band passes. */
const PASSES = 0.92;

/** Of the Kaiser window: 80 dB of what would fold back is kept out. */
const BETA = 8;

export class Resampler {
  #step;
  #phases;
  #half;
  #weights;
  #kept;
  #filled;
  #first;
  #next = 0;

  /**
   * @param {number} from Hz, whole.
   * @param {number} to Hz, whole.
   */
  constructor(from, to) {
    const divisor = greatestCommonDivisor(from, to);
    this.#step = from / divisor;
    this.#phases = to / divisor;
    const cutoff = PASSES * Math.min(1, to / from);
    this.#half = Math.ceil(CROSSINGS / cutoff);
    this.#weights = Array.from({ length: this.#phases }, (_, phase) =>
      weightsAt(phase / this.#phases, this.#half, cutoff)
    );
    // Before the first sample there was silence.
    this.#kept = new Float32Array(2 * this.#half + 4096);
    this.#filled = this.#half;
    this.#first = -this.#half;
  }

  /** Output samples that there were so far; sample k lies at the input's k * from / to. */
  get produced() {
    return this.#next;
  }

  /** Input samples that must follow a place before its output sample can be said. */
  get delay() {
    return this.#half;
  }

  /**
   * @param {Float32Array} samples the next of the input.
   * @returns {Float32Array} what can be said of the output now.
   */
  process(samples) {
    this.#keep(samples);
    const out = [];
    for (;;) {
      const place = this.#next * this.#step;
      const base = Math.floor(place / this.#phases);
      const start = base - this.#half + 1 - this.#first;
      if (start + 2 * this.#half > this.#filled) {
        break;
      }
      const weights = this.#weights[place % this.#phases];
      let sum = 0;
      for (let index = 0; index < weights.length; index += 1) {
        sum += weights[index] * this.#kept[start + index];
      }
      out.push(sum);
      this.#next += 1;
    }
    return Float32Array.from(out);
  }

  #keep(samples) {
    const needed = Math.floor((this.#next * this.#step) / this.#phases) - this.#half + 1;
    const drop = Math.max(0, Math.min(this.#filled, needed - this.#first));
    if (this.#filled - drop + samples.length > this.#kept.length) {
      const larger = new Float32Array(2 * (this.#filled + samples.length));
      larger.set(this.#kept.subarray(0, this.#filled));
      this.#kept = larger;
    }
    this.#kept.copyWithin(0, drop, this.#filled);
    this.#filled -= drop;
    this.#first += drop;
    this.#kept.set(samples, this.#filled);
    this.#filled += samples.length;
  }
}

function weightsAt(fraction, half, cutoff) {
  const weights = new Float64Array(2 * half);
  let sum = 0;
  for (let index = 0; index < weights.length; index += 1) {
    const distance = index - half + 1 - fraction;
    const angle = Math.PI * cutoff * distance;
    const sinc = distance === 0 ? 1 : Math.sin(angle) / angle;
    const edge = distance / half;
    weights[index] = Math.abs(edge) >= 1 ? 0 : sinc * bessel(BETA * Math.sqrt(1 - edge * edge));
    sum += weights[index];
  }
  // A constant stays what it is, whatever the phase.
  return weights.map((weight) => weight / sum);
}

/** The modified Bessel function of order 0, which the Kaiser window is made of. */
function bessel(x) {
  let [term, sum] = [1, 1];
  for (let count = 1; term > 1e-12 * sum; count += 1) {
    term *= (x / (2 * count)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
