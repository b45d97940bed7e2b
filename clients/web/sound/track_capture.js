/** A microphone's sound straight from its track, where the browser hands that over (Chromium). */

const WORKER = new URL('./capture.worker.js', import.meta.url);

/** Blocks that may wait for the worker: a second of them. */
const WAITING_BLOCKS = 100;

/** Milliseconds until it runs, and until blocks come; what has not come by then will not. */
const START_MS = 3000;

export class TrackCapture {
  #worker;

  /** Called when it has failed after it had begun. @type {() => void} */
  onfailed = () => undefined;

  /** Seconds from a sound at the device to here: a block comes with the last of its samples. */
  latency = 0;

  constructor(worker) {
    this.#worker = worker;
    worker.onerror = () => this.onfailed();
  }

  /**
   * @param {MediaStream} stream with one track of sound.
   * @returns {Promise<TrackCapture | null>} null: this browser cannot.
   */
  static async open(stream) {
    if (!globalThis.MediaStreamTrackProcessor || !globalThis.Worker) {
      return null;
    }
    let worker = null;
    try {
      worker = new Worker(WORKER, { type: 'module' });
      await told(worker);
      // Not before it runs: what had to wait for it would come without its time.
      const [track] = stream.getAudioTracks();
      const options = { track, maxBufferSize: WAITING_BLOCKS };
      const { readable } = new MediaStreamTrackProcessor(options);
      const begun = told(worker);
      worker.postMessage({ readable }, [readable]);
      await begun;
      return new TrackCapture(worker);
    } catch {
      // There are browsers that have it for pictures only: then sound comes another way.
      worker?.terminate();
      return null;
    }
  }

  /**
   * @param {number} rate Hz.
   * @returns {MessagePort} brings chunks until it is sent a message.
   */
  port(rate) {
    const { port1, port2 } = new MessageChannel();
    this.#worker.postMessage({ port: port2, rate }, [port2]);
    return port1;
  }

  /** @param {boolean} muted whether silence takes the place of the sound. */
  mute(muted) {
    this.#worker.postMessage({ muted });
  }

  close() {
    this.#worker.onerror = null;
    this.#worker.terminate();
  }
}

/** Wait until it says that it is a step further. */
function told(worker) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the worker says nothing')), START_MS);
    worker.onmessage = () => {
      clearTimeout(late);
      resolve();
    };
    worker.onerror = (event) => {
      clearTimeout(late);
      reject(new Error(event.message));
    };
  });
}
