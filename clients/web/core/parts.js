/**
 * Parts of replies that have sound of their own, and places in them. Pure.
 *
 * @typedef {object} Part
 * @property {string} itemId of the conversation.
 * @property {number} contentIndex in the item.
 *
 * @typedef {object} Position
 * @property {Part} part
 * @property {number} samples so many of it were played, at 24 kHz.
 */

import { REALTIME_RATE } from './pcm.js';

/**
 * @param {Part} part
 * @returns {string} the same for the same part.
 */
export function keyOf({ itemId, contentIndex }) {
  return `${contentIndex} ${itemId}`;
}

/**
 * @param {number} samples
 * @returns {number} whole milliseconds of them: never more than there are.
 */
export function wholeMilliseconds(samples) {
  return Math.floor((samples * 1000) / REALTIME_RATE);
}

/**
 * @param {number} samples
 * @returns {number} milliseconds, to the microsecond, rounded up: never less than there are.
 */
export function exactMilliseconds(samples) {
  return Math.ceil((samples * 1_000_000) / REALTIME_RATE) / 1000;
}
