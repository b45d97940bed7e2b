/** What a server can do, for the page's choices. */

/** Names of languages, in the language of the page. */
const NAMES = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'code' });

/** The languages of Whisper. A model for English only is told by its name. */
const LANGUAGES = (
  'en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ' +
  'ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr ' +
  'pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt ' +
  'haw ln ha ba jw su yue'
).split(' ');

/** What has another code in browsers. */
const CODES = { jw: 'jv' };

/** How models for English only are called. */
const ENGLISH_ONLY = /[.-]en$/;

/**
 * @typedef {object} Catalogue
 * @property {string} recognizer name of the model that hears.
 * @property {{code: string, name: string}[]} languages that it knows, by name, English first.
 * @property {boolean} translates whether it says in English what it hears in another language.
 * @property {string[]} models that reply, where the server has a choice of them.
 * @property {{name: string, label: string}[]} voices
 * @property {string} version of the server.
 */

/**
 * @param {import('./credentials.js').Credentials} credentials
 * @returns {Promise<Catalogue>}
 * @throws {import('./credentials.js').KeyNeeded | import('./credentials.js').ServerUnreachable}
 */
export async function catalogue(credentials) {
  const [models, voices, health, ready] = await Promise.all([
    credentials.request('/v1/models'),
    credentials.request('/v1/audio/voices'),
    credentials.request('/healthz'),
    credentials.request('/readyz').catch(() => ({})),
  ]);
  const names = models.data.map((model) => model.id);
  const recognizer = ready.model ?? names[0];
  const told = models.data.find((model) => model.id === recognizer)?.streamkit?.languages;
  const languages = told ?? (ENGLISH_ONLY.test(recognizer) ? ['en'] : LANGUAGES);
  return {
    recognizer,
    languages: sorted(languages.map((code) => ({ code, name: nameOf(code) }))),
    translates: languages.length > 1,
    models: names.filter((name, index) => models.data[index].streamkit?.purpose === 'replies'),
    voices: voices.data.map((voice) => ({ name: voice.id, label: labelOf(voice) })),
    version: health.version,
  };
}

function nameOf(code) {
  return NAMES.of(CODES[code] ?? code);
}

function sorted(languages) {
  const [first, ...others] = languages;
  return [first, ...others.sort((a, b) => a.name.localeCompare(b.name))];
}

function labelOf(voice) {
  return voice.name && voice.name !== voice.id ? `${voice.name} (${voice.id})` : voice.id;
}
