/** How captions are made: language, translation, key terms. */

import { byId, setOptions } from './dom.js';
import { keepForm } from './preferences.js';

/** Lets the server find out what is spoken; a model for one language has nothing to find out. */
const ANY = { value: 'multi', label: 'Find out' };

/** Event `change`: to be heard while captions run. */
export class CaptionSettings extends EventTarget {
  #form = byId('captions-form');
  #kept = keepForm(this.#form, 'captions');

  constructor() {
    super();
    this.#form.addEventListener('change', () => this.dispatchEvent(new Event('change')));
  }

  /** @param {import('../net/catalogue.js').Catalogue} catalogue */
  offer({ languages, translates }) {
    const options = languages.map(({ code, name }) => ({ value: code, label: name }));
    if (options.length > 1 && !languages.some(({ code }) => code === ANY.value)) {
      options.unshift(ANY);
    }
    if (options.length) {
      const { language } = this.#form.elements;
      setOptions(language, options, this.#kept('language') ?? languages[0].code);
      language.disabled = options.length === 1;
    }
    byId('translate-field').hidden = !translates;
  }

  /** Options of a captioner. */
  get options() {
    const { language, translate, keyterms } = this.#form.elements;
    const translates = translate.checked && !byId('translate-field').hidden;
    return {
      language: language.value,
      task: translates ? 'translate' : 'transcribe',
      keyterms: keyterms.value.split('\n').map((term) => term.trim()).filter(Boolean),
    };
  }
}
