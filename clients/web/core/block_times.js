/**
 * Where in time a device's blocks lie, by the device's own clock. Pure.
 *
 * Their times are read when the system is told of them, so they tremble; their samples do not.
 * So samples are counted, and a time counts only where it says that blocks are missing.
 */
export class BlockTimes {
  #end = null;
  #stamped = 0;

  /**
   * @param {number} stamp seconds that the block is said to have.
   * @param {number} length its seconds.
   * @returns {number} seconds of its first sample.
   */
  next(stamp, length) {
    const missing = this.#end === null ? 0 : stamp - this.#stamped;
    const begin =
      this.#end === null
        ? stamp
        : this.#end + (missing > length / 2 ? length * Math.round(missing / length) : 0);
    this.#stamped = stamp + length;
    this.#end = begin + length;
    return begin;
  }
}
