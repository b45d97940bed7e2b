/** Times as people read them. */

/**
 * @param {number} seconds since something began.
 * @returns {string} such as `1:05` or `1:00:05`.
 */
export function clockText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/**
 * @param {number} at Unix seconds.
 * @returns {string} the time of day, such as `14:05:09`.
 */
export function dayText(at) {
  return new Date(at * 1000).toTimeString().slice(0, 8);
}

/**
 * @param {number | null | undefined} milliseconds
 * @returns {string} such as `8.4 ms`, `612 ms` or `1.42 s`; a dash where nothing is known.
 */
export function durationText(milliseconds) {
  if (milliseconds === null || milliseconds === undefined || !Number.isFinite(milliseconds)) {
    return '–';
  }
  const size = Math.abs(milliseconds);
  if (size >= 1000) {
    return `${(milliseconds / 1000).toFixed(2)} s`;
  }
  return `${milliseconds.toFixed(size < 10 ? 1 : 0)} ms`;
}
