/**
 * Samples: their rates, their bytes and how loud they are. Pure.
 *
 * PCM on the wire is 16 bit, little-endian, which is what `Int16Array` is on every machine that
 * browsers run on.
 */

/** Hz: what `/v1/listen` is sent. @type {number} */
export const LISTEN_RATE = 16000;

/** Hz: the one rate of PCM in the Realtime protocol. @type {number} */
export const REALTIME_RATE = 24000;

/** Amplitude of 16 bit from which a sample counts as heard: -40 dB of full scale. */
export const AUDIBLE = 328;

/** dB of full scale; what silence is said to have. */
export const SILENCE_DB = -100;

/**
 * @param {Float32Array} samples in [-1, 1]; what is beyond is clipped.
 * @returns {Int16Array} the same in 16 bit.
 */
export function toInt16(samples) {
  const rounded = new Int16Array(samples.length);
  for (let index = 0; index < samples.length; index += 1) {
    rounded[index] = Math.max(-32768, Math.min(32767, Math.round(samples[index] * 32768)));
  }
  return rounded;
}

/**
 * @param {Int16Array} samples
 * @returns {Float32Array} the same in [-1, 1).
 */
export function toFloat(samples) {
  const scaled = new Float32Array(samples.length);
  for (let index = 0; index < samples.length; index += 1) {
    scaled[index] = samples[index] / 32768;
  }
  return scaled;
}

/**
 * @param {Int16Array} samples
 * @returns {string} their bytes in base64.
 */
export function toBase64(samples) {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  let text = '';
  // In steps: a call takes a bounded number of arguments.
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(text);
}

/**
 * @param {string} text base64 of 16-bit samples.
 * @returns {Int16Array}
 * @throws {Error} it is no base64, or has half a sample at its end.
 */
export function fromBase64(text) {
  const read = atob(text);
  if (read.length % 2 === 1) {
    // All that follow would be noise.
    throw new Error(`the server sent ${read.length} bytes of sound; a sample has two`);
  }
  const bytes = new Uint8Array(read.length);
  for (let index = 0; index < read.length; index += 1) {
    bytes[index] = read.charCodeAt(index);
  }
  return new Int16Array(bytes.buffer);
}

/**
 * @param {Int16Array[]} pieces
 * @returns {Int16Array} all of them, one after the other.
 */
export function joined(pieces) {
  const whole = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let filled = 0;
  for (const piece of pieces) {
    whole.set(piece, filled);
    filled += piece.length;
  }
  return whole;
}

/**
 * @param {Float32Array | Int16Array} samples
 * @param {number} scale the amplitude that is full.
 * @returns {number} their mean level in dB of full scale, `SILENCE_DB` at least.
 */
export function decibels(samples, scale = 1) {
  let sum = 0;
  for (const sample of samples) {
    sum += sample * sample;
  }
  const power = sum / Math.max(1, samples.length) / (scale * scale);
  return power > 0 ? Math.max(SILENCE_DB, 10 * Math.log10(power)) : SILENCE_DB;
}

/**
 * @param {Int16Array} samples
 * @returns {number} index of the first that can be heard; -1: there is none.
 */
export function firstAudible(samples) {
  return samples.findIndex((sample) => sample >= AUDIBLE || sample <= -AUDIBLE);
}
