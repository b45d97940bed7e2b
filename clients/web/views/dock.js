/** The dock: what goes on, in words and as a sign; how to stop it, be silent, or interrupt. */

import { byId, setText } from './dom.js';
import { durationText } from './times.js';

const WORDS = {
  captions: {
    connecting: 'Connecting…',
    live: 'Listening',
    reconnecting: 'Reconnecting…',
    finishing: 'Finishing…',
  },
  talk: {
    connecting: 'Connecting…',
    listening: 'Listening',
    you: 'You speak',
    thinking: 'Thinking…',
    speaking: 'Speaking',
    reconnecting: 'Reconnecting…',
    stopping: 'Stopping…',
  },
};

/** States in which a person may want the agent to be quiet. */
const INTERRUPTIBLE = new Set(['thinking', 'speaking']);

export class Dock {
  #session;
  #microphone;
  #pushes;

  /**
   * @param {object} options
   * @param {import('./session.js').Session} options.session
   * @param {import('../sound/microphone.js').Microphone} options.microphone
   * @param {() => boolean} options.pushes whether the person holds a button to talk.
   * @param {() => void} options.toggle starts or stops what the shown view is for.
   * @param {() => 'captions' | 'talk'} options.offered what would be started.
   */
  constructor({ session, microphone, pushes, toggle, offered }) {
    this.#session = session;
    this.#microphone = microphone;
    this.#pushes = pushes;
    this.offered = offered;
    byId('toggle').addEventListener('click', toggle);
    byId('interrupt').addEventListener('click', () => session.talker?.interrupt());
    byId('mute').addEventListener('click', () => {
      microphone.muted = !microphone.muted;
      this.show();
    });
    session.addEventListener('change', () => this.show());
    this.show();
  }

  /** Show how things stand. */
  show() {
    const { kind, state, runs } = this.#session;
    const muted = runs && this.#microphone.muted;
    const pushes = kind === 'talk' && this.#pushes();
    setText(byId('state'), stateText(kind, state, { muted, pushes }));
    byId('orb').dataset.state = runs ? state : 'idle';
    byId('orb').toggleAttribute('data-muted', muted);
    document.body.dataset.running = kind ?? '';
    this.#showToggle(kind);
    byId('hold').hidden = !pushes;
    byId('interrupt').hidden = kind !== 'talk' || !INTERRUPTIBLE.has(state);
    byId('mute').hidden = !runs || pushes;
    byId('mute').setAttribute('aria-pressed', String(muted));
    const sign = muted ? '#icon-muted' : '#icon-microphone';
    byId('mute').querySelector('use').setAttribute('href', sign);
    setText(byId('mute').lastElementChild, muted ? 'Muted' : 'Mute');
  }

  /** Show the newest delay, which leads to where it is taken apart. */
  showDelay(milliseconds) {
    const button = byId('lag');
    button.hidden = !Number.isFinite(milliseconds);
    setText(button, durationText(milliseconds));
    button.title = 'Newest delay: where the time went';
    button.setAttribute('aria-label', `Newest delay ${durationText(milliseconds)}: show its parts`);
  }

  #showToggle(kind) {
    const button = byId('toggle');
    const offered = this.offered();
    const hero = kind === null && byId(`view-${offered}`).hasAttribute('data-blank');
    const label = { captions: 'captions', talk: 'talking' }[kind ?? offered];
    // The big button in the middle of an empty view is the same one.
    button.hidden = hero && !byId(`view-${offered}`).hidden;
    setText(button.lastElementChild, `${kind ? 'Stop' : 'Start'} ${label}`);
    button.classList.toggle('primary', kind === null);
    button.querySelector('use').setAttribute('href', kind ? '#icon-stop' : '#icon-microphone');
  }
}

function stateText(kind, state, { muted, pushes }) {
  if (kind === null) {
    return 'Ready';
  }
  if (state === 'listening' || state === 'live') {
    return muted ? 'Muted' : pushes ? 'Hold to talk' : WORDS[kind][state];
  }
  return WORDS[kind][state] ?? 'Ready';
}
