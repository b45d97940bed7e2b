/** What a server with many voices and models tells; or that it wants a key first. */

import { KeyNeeded } from './credentials.js';

export async function catalogue(credentials) {
  if (globalThis.fakes?.key && credentials.key !== globalThis.fakes.key) {
    throw new KeyNeeded(credentials.key !== '');
  }
  return {
    recognizer: 'whisper-small',
    languages: [
      { code: 'en', name: 'English' },
      { code: 'de', name: 'German' },
      { code: 'fr', name: 'French' },
    ],
    translates: true,
    models: ['parrot', 'qwen2.5-7b-instruct'],
    voices: [
      { name: 'marin', label: 'Marin (English)' },
      { name: 'kokoro-heart', label: 'Heart (English)' },
    ],
    version: '0.0.0',
  };
}
