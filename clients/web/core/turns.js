/** The turns of a conversation as its client knows them. Pure. */

import { keyOf } from './parts.js';
import { SpokenText } from './spoken.js';

/** Turns that are remembered. */
export const MAX_TURNS = 200;

/** Something that the person says or has written. */
export class UserTurn {
  role = 'user';
  heard = '';
  unheard = '';
  interrupted = false;
  /** They have not stopped yet. */
  speaking = false;
  /** The words will not change any more. */
  closed = false;
  /** The connection was lost before the words were known, so their sound is sent again. */
  again = false;

  constructor(id, itemId, text, at) {
    this.id = id;
    this.itemId = itemId;
    this.text = text;
    this.at = at;
  }

  get tentative() {
    return !this.closed;
  }

  /** What the conversation holds of it. */
  get told() {
    return this.again ? '' : this.text.trim();
  }
}

/** One part of a reply, spoken; positions are samples. */
class Spoken {
  text = new SpokenText();
  /** Sound that there is so far. */
  arrived = 0;
  /** Sound that was played. */
  heardTo = 0;
  /** No more of it will be played. */
  over = false;
  /** It was stopped before its end. */
  cut = false;
}

/** A reply. */
export class AgentTurn {
  role = 'agent';
  /** Text that is not spoken. */
  written = '';
  /** The server has finished it, or broken it off. */
  done = false;
  interrupted = false;
  closed = false;
  /** `{parts, total}` in milliseconds, when it is known. */
  latency = undefined;
  /** What the server and the loudspeaker say of the silence before it. */
  way = null;
  arrivedAt = null;
  heardAt = null;
  #spoken = new Map();
  #parts = [];

  constructor(id, responseId, session, at) {
    this.id = id;
    this.responseId = responseId;
    this.session = session;
    this.at = at;
  }

  /** @param {import('./parts.js').Part} part @returns {Spoken} */
  spoken(part) {
    const key = keyOf(part);
    let spoken = this.#spoken.get(key);
    if (!spoken) {
      spoken = new Spoken();
      this.#spoken.set(key, spoken);
      this.#parts.push(part);
    }
    return spoken;
  }

  has(part) {
    return this.#spoken.has(keyOf(part));
  }

  get parts() {
    return this.#parts;
  }

  get allSpoken() {
    return [...this.#spoken.values()];
  }

  /** Whether some of its sound is still to be played. */
  get sounding() {
    return this.allSpoken.some((spoken) => !spoken.over);
  }

  get text() {
    return this.split().join('');
  }

  get heard() {
    return this.split()[0];
  }

  get unheard() {
    return this.split()[1];
  }

  get tentative() {
    return !this.closed;
  }

  /** What the conversation holds of it: what was heard, and what is written. */
  get told() {
    return this.heard.trim();
  }

  /** @returns {[string, string]} what was heard so far (and what is written), and the rest. */
  split() {
    let [heard, rest] = [this.written, ''];
    for (const { text, heardTo, arrived, cut } of this.#spoken.values()) {
      const [first, second] = text.split(heardTo, arrived, cut);
      heard += first;
      rest += second;
    }
    return [heard, rest];
  }

  /** Note that the server sends no more of it. */
  end() {
    this.done = true;
    for (const spoken of this.#spoken.values()) {
      spoken.text.complete();
      spoken.over ||= spoken.arrived === 0;
    }
    this.settle();
  }

  /** Close it when it is done and everything was played or cut. */
  settle() {
    this.closed = this.done && !this.sounding;
  }
}

/** A tool that the agent uses. */
export class ToolTurn {
  role = 'tool';
  text = '';
  heard = '';
  unheard = '';
  interrupted = false;
  told = '';
  /** The page was asked to carry it out. */
  asked = false;

  constructor(id, callId, tool, responseId, session, at) {
    this.id = id;
    this.callId = callId;
    /** `{name, arguments, output}`; the output is null until there is one, '' if none will be. */
    this.tool = tool;
    this.responseId = responseId;
    this.session = session;
    this.at = at;
  }

  get closed() {
    return this.tool.output !== null;
  }

  get tentative() {
    return !this.closed;
  }
}

export class Turns {
  #next = 1;

  constructor() {
    /** The newest turns, oldest first. */
    this.all = [];
  }

  /** Those that a person should see: without noises and replies that said nothing. */
  get shown() {
    return this.all.filter((turn) => !turn.closed || turn.role === 'tool' || turn.text.trim());
  }

  /** Those that may still change. */
  get open() {
    return this.all.filter((turn) => !turn.closed);
  }

  /** The person's turn with this item; a new one, or one that is heard again, if there is none. */
  user(itemId, at) {
    const users = this.all.filter((turn) => turn.role === 'user');
    const known = users.find((turn) => turn.itemId === itemId);
    if (known) {
      return known;
    }
    const again = users.find((turn) => turn.again && turn.itemId === null);
    if (again) {
      again.itemId = itemId;
      return again;
    }
    return this.#add(new UserTurn(this.#id(), itemId, '', at));
  }

  /** What the person has written. */
  write(text, at) {
    const turn = this.#add(new UserTurn(this.#id(), '', text, at));
    turn.closed = true;
    return turn;
  }

  /** The reply with this id; a new one if there is none. */
  agent(responseId, session, at) {
    const known = this.all.find((turn) => turn.role === 'agent' && turn.responseId === responseId);
    return known ?? this.#add(new AgentTurn(this.#id(), responseId, session, at));
  }

  tool(callId, tool, responseId, session, at) {
    return this.#add(new ToolTurn(this.#id(), callId, tool, responseId, session, at));
  }

  /** The reply that a part belongs to; null: it is not known (any more). */
  find(part) {
    return this.all.find((turn) => turn.role === 'agent' && turn.has(part)) ?? null;
  }

  #id() {
    const id = `turn-${this.#next}`;
    this.#next += 1;
    return id;
  }

  #add(turn) {
    this.all.push(turn);
    this.all.splice(0, this.all.length - MAX_TURNS);
    return turn;
  }
}
