/** Percentiles of a few hundred numbers. Pure. */

/**
 * @param {number[]} values
 * @param {number} share in [0, 1].
 * @returns {number | null} the value that this share of them does not exceed, between two of them
 *   in proportion; null: there are none.
 */
export function percentile(values, share) {
  if (!values.length) {
    return null;
  }
  const sorted = Float64Array.from(values).sort();
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/**
 * @param {number[]} values
 * @returns {{p50: number | null, p95: number | null, count: number}}
 */
export function summary(values) {
  return { p50: percentile(values, 0.5), p95: percentile(values, 0.95), count: values.length };
}
