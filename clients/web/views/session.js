/** What runs: captions, a talk, or nothing. One microphone, so one of them at a time. */

import { KeyNeeded } from '../net/credentials.js';

/**
 * Events: `change` (`kind` or `state`), `captioner` and `talker` (there is a new one), `problem`
 * (`.error`: why it did not begin), `notice` (`.level`, `.text`).
 */
export class Session extends EventTarget {
  #tools;
  #device;
  #doing = Promise.resolve();

  /**
   * @param {object} tools what a captioner and a talker are made of.
   * @param {import('../sound/microphone.js').Microphone} tools.microphone
   * @param {import('../sound/speaker.js').Speaker} tools.speaker
   * @param {import('../net/credentials.js').Credentials} tools.credentials
   * @param {import('../app/session_trace.js').SessionTrace} tools.trace
   * @param {() => string | undefined} device which microphone the person wants.
   */
  constructor(tools, device) {
    super();
    this.#tools = tools;
    this.#device = device;
    /** @type {'captions' | 'talk' | null} */
    this.kind = null;
    this.captioner = null;
    this.talker = null;
    this.opening = false;
  }

  /** What goes on, in one word. @returns {string} */
  get state() {
    if (this.opening) {
      return 'connecting';
    }
    return this.#running?.state ?? 'idle';
  }

  /** Whether anything runs. */
  get runs() {
    return this.kind !== null;
  }

  /**
   * Begin captions; what runs ends first.
   *
   * @param {import('../app/captioner.js').CaptionOptions} options
   */
  startCaptions(options) {
    return this.#start('captions', async () => {
      if (!this.captioner) {
        const { Captioner } = await import('../app/captioner.js');
        const { microphone, credentials, trace } = this.#tools;
        this.captioner = new Captioner({ microphone, credentials, trace });
        this.#begun(this.captioner, 'captioner');
      }
      this.captioner.options = options;
      return this.captioner;
    });
  }

  /**
   * Begin to talk; what runs ends first.
   *
   * @param {Partial<import('../app/talker.js').TalkerOptions>} options
   */
  startTalk(options) {
    return this.#start('talk', async () => {
      if (!this.talker) {
        const { Talker } = await import('../app/talker.js');
        this.talker = new Talker({ ...this.#tools, options });
        this.#begun(this.talker, 'talker');
      }
      this.talker.configure(options);
      return this.talker;
    });
  }

  /** End what runs; its last words still come. */
  stop() {
    return this.#inTurn(() => this.#stop());
  }

  /** The same once more with other options, or with another microphone. */
  async restart(options) {
    const { kind } = this;
    if (kind) {
      await this.stop();
      await (kind === 'captions' ? this.startCaptions(options) : this.startTalk(options));
    }
  }

  get #running() {
    return { captions: this.captioner, talk: this.talker }[this.kind] ?? null;
  }

  #start(kind, make) {
    return this.#inTurn(async () => {
      await this.#stop();
      this.kind = kind;
      this.opening = true;
      this.#tell();
      const { microphone, speaker } = this.#tools;
      try {
        // Both before anything slow: browsers want them close to the click that asked.
        const sound = kind === 'talk' ? speaker.open() : null;
        await Promise.all([microphone.open({ deviceId: this.#device() }), sound]);
        const running = await make();
        this.opening = false;
        // Not waited for: whoever stops it before it is connected need not wait for that either.
        running.start().catch((error) => running === this.#running && this.#failed(error));
        this.#tell();
      } catch (error) {
        this.#failed(error);
      }
    });
  }

  #begun(made, name) {
    made.addEventListener('state', () => this.#changed(made));
    made.addEventListener('notice', ({ level, text }) => {
      // A missing key is asked for; there is nothing more to say about it.
      if (!(made.error instanceof KeyNeeded)) {
        this.dispatchEvent(Object.assign(new Event('notice'), { level, text }));
      }
    });
    this.dispatchEvent(new Event(name));
  }

  async #stop() {
    const running = this.#running;
    try {
      if (running && running.state !== 'failed') {
        await running.stop();
      }
    } catch {
      // What could not be finished was told by a notice; what is there stays on the page.
    } finally {
      this.#close();
    }
  }

  #failed(error) {
    this.#close();
    this.dispatchEvent(Object.assign(new Event('problem'), { error }));
  }

  #close() {
    this.opening = false;
    this.kind = null;
    this.#tools.microphone.close();
    this.#tools.speaker.close();
    this.#tell();
  }

  #changed(running) {
    if (running !== this.#running) {
      return;
    }
    if (running.state === 'failed') {
      // It has told why; only a key is asked for here.
      if (running.error instanceof KeyNeeded) {
        this.#failed(running.error);
      } else {
        this.#close();
      }
    } else if (running.state === 'idle') {
      this.#close();
    } else {
      this.#tell();
    }
  }

  /** One thing after the other: a second click waits for what the first one began. */
  #inTurn(work) {
    this.#doing = this.#doing.then(work, work);
    return this.#doing;
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }
}
