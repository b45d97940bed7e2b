/**
 * The client's clock: Unix seconds that only ever go forward while a page is open.
 *
 * @returns {number}
 */
export function now() {
  return (performance.timeOrigin + performance.now()) / 1000;
}
