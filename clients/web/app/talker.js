/** Voice chat: the microphone, the server's agent and the loudspeaker, and what was said. */

import { Conversation } from '../core/conversation.js';
import { REALTIME_RATE, decibels } from '../core/pcm.js';
import { RealtimeStream } from '../net/realtime.js';
import { now } from '../sound/now.js';
import { TOOLS, useTool } from './tools.js';

/** Between two reports of how far a reply is played, while no sound is sent. */
const REPORT_SECONDS = 0.1;

/** Between two events `change` while nothing happens but that a reply is heard. */
const LOOK_SECONDS = 0.1;

/**
 * @typedef {'idle' | 'connecting' | 'listening' | 'you' | 'thinking' | 'speaking' | 'reconnecting'
 *   | 'stopping' | 'failed'} TalkState
 */

/**
 * Events: `state`; `change` (of `turns`); `latency` (the trace has a new turn); `notice` (with
 * `level`: 'info', 'warning' or 'error', and `text`).
 */
export class Talker extends EventTarget {
  #microphone;
  #speaker;
  #credentials;
  #trace;
  #phase = 'idle';
  #shown = 'idle';
  #conversation;
  #stream = null;
  #session = null;
  #unsubscribe = () => undefined;
  #pressed = false;
  #reportedAt = 0;
  #lookedAt = 0;
  #start = 0;
  #error = null;
  #written = [];
  #cutShort = false;
  #progress = () => this.#look();
  #gone = () => this.#microphoneGone();

  /**
   * @param {object} given
   * @param {import('../sound/microphone.js').Microphone} given.microphone
   * @param {import('../sound/speaker.js').Speaker} given.speaker
   * @param {import('../net/credentials.js').Credentials} given.credentials
   * @param {import('./session_trace.js').SessionTrace} given.trace
   * @param {import('../core/realtime_messages.js').TalkOptions} [given.options] for `configure`,
   *   too; without `tools` the page offers its own.
   */
  constructor({ microphone, speaker, credentials, trace, options = {} }) {
    super();
    this.#microphone = microphone;
    this.#speaker = speaker;
    this.#credentials = credentials;
    this.#trace = trace;
    /** @type {import('../core/realtime_messages.js').TalkOptions} */
    this.options = { pushToTalk: false, tools: TOOLS, ...options };
    this.#conversation = new Conversation(this.options);
  }

  /** @type {TalkState} */
  get state() {
    return this.#phase === 'live' ? this.#conversation.state : this.#phase;
  }

  /** Why it failed; null: it did not. `KeyNeeded` and `MicrophoneError` say what is missing. */
  get error() {
    return this.#error;
  }

  /** Who said what, oldest first. @type {import('../core/turns.js').Turns['shown']} */
  get turns() {
    return this.#conversation.turns.shown;
  }

  /**
   * Begin, and open microphone and loudspeaker if they are not; what goes wrong is told as state
   * and notice. A conversation that was stopped goes on: the agent is told what was said in it.
   */
  async start() {
    if (this.#phase !== 'idle' && this.#phase !== 'failed') {
      return;
    }
    this.#error = null;
    const attempt = (this.#start += 1);
    this.#setPhase('connecting');
    try {
      // At once, as long as the person's click counts.
      await Promise.all([this.#speaker.open(), this.#microphone.open()]);
    } catch (error) {
      if (attempt === this.#start) {
        this.#fail(error);
      }
      return;
    }
    if (attempt === this.#start && this.#phase === 'connecting') {
      this.#begin();
    }
  }

  /** Leave at once. */
  async stop() {
    if (this.#phase === 'idle' || this.#phase === 'failed' || this.#phase === 'stopping') {
      return;
    }
    this.#start += 1;
    this.#setPhase('stopping');
    this.#unsubscribe();
    this.#carryOut(this.#conversation.interrupt());
    const stream = this.#stream;
    const cut = await this.#speaker.stop();
    this.#carryOut(this.#conversation.stopped(cut));
    await stream?.close();
    if (this.#phase === 'stopping') {
      this.#end(1000);
      this.#setPhase('idle');
    }
  }

  /** The person begins to speak, and says so (with `pushToTalk`). */
  press() {
    if (this.#active && this.options.pushToTalk && !this.#pressed) {
      this.#pressed = true;
      this.#carryOut(this.#conversation.press());
    }
  }

  /** The person has spoken, and wants an answer (with `pushToTalk`). */
  release() {
    if (this.#pressed) {
      this.#pressed = false;
      this.#carryOut(this.#conversation.release());
      this.#pump();
    }
  }

  /** Stop the reply. */
  interrupt() {
    if (this.#active) {
      this.#carryOut(this.#conversation.interrupt());
    }
  }

  /**
   * Say something in writing; a conversation that has not begun begins with it.
   *
   * @param {string} text
   */
  write(text) {
    const said = text.trim();
    if (!said) {
      return;
    }
    if (this.#active) {
      this.#carryOut(this.#conversation.write(said, now()));
    } else if (this.#phase !== 'stopping') {
      this.#written.push(said);
      void this.start();
    }
  }

  /**
   * Other options, from now on; a model, from the next start on.
   *
   * @param {Partial<import('../core/realtime_messages.js').TalkOptions>} options
   */
  configure(options) {
    const before = this.options.pushToTalk;
    if (this.#pressed && options.pushToTalk === false) {
      this.release();
    }
    this.options = { ...this.options, ...options };
    this.#carryOut(this.#conversation.configure(this.options));
    if (before !== this.options.pushToTalk) {
      this.#changed();
    }
  }

  get #active() {
    return this.#stream !== null && this.#phase !== 'stopping';
  }

  #begin() {
    this.#stream = new RealtimeStream({
      credentials: this.#credentials,
      model: () => this.options.model,
      clock: this.#trace.clockMap,
      events: {
        session: (event) => this.#beginSession(event),
        event: (event) => this.#receive(event),
        lost: (text, attempt) => this.#lose(text, attempt),
        failed: (error) => this.#fail(error),
      },
    });
    this.#unsubscribe = this.#microphone.subscribe(REALTIME_RATE, (chunk) => this.#hear(chunk));
    this.#microphone.addEventListener('ended', this.#gone);
    this.#speaker.addEventListener('progress', this.#progress);
    if (!this.#speaker.running) {
      this.#notice(
        'warning',
        'The browser does not let this page make a sound. Click into the page, connect a ' +
          'loudspeaker or headphones, then start again.'
      );
    }
    this.#stream.start();
  }

  #beginSession(event) {
    const again = this.#phase === 'reconnecting';
    this.#session = this.#trace.begin('realtime', {
      ...(event.own?.recognizer ? { recognizer: event.own.recognizer } : {}),
      reply_model: event.own?.reply_model ?? null,
      voice: this.options.voice ?? null,
    });
    this.#session.id = event.id ?? this.#session.id;
    this.#carryOut(this.#conversation.receive(event, now()));
    const begun = this.#conversation.beginSession();
    begun.messages.forEach((message) => this.#stream.send(message));
    if (again) {
      this.#welcome(begun);
    }
    this.#setPhase('live');
    for (const text of this.#written.splice(0)) {
      this.#carryOut(this.#conversation.write(text, now()));
    }
    this.#pump();
  }

  #welcome({ again, lost }) {
    if (lost > 0) {
      const seconds = lost.toFixed(1);
      const why = 'the outage was too long';
      this.#notice('warning', `Connected again. ${seconds} s of what you said are lost: ${why}.`);
    } else {
      const more = again > 0 ? ' What was not understood yet was sent once more.' : '';
      this.#notice('info', `Connected again; the agent knows what was said before.${more}`);
    }
  }

  #hear({ samples, capturedAt }) {
    if (this.options.pushToTalk && !this.#pressed) {
      return;
    }
    this.#conversation.append(samples, capturedAt);
    this.#pump();
  }

  /** Send what the microphone has heard, as far as the socket takes it. */
  #pump() {
    const stream = this.#stream;
    if (stream?.ready && this.#conversation.overrun) {
      stream.replace('The connection is too slow for the sound.');
    }
    while (stream?.ready) {
      const at = now();
      const next = this.#conversation.next(at);
      if (next === null) {
        return;
      }
      next.messages.forEach((message) => stream.send(message));
      if (next.piece) {
        this.#reportedAt = at;
        this.#trace.soundSent(this.#session, {
          start: next.start / REALTIME_RATE,
          seconds: next.piece.samples.length / REALTIME_RATE,
          capturedAt: next.piece.capturedAt,
          sentAt: at,
          level: decibels(next.piece.samples, 32768),
        });
      }
    }
  }

  #receive(event) {
    const at = now();
    if (event.kind === 'clock') {
      this.#trace.clockAnswered(this.#session);
      return;
    }
    this.#carryOut(this.#conversation.receive(event, at));
  }

  /** See what was played; this is what goes on while the page's timers are slow. */
  #look() {
    const { events, position } = this.#speaker.poll();
    const at = now();
    const effects = [
      ...this.#conversation.played(events, position),
      ...this.#conversation.look(at),
    ];
    if (events.length || effects.length || (position && at - this.#lookedAt > LOOK_SECONDS)) {
      this.#lookedAt = at;
      this.#carryOut(effects);
    }
    if (at - this.#reportedAt >= REPORT_SECONDS) {
      this.#reportedAt = at;
      const report = this.#conversation.report();
      if (report) {
        this.#stream?.send(report);
      }
      // What did not fit into the socket before.
      this.#pump();
    }
    if (this.#speaker.leftOut && !this.#cutShort) {
      this.#cutShort = true;
      this.#notice('warning', 'A reply was too long; its end is not played.');
    }
  }

  #carryOut(effects) {
    for (const effect of effects) {
      this.#do(effect);
    }
    this.#changed();
  }

  #do(effect) {
    switch (effect.kind) {
      case 'send':
        this.#stream?.send(effect.message);
        break;
      case 'play':
        this.#speaker.play(effect.part, effect.samples);
        break;
      case 'endPart':
        this.#speaker.end(effect.part);
        break;
      case 'stop':
        void this.#stopPlayback();
        break;
      case 'hold':
        this.#speaker.hold();
        break;
      case 'resume':
        this.#speaker.resume();
        break;
      case 'call':
        void this.#call(effect.turn);
        break;
      case 'timed':
        this.#timed(effect);
        this.#emit('latency');
        break;
      case 'tell':
        this.#notice(effect.level, effect.text);
        break;
    }
  }

  #timed({ turn, way }) {
    turn.latency = this.#trace.turn(this.#session, turn.responseId, way);
  }

  async #stopPlayback() {
    const cut = await this.#speaker.stop();
    this.#carryOut(this.#conversation.stopped(cut));
  }

  async #call(turn) {
    const output = useTool(turn.tool.name, turn.tool.arguments);
    // Effects of an event are carried out whole before others come.
    await Promise.resolve();
    this.#carryOut(this.#conversation.toolAnswered(turn, output));
  }

  #lose(text, attempt) {
    if (this.#phase === 'live') {
      this.#carryOut(this.#conversation.lose());
      this.#endSession(1006);
      this.#setPhase('reconnecting');
    }
    if (attempt === 1 && this.#phase !== 'stopping') {
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
    void this.#stopPlayback();
    this.#end(1006);
    this.#setPhase('failed');
    this.#notice('error', error.message);
  }

  #end(code) {
    this.#unsubscribe();
    this.#unsubscribe = () => undefined;
    this.#microphone.removeEventListener('ended', this.#gone);
    this.#speaker.removeEventListener('progress', this.#progress);
    this.#stream = null;
    this.#pressed = false;
    this.#carryOut(this.#conversation.leave());
    this.#endSession(code);
  }

  #endSession(code) {
    if (this.#session) {
      this.#trace.end(this.#session, this.#conversation.sentSamples / REALTIME_RATE, code);
      this.#session = null;
    }
  }

  #setPhase(phase) {
    this.#phase = phase;
    this.#changed();
  }

  #changed() {
    if (this.#shown !== this.state) {
      this.#shown = this.state;
      this.#emit('state');
    }
    this.#emit('change');
  }

  #notice(level, text) {
    this.#emit('notice', { level, text });
  }

  #emit(type, fields = {}) {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }
}
