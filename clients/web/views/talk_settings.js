/** How one talks with the agent: microphone, voice, model, instructions. */

import { byId, setOptions } from './dom.js';
import { keepForm } from './preferences.js';

/** Event `change`: `.options` are the new ones. */
export class TalkSettings extends EventTarget {
  #form = byId('talk-form');
  #kept = keepForm(this.#form, 'talk');

  constructor() {
    super();
    this.#form.addEventListener('change', () => {
      this.#show();
      this.dispatchEvent(new Event('change'));
    });
    this.#show();
  }

  /** @param {import('../net/catalogue.js').Catalogue} catalogue */
  offer({ languages, models, voices }) {
    const { model, voice, language } = this.#form.elements;
    const usual = { value: '', label: 'As the server has it' };
    const named = models.map((name) => ({ value: name, label: name }));
    const speakers = voices.map(({ name, label }) => ({ value: name, label: label ?? name }));
    const spoken = languages.map(({ code, name }) => ({ value: code, label: name }));
    setOptions(model, [usual, ...named], this.#kept('model'));
    model.parentElement.hidden = !named.length;
    setOptions(voice, [usual, ...speakers], this.#kept('voice'));
    setOptions(language, [usual, ...spoken], this.#kept('language'));
    language.parentElement.hidden = spoken.length < 2;
  }

  /** Whether the person holds a button to talk. */
  get pushToTalk() {
    return this.#form.elements.mode.value === 'push';
  }

  /** Options of a talker; what is empty is left to the server. */
  get options() {
    const { voice, model, language, eagerness, instructions } = this.#form.elements;
    return {
      voice: voice.value,
      model: model.value,
      language: language.value,
      instructions: instructions.value.trim(),
      pushToTalk: this.pushToTalk,
      eagerness: eagerness.value,
    };
  }

  #show() {
    // Whoever holds a button says when a turn is over; nothing has to be guessed.
    byId('eagerness-field').hidden = this.pushToTalk;
  }
}
