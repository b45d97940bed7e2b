/** Live captions: the microphone's sound goes to the server, and its words come back. */

import { CaptionText } from '../core/captions.js';
import { LISTEN_RATE, decibels } from '../core/pcm.js';
import { SentLog } from '../core/sent_log.js';
import { ListenStream } from '../net/listen.js';
import { now } from '../sound/now.js';

/** Milliseconds of silence that end a line. */
const ENDPOINTING_MS = 500;

/** Key terms that the server takes, and their longest. */
const MAX_KEYTERMS = 100;
const MAX_KEYTERM_CHARACTERS = 100;

/**
 * @typedef {object} CaptionOptions
 * @property {string} language code of what is spoken; 'multi': find it out.
 * @property {'transcribe' | 'translate'} task
 * @property {string[]} keyterms names and terms that will be said.
 */

/**
 * @typedef {'idle' | 'connecting' | 'live' | 'reconnecting' | 'finishing' | 'failed'} CaptionState
 */

/**
 * Events: `state`; `change` (of `captions`, with `caption`, which is for `shown`); `latency` (the
 * trace has a new caption); `notice` (with `level`: 'info', 'warning' or 'error', and `text`).
 */
export class Captioner extends EventTarget {
  #microphone;
  #credentials;
  #trace;
  #state = 'idle';
  #stream = null;
  #session = null;
  #sent = new SentLog(LISTEN_RATE);
  #unsubscribe = () => undefined;
  #lag = null;
  #overload = null;
  #error = null;
  #start = 0;
  #lost = () => this.#microphoneGone();

  /**
   * @param {object} given
   * @param {import('../sound/microphone.js').Microphone} given.microphone
   * @param {import('../net/credentials.js').Credentials} given.credentials
   * @param {import('./session_trace.js').SessionTrace} given.trace
   * @param {Partial<CaptionOptions>} [given.options] may be changed until `start`.
   */
  constructor({ microphone, credentials, trace, options = {} }) {
    super();
    this.#microphone = microphone;
    this.#credentials = credentials;
    this.#trace = trace;
    /** @type {CaptionOptions} */
    this.options = { language: 'en', task: 'transcribe', keyterms: [], ...options };
    /** What was said; a new start goes on below. */
    this.captions = new CaptionText();
  }

  /** @type {CaptionState} */
  get state() {
    return this.#state;
  }

  /** Why it failed; null: it did not. `KeyNeeded` and `MicrophoneError` say what is missing. */
  get error() {
    return this.#error;
  }

  /** Milliseconds from the newest word's last sound to its caption; null: not known. */
  get lag() {
    return this.#lag;
  }

  /** Milliseconds between two partials while the server cannot keep up; null: it can. */
  get overload() {
    return this.#overload;
  }

  /** Begin, and open the microphone if it is not; what goes wrong is told as state and notice. */
  async start() {
    if (this.#state !== 'idle' && this.#state !== 'failed') {
      return;
    }
    this.#error = null;
    this.#lag = this.#overload = null;
    const attempt = (this.#start += 1);
    this.#setState('connecting');
    try {
      await this.#microphone.open();
    } catch (error) {
      if (attempt === this.#start) {
        this.#fail(error);
      }
      return;
    }
    if (attempt === this.#start && this.#state === 'connecting') {
      this.#begin();
    }
  }

  /** Say that no more will be said, and wait for the last words. */
  async stop() {
    if (this.#state === 'idle' || this.#state === 'failed' || this.#state === 'finishing') {
      return;
    }
    this.#start += 1;
    this.#unsubscribe();
    const stream = this.#stream;
    const heard = this.#state === 'live' || this.#state === 'reconnecting';
    this.#setState('finishing');
    try {
      await (heard ? stream?.finish() : stream?.close());
    } catch (error) {
      // A stream that has failed has said so already.
      if (this.#state === 'finishing') {
        this.#fail(error);
      }
      return;
    }
    if (this.#state === 'finishing') {
      this.#end(1000);
      this.#setState('idle');
    }
  }

  /**
   * Tell that a caption can be seen.
   *
   * @param {number} caption what the event `change` carried.
   */
  shown(caption) {
    this.#trace.shown(caption);
  }

  #begin() {
    // Times of a new stream begin at 0: on the page they go on where the lines before ended.
    const begun = this.captions.lines.at(-1)?.end ?? 0;
    this.#session = this.#trace.begin('listen');
    this.#sent = new SentLog(LISTEN_RATE);
    const stream = new ListenStream({
      credentials: this.#credentials,
      query: () => this.#query(),
      clock: this.#trace.clockMap,
      events: {
        event: (event) => this.#receive(event, begun),
        live: (restart) => this.#live(restart),
        sent: (piece, at) => this.#sentSound(piece, at),
        lost: (text, attempt) => this.#reconnect(text, attempt),
        failed: (error) => this.#fail(error),
      },
    });
    this.#stream = stream;
    this.#unsubscribe = this.#microphone.subscribe(LISTEN_RATE, (chunk) =>
      stream.append(chunk.samples, chunk.capturedAt)
    );
    this.#microphone.addEventListener('ended', this.#lost);
    stream.start();
  }

  #query() {
    const { language, task, keyterms } = this.options;
    const terms = keyterms
      .map((term) => term.trim().slice(0, MAX_KEYTERM_CHARACTERS))
      .filter(Boolean);
    return {
      encoding: 'linear16',
      sample_rate: String(LISTEN_RATE),
      channels: '1',
      interim_results: 'true',
      vad_events: 'true',
      endpointing: String(ENDPOINTING_MS),
      ...(language ? { language } : {}),
      ...(task === 'translate' ? { task } : {}),
      ...(terms.length ? { keyterm: terms.slice(0, MAX_KEYTERMS) } : {}),
    };
  }

  #live({ again, replayed, lost }) {
    if (again) {
      this.#trace.end(this.#session, this.#sent.samples / LISTEN_RATE, 1006);
      this.#session = this.#trace.begin('listen');
      this.#sent = new SentLog(LISTEN_RATE);
      const seconds = (samples) => (samples / LISTEN_RATE).toFixed(1);
      this.#notice(
        lost ? 'warning' : 'info',
        lost
          ? `Connected again. ${seconds(lost)} s of speech are lost: the outage was too long.`
          : `Connected again; the last ${seconds(replayed)} s were sent once more.`
      );
    }
    if (this.#state !== 'finishing') {
      this.#setState('live');
    }
  }

  #sentSound({ position, samples, capturedAt }, sentAt) {
    this.#sent.sent(samples.length, capturedAt, sentAt);
    this.#trace.soundSent(this.#session, {
      start: position / LISTEN_RATE - this.#stream.offset,
      seconds: samples.length / LISTEN_RATE,
      capturedAt,
      sentAt,
      level: decibels(samples, 32768),
    });
  }

  #receive(event, begun) {
    const at = now();
    if (event.kind === 'clock') {
      this.#trace.clockAnswered(this.#session);
    } else if (event.kind === 'error') {
      this.#notice('warning', `The server says: ${event.text}`);
    } else if (event.kind === 'transcript') {
      this.#transcript(event, at, begun);
    }
  }

  #transcript(transcript, arrivedAt, begun) {
    this.#session.id = transcript.session ?? this.#session.id;
    const { latency, overload } = transcript;
    if ((overload === null) !== (this.#overload === null)) {
      this.#notice(
        'info',
        overload === null
          ? 'The server keeps up again.'
          : 'The server has much to do: words come later than usual. None is lost.'
      );
    }
    this.#overload = overload;
    const captured = latency?.captured_at ?? null;
    const sentAt = captured === null ? null : this.#sent.leftAt(captured);
    const id = this.#trace.caption(this.#session, transcript, {
      sentAt,
      arrivedAt,
      offset: this.#stream.offset,
    });
    if (captured !== null && transcript.words.length) {
      this.#lag = (arrivedAt - captured) * 1000;
    }
    const moved = (word) => ({ ...word, start: begun + word.start, end: begun + word.end });
    const words = transcript.words.map(moved);
    if (this.captions.add({ ...transcript, words }, arrivedAt)) {
      this.#emit('change', { caption: id });
    }
    this.#emit('latency');
  }

  #reconnect(text, attempt) {
    if (this.#state !== 'finishing') {
      this.#setState(this.#state === 'connecting' ? 'connecting' : 'reconnecting');
    }
    if (attempt === 1) {
      this.#notice('warning', `${text} What you say is kept and sent when the server is back.`);
    }
  }

  #microphoneGone() {
    this.#notice('warning', 'The microphone is gone. Plug it in again, or choose another one.');
    void this.stop();
  }

  #fail(error) {
    this.#error = error;
    void this.#stream?.close();
    this.#end(1006);
    this.#setState('failed');
    this.#notice('error', error.message);
  }

  #end(code) {
    this.#unsubscribe();
    this.#unsubscribe = () => undefined;
    this.#microphone.removeEventListener('ended', this.#lost);
    this.#stream = null;
    this.captions.complete(now());
    this.#emit('change', { caption: null });
    if (this.#session) {
      this.#trace.end(this.#session, this.#sent.samples / LISTEN_RATE, code);
      this.#session = null;
    }
  }

  #setState(state) {
    if (this.#state !== state) {
      this.#state = state;
      this.#emit('state');
    }
  }

  #notice(level, text) {
    this.#emit('notice', { level, text });
  }

  #emit(type, fields = {}) {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }
}
