/** A conversation on the page: two sides, tools between them, what was not heard struck out. */

import { byId, create, draw, icon, oncePerFrame, setText } from './dom.js';
import { FoldedList } from './folded.js';
import { TURN_PARTS } from './parts.js';
import { Following } from './scrolling.js';
import { durationText } from './times.js';
import { axisFor, drawStrip, places } from './waterfall.js';

/** Turns that are elements of their own. */
const KEPT = 80;

const NAMES = { user: 'You', agent: 'Agent' };

/** Event `latency`: the person wants to see where a turn's time went; `.turn` is its id. */
export class TurnsView extends EventTarget {
  #list = new FoldedList(byId('turns'), byId('talk-earlier'), KEPT);
  #following = new Following(byId('talk-scroller'), byId('talk-newest'));
  #talker = null;
  /** Turns that were put on the page, folded away or not. */
  #known = new Set();
  #drawn = new WeakMap();
  #paint = oncePerFrame(() => this.#paintNow());

  /** @param {import('../app/talker.js').Talker} talker */
  show(talker) {
    this.#talker = talker;
    talker.addEventListener('change', () => this.#paint());
    talker.addEventListener('latency', () => this.#paint());
    delete byId('view-talk').dataset.blank;
    this.#paint();
  }

  #paintNow() {
    const all = this.#talker.turns;
    const turns = all.slice(-KEPT).filter(tellsSomething);
    const keep = new Set(all.map(({ id }) => id));
    for (const key of this.#known) {
      if (!keep.has(key)) {
        this.#list.remove(key);
        this.#known.delete(key);
      }
    }
    for (const turn of turns) {
      this.#paintTurn(turn.id, turn);
    }
    this.#order(turns.map(({ id }) => id));
    byId('talk-waiting').hidden = byId('turns').childElementCount > 0;
    this.#following.keep();
  }

  #paintTurn(key, turn) {
    let element = this.#list.find(key);
    if (!element) {
      if (this.#known.has(key)) {
        return;
      }
      this.#known.add(key);
      element = create('li', { class: 'turn', 'data-role': turn.role });
      this.#list.append(key, element, () => foldedText(element));
    }
    const { text, heard, unheard, tentative, interrupted, tool, latency } = turn;
    const drawn = JSON.stringify([text, heard, unheard, tentative, interrupted, tool, latency]);
    if (this.#drawn.get(element) === drawn) {
      return;
    }
    this.#drawn.set(element, drawn);
    if (turn.role === 'tool') {
      element.replaceChildren(toolCall(turn.tool));
      return;
    }
    if (!element.firstChild) {
      element.append(create('p', { class: 'who' }, NAMES[turn.role]));
      element.append(create('div', { class: 'bubble' }));
    }
    paintBubble(element.children[1], turn);
    if (turn.latency) {
      this.#paintAnswer(element, turn);
    }
  }

  #paintAnswer(element, { id, responseId, latency }) {
    let button = element.querySelector('.answer');
    if (!button) {
      button = create('button', { type: 'button', class: 'answer' }, draw('svg'), create('span'));
      button.addEventListener('click', () => {
        const event = new Event('latency');
        event.turn = responseId ?? id;
        this.dispatchEvent(event);
      });
      element.append(button);
    }
    const [strip, label] = button.children;
    drawStrip(strip, places(TURN_PARTS, latency.parts), axisFor(latency.total).end);
    setText(label, `answered in ${durationText(latency.total)}`);
    button.title = 'Where the time went';
  }

  /** Turns may come to stand between others: what a person said is known after the answer began. */
  #order(keys) {
    let next = null;
    for (const key of keys.reverse()) {
      const element = this.#list.find(key);
      if (element && element.nextElementSibling !== next) {
        byId('turns').insertBefore(element, next);
      }
      next = element ?? next;
    }
  }
}

function tellsSomething(turn) {
  return turn.role === 'tool' || Boolean(turn.text) || (turn.role === 'user' && !turn.closed);
}

function paintBubble(bubble, turn) {
  if (turn.role === 'user') {
    const unsure = turn.tentative && turn.tentative !== true ? turn.tentative : '';
    const sure = create('span', turn.tentative === true ? { class: 'tentative' } : {});
    sure.append(turn.text || (unsure ? '' : '…'));
    bubble.replaceChildren(sure);
    if (unsure) {
      bubble.append(create('span', { class: 'tentative' }, turn.text ? ` ${unsure}` : unsure));
    }
    return;
  }
  const { heard, unheard } = turn;
  bubble.replaceChildren(heard);
  if (!unheard) {
    return;
  }
  if (turn.interrupted) {
    // The space before it belongs to neither: a line through a gap looks like a mistake.
    const said = unheard.trimStart();
    const word = create('span', { class: 'hidden-text' }, 'Not heard: ');
    bubble.append(unheard.slice(0, unheard.length - said.length), create('del', {}, word, said));
  } else {
    bubble.append(create('span', { class: 'pending' }, unheard));
  }
}

function toolCall({ name, arguments: given, output }) {
  const call = create('div', { class: 'call' }, icon('tool'));
  call.append(create('code', {}, `${name}(${short(given)})`));
  const asked = output === null || output === undefined;
  const shown = asked ? 'asked…' : output === '' ? 'not carried out' : `→ ${output}`;
  call.append(create('code', { class: 'output' }, shown));
  const who = create('span', { class: 'hidden-text' }, 'The agent used a tool: ');
  call.prepend(who);
  return call;
}

/** Arguments are JSON: shown without what an empty object adds. */
function short(given) {
  return given === '{}' ? '' : given;
}

function foldedText(element) {
  const who = element.querySelector('.who')?.textContent ?? 'Tool';
  const said = element.querySelector('.bubble, .call')?.textContent ?? '';
  return `${who}: ${said}`;
}
