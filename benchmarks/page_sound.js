/**
 * Injected before the page's own scripts: taps of what its microphone hears and what its
 * loudspeaker is given, on the page's clock.
 *
 * - The microphone's track is read a second time, with MediaStreamTrackProcessor, which hands over
 *   the device's blocks as they come, past the page's audio graph and its buffers.
 * - Whatever the page connects to an audio context's output is connected to a tap as well: an
 *   AudioWorklet, which knows the frame of each sample. `getOutputTimestamp` says when frames are
 *   heard.
 *
 * - With `record`, the loudspeaker's samples are kept, and the sound that sockets bring.
 *
 * A block of the microphone is taken to have been captured just before it comes, and the block that
 * came soonest sets the clock: no sample comes before it was captured. `take` hands over what was
 * found, and forgets it.
 */
(() => {
  const LEVELS = [0.0095, 0.01, 0.0105];

  /** Seconds of silence that end a run. */
  const GAP = 0.02;

  /** Milliseconds between two readings of an output's clock. */
  const READ_EVERY = 50;

  /** Blocks of the microphone that may wait until the page's thread has time: one second. */
  const WAITING_BLOCKS = 100;

  /** Shared by page and worklet, as text: finds runs of samples that are at least so loud. */
  class Runs {
    constructor(levels, gap) {
      this.levels = levels;
      this.gap = gap;
      this.open = levels.map(() => null);
      this.closed = levels.map(() => []);
    }

    add(samples, position) {
      this.levels.forEach((level, place) => {
        for (let index = 0; index < samples.length; index += 1) {
          if (samples[index] >= level || samples[index] <= -level) {
            const at = position + index;
            const run = this.open[place];
            if (run && at - run[1] <= this.gap) {
              run[1] = at;
            } else {
              if (run) {
                this.closed[place].push(run);
              }
              this.open[place] = [at, at];
            }
          }
        }
        const run = this.open[place];
        if (run && position + samples.length - run[1] > this.gap) {
          this.closed[place].push(run);
          this.open[place] = null;
        }
      });
    }

    take() {
      const { closed } = this;
      this.closed = this.levels.map(() => []);
      return closed;
    }
  }

  const WORKLET = `
    ${Runs};
    registerProcessor('benchmark-tap', class extends AudioWorkletProcessor {
      constructor({ processorOptions: { levels, gap, record } }) {
        super();
        this.runs = new Runs(levels, gap * sampleRate);
        this.record = record;
        this.pieces = [];
        this.told = 0;
      }
      process([[samples]]) {
        if (samples) {
          this.runs.add(samples, currentFrame);
          if (this.record && samples.some((each) => each !== 0)) {
            const sound = Int16Array.from(samples, (each) => Math.round(each * 32768));
            this.pieces.push([currentFrame, sound]);
          }
        }
        if (currentFrame - this.told >= 0.1 * sampleRate) {
          this.told = currentFrame;
          this.port.postMessage({ runs: this.runs.take(), pieces: this.pieces });
          this.pieces = [];
        }
        return true;
      }
    });`;

  const taps = { microphones: [], loudspeakers: [], sent: [], record: false };
  window.benchmarkSound = taps;

  function toBase64(blocks) {
    let text = '';
    for (const block of blocks) {
      text += String.fromCharCode(...new Uint8Array(block.buffer));
    }
    return btoa(text);
  }

  // What is sent to be played.

  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener('message', ({ data }) => {
        if (taps.record && typeof data === 'string' && data.includes('output_audio.delta')) {
          const { type, response_id: response, delta } = JSON.parse(data);
          if (type === 'response.output_audio.delta') {
            taps.sent.push([response, delta]);
          }
        }
      });
    }
  };

  // The microphone.

  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await open(constraints);
    for (const track of stream.getAudioTracks()) {
      void listen(track);
    }
    return stream;
  };

  async function listen(track) {
    const tap = { runs: null, rate: 0, zero: Infinity };
    taps.microphones.push(tap);
    const options = { track, maxBufferSize: WAITING_BLOCKS };
    const reader = new MediaStreamTrackProcessor(options).readable.getReader();
    let position = 0;
    let expected = null;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        return;
      }
      const arrived = performance.now();
      const samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      if (!tap.runs) {
        tap.rate = value.sampleRate;
        tap.runs = new Runs(LEVELS, GAP * tap.rate);
      }
      // Blocks that nobody read in time are left out; their time has passed all the same.
      const skipped = expected === null ? 0 : value.timestamp / 1000 - expected;
      const length = (samples.length * 1000) / tap.rate;
      if (skipped > length / 2) {
        position += samples.length * Math.round(skipped / length);
      }
      expected = value.timestamp / 1000 + length;
      tap.runs.add(samples, position);
      position += samples.length;
      tap.zero = Math.min(tap.zero, arrived - (position * 1000) / tap.rate);
      value.close();
    }
  }

  // The loudspeaker.

  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function connectAndTap(target, ...more) {
    const result = connect.call(this, target, ...more);
    if (target instanceof AudioDestinationNode) {
      void tapOutput(this);
    }
    return result;
  };

  async function tapOutput(source) {
    const { context } = source;
    const tap = {
      rate: context.sampleRate,
      runs: LEVELS.map(() => []),
      zeros: [],
      sound: [],
      latency: null,
      underruns: null,
    };
    taps.loudspeakers.push(tap);
    const address = URL.createObjectURL(new Blob([WORKLET], { type: 'text/javascript' }));
    await context.audioWorklet.addModule(address);
    const node = new AudioWorkletNode(context, 'benchmark-tap', {
      numberOfOutputs: 0,
      processorOptions: { levels: LEVELS, gap: GAP, record: taps.record },
    });
    node.port.onmessage = ({ data: { runs, pieces } }) => {
      runs.forEach((each, place) => tap.runs[place].push(...each));
      for (const [first, samples] of pieces) {
        const last = tap.sound[tap.sound.length - 1];
        if (last && last.end === first) {
          last.blocks.push(samples);
          last.end += samples.length;
        } else {
          tap.sound.push({ first, end: first + samples.length, blocks: [samples] });
        }
      }
    };
    connect.call(source, node);
    const timer = setInterval(() => {
      if (context.state === 'closed') {
        clearInterval(timer);
        return;
      }
      const { contextTime, performanceTime } = context.getOutputTimestamp();
      if (contextTime) {
        tap.zeros.push(performanceTime - contextTime * 1000);
      }
      tap.latency = context.outputLatency * 1000;
      const stats = context.playbackStats ?? context.playoutStats;
      tap.underruns = stats?.underrunEvents ?? stats?.fallbackFramesEvents ?? null;
    }, READ_EVERY);
  }

  taps.take = () => ({
    microphones: taps.microphones.map((tap) => ({
      rate: tap.rate,
      zero: Number.isFinite(tap.zero) ? tap.zero : null,
      runs: tap.runs?.take() ?? LEVELS.map(() => []),
    })),
    loudspeakers: taps.loudspeakers.map((tap) => ({
      rate: tap.rate,
      zeros: tap.zeros.splice(0),
      latency: tap.latency,
      underruns: tap.underruns,
      runs: tap.runs.map((each) => each.splice(0)),
      sound: tap.sound.splice(0).map(({ first, blocks }) => [first, toBase64(blocks)]),
    })),
    sent: taps.sent.splice(0),
  });
})();
