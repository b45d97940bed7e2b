/**
 * A spoken conversation as its client sees it: who says what, what is heard, what to do next. Pure.
 *
 * The server's events, what was played and what the person does go in, with the time; what to send
 * and what to play comes out, and the turns can be looked at. When the person interrupts, the reply
 * stops at a sample, the server is told which, and nothing of the old reply is played any more,
 * however late it comes. When the connection is lost, the next session is told what was said and
 * heard, and gets once more the sound whose words are not known yet.
 *
 * Times are Unix seconds.
 *
 * @typedef {{kind: 'send', message: object}
 *   | {kind: 'play', part: import('./parts.js').Part, samples: Int16Array}
 *   | {kind: 'endPart', part: import('./parts.js').Part | null}
 *   | {kind: 'stop' | 'hold' | 'resume'}
 *   | {kind: 'call', turn: import('./turns.js').ToolTurn}
 *   | {kind: 'timed', turn: import('./turns.js').AgentTurn, way: object}
 *   | {kind: 'tell', level: 'info' | 'warning', text: string}} Effect
 *   `stop`: stop playing now, and tell `stopped` what was cut; `hold`: play nothing for the moment,
 *   until `resume`, or `stop`, which ends that too; `timed`: what is known of the
 *   silence before a reply, as `turnParts` takes it.
 */

import { MicrophoneMemory } from './microphone_memory.js';
import { REALTIME_RATE, firstAudible } from './pcm.js';
import * as messages from './realtime_messages.js';
import { SentLog } from './sent_log.js';
import { Turns } from './turns.js';

/** Replies that were interrupted and of which something may still come. */
const REMEMBERED_RESPONSES = 256;

/** A push-to-talk turn shorter than this is a slip of the finger; servers refuse it. */
const MIN_TURN_SECONDS = 0.1;

/** A hold of which the server says nothing more for so long was forgotten by it. */
const MAX_HOLD_SECONDS = 4;

const NOTHING = new Int16Array(0);

export class Conversation {
  #options;
  #dropped = new Set();
  #session = 0;
  #lost = true;
  #memory = new MicrophoneMemory();
  #sent = new SentLog(REALTIME_RATE);
  #unknown = new Map();
  #ours = false;
  #interrupts = true;
  #holds = false;
  #heldAt = null;
  #waiting = false;
  #owesReply = false;
  #pressed = false;
  #sincePress = 0;
  #position = null;

  /** @param {import('./realtime_messages.js').TalkOptions} options */
  constructor(options) {
    this.#options = options;
    /** Who said what. */
    this.turns = new Turns();
  }

  /** What is going on. @type {'listening' | 'you' | 'thinking' | 'speaking'} */
  get state() {
    if (this.#heldAt !== null) {
      // Or perhaps coughs: that is decided within a moment.
      return 'you';
    }
    if (this.#pressed || this.turns.all.some((turn) => turn.role === 'user' && turn.speaking)) {
      return 'you';
    }
    if (this.#position !== null) {
      return 'speaking';
    }
    return this.#waiting ? 'thinking' : 'listening';
  }

  /** Whether the server takes the key `streamkit`; others refuse what they do not know. */
  get ours() {
    return this.#ours;
  }

  /** Samples of the microphone that this session was sent. */
  get sentSamples() {
    return this.#sent.samples;
  }

  /** Whether sound is due that is kept no more: the session goes wrong from here. */
  get overrun() {
    return this.#memory.overrun;
  }

  /**
   * A session begins.
   *
   * @returns {{messages: object[], again: number, lost: number}} what begins it: its configuration
   *   and what was said before; and the seconds of sound that are sent again, or are lost.
   */
  beginSession() {
    const { again, lost } = this.#memory.restart();
    this.#sent = new SentLog(REALTIME_RATE);
    this.#unknown.clear();
    this.#lost = false;
    if (!this.#memory.unsent) {
      this.#giveUpWords();
    }
    const told = this.turns.all.flatMap(historyOf);
    const opening = [this.#configuration(), ...told];
    if (this.#owesReply && told.length && expectsReply(told[told.length - 1])) {
      opening.push(messages.CREATE_RESPONSE);
      this.#waiting = true;
    }
    this.#owesReply = false;
    return { messages: opening, again: again / REALTIME_RATE, lost: lost / REALTIME_RATE };
  }

  // What the person does.

  /**
   * The microphone has heard something.
   *
   * @param {Int16Array} samples at 24 kHz.
   * @param {number} capturedAt of the first of them.
   */
  append(samples, capturedAt) {
    const open = this.#options.pushToTalk || this.#unknown.size > 0 || this.#memory.owes;
    this.#memory.append(samples, capturedAt, Boolean(open));
    this.#sincePress += samples.length;
  }

  /**
   * @param {number} now
   * @returns {{messages: object[], piece: import('./pieces.js').Piece | null, start: number}
   *   | null} what is to be sent next of what the microphone has heard, with a report of what is
   *   played, and the sample of the session at which it begins; null: nothing.
   */
  next(now) {
    const next = this.#lost ? null : this.#memory.next();
    if (next === null) {
      return null;
    }
    if (next === 'end') {
      const asked = [messages.COMMIT, messages.CREATE_RESPONSE];
      return { messages: asked, piece: null, start: this.#sent.samples };
    }
    const start = this.#sent.samples;
    this.#sent.sent(next.samples.length, next.capturedAt, now);
    const message = this.#ours
      ? messages.append(next.samples, next.capturedAt, this.#reportable())
      : messages.append(next.samples, null, null);
    return { messages: [message], piece: next, start };
  }

  /** @returns {object | null} says how far the reply is played; null: nothing is being played. */
  report() {
    const position = this.#reportable();
    return position && messages.append(NOTHING, null, position);
  }

  /** The person begins to speak, and says so. @returns {Effect[]} */
  press() {
    this.#pressed = true;
    this.#sincePress = 0;
    return this.interrupt();
  }

  /** The person has spoken, and wants an answer. @returns {Effect[]} */
  release() {
    if (!this.#pressed) {
      return [];
    }
    this.#pressed = false;
    if (this.#sincePress < MIN_TURN_SECONDS * REALTIME_RATE) {
      this.#memory.drop();
      return this.#lost ? [] : [send(messages.CLEAR)];
    }
    this.#memory.endTurn();
    this.#waiting = true;
    return [];
  }

  /**
   * The person writes something, and wants an answer.
   *
   * @param {string} text
   * @param {number} now
   * @returns {Effect[]}
   */
  write(text, now) {
    const effects = this.interrupt();
    this.turns.write(text, now);
    this.#waiting = true;
    if (this.#lost) {
      this.#owesReply = true;
      return effects;
    }
    const asked = [messages.said('user', text), messages.CREATE_RESPONSE];
    return [...effects, ...asked.map(send)];
  }

  /** Stop the reply because the person asks for it. @returns {Effect[]} */
  interrupt() {
    const cancel = this.#running && !this.#lost ? [send(messages.CANCEL_RESPONSE)] : [];
    this.#owesReply = false;
    return [...cancel, ...this.#stopReply()];
  }

  /**
   * Other options, from now on.
   *
   * @param {import('./realtime_messages.js').TalkOptions} options
   * @returns {Effect[]}
   */
  configure(options) {
    this.#options = options;
    return this.#lost ? [] : [send(this.#configuration())];
  }

  /**
   * A tool has answered.
   *
   * @param {import('./turns.js').ToolTurn} turn
   * @param {string} output not empty.
   * @returns {Effect[]}
   */
  toolAnswered(turn, output) {
    turn.tool.output = output;
    const others = this.turns.all.some(
      (each) => each.role === 'tool' && each.responseId === turn.responseId && !each.closed
    );
    this.#waiting = true;
    if (this.#lost) {
      this.#owesReply = true;
      return [];
    }
    const answer = historyOf(turn).slice(turn.session === this.#session ? 1 : 0);
    const more = others ? [] : [messages.CREATE_RESPONSE];
    return [...answer, ...more].map(send);
  }

  // What the server says.

  /**
   * @param {object} event as `parseRealtime` returns it.
   * @param {number} now
   * @returns {Effect[]}
   */
  receive(event, now) {
    switch (event.kind) {
      case 'session':
        this.#ours ||= event.own !== null;
        this.#interrupts = event.interrupts;
        this.#holds = event.holds;
        return [];
      case 'held':
        return this.#hold(event, now);
      case 'resumed':
        return this.#goOn();
      case 'speechStarted':
        this.#unknown.set(event.itemId, null);
        this.turns.user(event.itemId, now).speaking = true;
        return this.#interrupts ? this.#stopReply() : [];
      case 'speechStopped':
        this.#heardUntil(event.itemId, this.#place(event.endMs), now);
        return [];
      case 'committed':
        this.#heardUntil(event.itemId, this.#memory.committed(event.itemId), now);
        return [];
      case 'userWords':
        this.#userWords(event, now);
        return [];
      case 'userTranscript':
        this.#known(event.itemId, event.text, now);
        return [];
      case 'userFailed':
        this.#known(event.itemId, null, now);
        return [tell('warning', `Not understood: ${event.text}`)];
      case 'responseDone':
        return this.#done(event, now);
      case 'error':
        if (event.code === 'response_cancel_not_active') {
          // It was over before the server heard that it should be.
          return [];
        }
        this.#waiting &&= this.#running;
        return [tell('warning', `The server says: ${event.text}`)];
      default:
        return this.#dropped.has(event.responseId) ? [] : this.#reply(event, now);
    }
  }

  /** The connection is gone. @returns {Effect[]} */
  lose() {
    if (this.#lost) {
      return [];
    }
    const effects = this.#goOn();
    this.#lost = true;
    this.#owesReply = this.#waiting || this.#running;
    this.#waiting = this.#ours = false;
    this.#session += 1;
    for (const turn of this.turns.open) {
      if (turn.role === 'user') {
        // Its sound is sent again, and its words come with another item.
        turn.speaking = false;
        turn.again = true;
        turn.itemId = null;
      } else if (turn.role === 'agent') {
        turn.end();
      } else if (!turn.asked) {
        // Whether the call would have been complete nobody knows.
        turn.tool.output = '';
      }
    }
    return [...effects, { kind: 'endPart', part: null }];
  }

  /**
   * The person leaves; a later session may go on with what was said.
   *
   * @returns {Effect[]}
   */
  leave() {
    const effects = this.lose();
    this.#owesReply = this.#pressed = false;
    this.#memory.drop();
    this.#giveUpWords();
    return effects;
  }

  // What is played.

  /**
   * @param {import('./playback.js').PlaybackEvent[]} events what was heard since the last time.
   * @param {import('./parts.js').Position | null} position what is being heard.
   * @returns {Effect[]}
   */
  played(events, position) {
    const effects = [];
    this.#position = position;
    const current = position && this.turns.find(position.part);
    const spoken = current?.spoken(position.part);
    if (spoken && !spoken.over) {
      spoken.heardTo = position.samples;
    }
    for (const event of events) {
      const turn = this.turns.find(event.part);
      if (event.kind === 'begun') {
        this.#waiting = false;
        // At once: the server, too, wants to know what the person waited for.
        effects.push(...this.#tellPosition({ part: event.part, samples: 0 }));
      } else if (event.kind === 'audible' && turn) {
        turn.heardAt ??= event.at;
        effects.push(...this.#timed(turn));
      } else if (event.kind === 'ended') {
        effects.push(...this.#tellPosition(event, true));
        if (turn) {
          Object.assign(turn.spoken(event.part), { heardTo: event.samples, over: true });
          turn.settle();
        }
      }
    }
    return effects;
  }

  /**
   * Time passes.
   *
   * @param {number} now
   * @returns {Effect[]}
   */
  look(now) {
    const forgotten = this.#heldAt !== null && now - this.#heldAt > MAX_HOLD_SECONDS;
    return forgotten ? this.#goOn() : [];
  }

  /**
   * The effect `stop` was carried out.
   *
   * @param {import('./parts.js').Position[]} cut each part with how much of it is heard.
   * @returns {Effect[]}
   */
  stopped(cut) {
    const effects = [];
    for (const position of cut) {
      const turn = this.turns.find(position.part);
      if (!turn) {
        continue;
      }
      if (turn.session === this.#session && !this.#lost) {
        effects.push(send(messages.truncate(position)));
      }
      effects.push(...this.#tellPosition(position, true));
      const state = { heardTo: position.samples, over: true, cut: true };
      Object.assign(turn.spoken(position.part), state);
      turn.interrupted = true;
      turn.settle();
    }
    return effects;
  }

  /** Turns whose sound is not sent again keep the words that there are. */
  #giveUpWords() {
    for (const turn of this.turns.open) {
      if (turn.role === 'user' && turn.again) {
        Object.assign(turn, { again: false, closed: true });
      }
    }
  }

  #userWords({ itemId, delta }, now) {
    const turn = this.turns.user(itemId, now);
    turn.text = turn.again ? delta : turn.text + delta;
    turn.again = false;
  }

  /** The sound of a turn ends at a position of the conversation; null: that is not told. */
  #heardUntil(itemId, position, now) {
    const before = this.#unknown.get(itemId) ?? null;
    this.#unknown.set(itemId, position ?? before);
    this.turns.user(itemId, now).speaking = false;
    this.#waiting = true;
  }

  /** The words of a turn are known; null: they never will be. */
  #known(itemId, text, now) {
    const turn = this.turns.user(itemId, now);
    const words = text ?? (turn.again ? '' : turn.text);
    Object.assign(turn, { text: words, again: false, speaking: false, closed: true });
    const until = this.#unknown.get(itemId) ?? null;
    this.#unknown.delete(itemId);
    if (until !== null) {
      this.#memory.settle(until);
    }
    // A noise is no question.
    this.#waiting &&= Boolean(turn.told || this.#running);
  }

  #reply(event, now) {
    const turn = this.turns.agent(event.responseId, this.#session, now);
    switch (event.kind) {
      case 'responseCreated':
        this.#waiting = true;
        return [];
      case 'replyWords': {
        if (event.spoken) {
          const spoken = turn.spoken(event.part);
          spoken.text.add(event.delta, spoken.arrived);
        } else {
          turn.written += event.delta;
        }
        return [];
      }
      case 'replySound':
        return this.#sound(turn, event, now);
      case 'replySoundDone':
        turn.spoken(event.part).text.complete();
        return [{ kind: 'endPart', part: event.part }];
      case 'call': {
        const tool = { name: event.name, arguments: event.arguments, output: null };
        this.turns.tool(event.callId, tool, event.responseId, this.#session, now);
        return [];
      }
      default:
        return [];
    }
  }

  #sound(turn, { part, samples, words, way }, now) {
    const spoken = turn.spoken(part);
    for (const [at, word] of words) {
      spoken.text.mark(word, at);
    }
    spoken.arrived += samples.length;
    turn.way ??= way;
    if (turn.arrivedAt === null && firstAudible(samples) >= 0) {
      turn.arrivedAt = now;
    }
    return [{ kind: 'play', part, samples }];
  }

  #done({ responseId, status, error, way }, now) {
    const effects = [];
    const turn = this.turns.agent(responseId, this.#session, now);
    turn.way ??= way;
    effects.push(...this.#timed(turn));
    if (status === 'cancelled' && !this.#dropped.has(responseId)) {
      effects.push(...this.#stopReply());
    } else if (status === 'failed') {
      effects.push(tell('warning', `The reply failed: ${error || 'no reason given'}`));
    }
    effects.push(...turn.parts.map((part) => ({ kind: 'endPart', part })));
    turn.end();
    const calls = this.turns.all.filter(
      (each) => each.role === 'tool' && each.responseId === responseId && !each.closed
    );
    if (status === 'completed') {
      for (const call of calls) {
        call.asked = true;
        effects.push({ kind: 'call', turn: call });
      }
    } else {
      for (const call of calls) {
        call.tool.output = '';
      }
    }
    this.#waiting &&= turn.sounding || this.#running || calls.length > 0;
    return effects;
  }

  /** Tell of the silence before a reply when all of it is known, once. */
  #timed(turn) {
    const { way, arrivedAt, heardAt, latency, session } = turn;
    if (!way || arrivedAt === null || heardAt === null || latency || session !== this.#session) {
      return [];
    }
    const sent = this.#sent.at(way.endMs);
    if (!sent) {
      return [];
    }
    turn.latency = { parts: {}, total: (heardAt - sent.capturedAt) * 1000 };
    return [{ kind: 'timed', turn, way: { ...way, ...sent, arrivedAt, heardAt } }];
  }

  /** The message that configures a session; what only servers of ours know is for them. */
  #configuration() {
    const { own, ...options } = this.#options;
    const asked = this.#holds ? { holds: true, ...own } : own;
    return messages.configure({ ...options, own: asked });
  }

  /** Somebody speaks into a reply, and the server does not know yet whether that means it. */
  #hold({ responseId }, now) {
    if (this.#heldAt !== null || this.#dropped.has(responseId)) {
      return [];
    }
    this.#heldAt = now;
    return [{ kind: 'hold' }];
  }

  /** Whatever is held is not held any more. */
  #goOn() {
    const held = this.#heldAt !== null;
    this.#heldAt = null;
    return held ? [{ kind: 'resume' }] : [];
  }

  /** Stop what is being said, and let nothing more of it through. */
  #stopReply() {
    let sounding = false;
    for (const turn of this.#replies()) {
      this.#drop(turn.responseId);
      for (const spoken of turn.allSpoken) {
        spoken.over ||= spoken.arrived === 0;
      }
      sounding ||= turn.sounding;
    }
    this.#waiting = false;
    const released = this.#goOn();
    return sounding ? [{ kind: 'stop' }] : released;
  }

  #drop(responseId) {
    this.#dropped.add(responseId);
    if (this.#dropped.size > REMEMBERED_RESPONSES) {
      this.#dropped.delete(this.#dropped.values().next().value);
    }
  }

  /** Whether the server is at work on a reply. */
  get #running() {
    return this.#replies().some((turn) => !turn.done);
  }

  /** Replies that go on. */
  #replies() {
    return this.turns.open.filter(
      (turn) => turn.role === 'agent' && !this.#dropped.has(turn.responseId)
    );
  }

  /** Where a place in this session's sound lies in the conversation. */
  #place(milliseconds) {
    const place = this.#memory.begin + Math.round((milliseconds * REALTIME_RATE) / 1000);
    return Math.min(place, this.#memory.cursor);
  }

  /** What is being played, if the server is to be told. */
  #reportable() {
    return this.#position && this.#tells(this.#position.part) ? this.#position : null;
  }

  #tells(part) {
    const turn = this.turns.find(part);
    const now = turn && this.#ours && !this.#lost && turn.session === this.#session;
    return Boolean(now && !turn.spoken(part).over);
  }

  #tellPosition({ part, samples }, ended = false) {
    if (!this.#tells(part)) {
      return [];
    }
    return [send(messages.append(NOTHING, null, { part, samples }, ended))];
  }
}

/** The messages that tell a new session of a turn. */
function historyOf(turn) {
  if (turn.role !== 'tool') {
    const role = turn.role === 'user' ? 'user' : 'assistant';
    return turn.told ? [messages.said(role, turn.told)] : [];
  }
  const { name, arguments: given, output } = turn.tool;
  if (!output) {
    return [];
  }
  return [messages.called(turn.callId, name, given), messages.answered(turn.callId, output)];
}

function expectsReply({ item }) {
  return item.type === 'function_call_output' || item.role === 'user';
}

function send(message) {
  return { kind: 'send', message };
}

function tell(level, text) {
  return { kind: 'tell', level, text };
}
