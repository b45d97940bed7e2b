/** A loudspeaker that nobody hears. */

export class Speaker extends EventTarget {
  muted = false;
  underruns = 0;
  dryMilliseconds = 0;
  outputLatency = 0;

  async open() {}

  close() {}
}
