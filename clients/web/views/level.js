/** The level meter, and the orb beside it. */

import { byId, oncePerFrame } from './dom.js';

/** dB of full scale: the left end of the meter. */
const QUIET = -60;

/** dB from which the sound is too loud to be taken undistorted. */
const LOUD = -3;

/** Milliseconds between two values for those who do not see the bar. */
const TOLD_EVERY = 1000;

/** @param {import('../sound/microphone.js').Microphone} microphone */
export function beginLevel(microphone) {
  const meter = byId('meter');
  const bar = meter.firstElementChild;
  let toldAt = -Infinity;
  const paint = oncePerFrame(() => {
    const level = microphone.opened && !microphone.muted ? microphone.level : QUIET;
    const shown = Math.min(1, Math.max(0, 1 - level / QUIET));
    bar.style.transform = `scaleX(${shown.toFixed(3)})`;
    meter.toggleAttribute('data-loud', level > LOUD);
    const now = performance.now();
    if (now - toldAt > TOLD_EVERY) {
      toldAt = now;
      const value = Math.round(Math.max(QUIET, Math.min(0, level)));
      meter.setAttribute('aria-valuenow', String(value));
      meter.setAttribute('aria-valuetext', value > QUIET ? `${value} decibels` : 'silence');
    }
  });
  microphone.addEventListener('level', paint);
  return paint;
}
