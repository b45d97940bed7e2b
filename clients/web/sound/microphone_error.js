/** Why there is no microphone, and what the person can do about it. */

const MESSAGES = {
  denied:
    'The browser does not let this page hear you. Allow the microphone for this page (the icon ' +
    'at the left of the address, or the browser’s settings), then try again.',
  missing: 'No microphone was found. Plug one in, or choose another one, then try again.',
  busy:
    'The microphone cannot be opened; another program may be using it. Close that program, or ' +
    'choose another microphone, then try again.',
  insecure:
    'Browsers give a microphone only to pages on https or localhost. Open this page at ' +
    'http://localhost on the machine that serves it, or start the server with --tls-self-signed ' +
    'and open it with https.',
  stalled:
    'The browser does not process sound. Connect a loudspeaker or headphones, which some ' +
    'browsers need even to listen, click into the page, then try again.',
  unsupported:
    'This browser cannot process sound as this page needs it (AudioWorklet). Use a current ' +
    'version of Firefox, Chrome, Edge or Safari.',
};

const CODES = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'missing',
  DevicesNotFoundError: 'missing',
  OverconstrainedError: 'missing',
  NotReadableError: 'busy',
  AbortError: 'busy',
};

export class MicrophoneError extends Error {
  /**
   * @param {'denied' | 'missing' | 'busy' | 'insecure' | 'stalled' | 'unsupported'} code
   * @param {unknown} [cause] what the browser said.
   */
  constructor(code, cause) {
    super(MESSAGES[code], { cause });
    this.name = 'MicrophoneError';
    this.code = code;
  }

  /**
   * @param {unknown} error what `getUserMedia` threw.
   * @returns {MicrophoneError}
   */
  static from(error) {
    return error instanceof MicrophoneError
      ? error
      : new MicrophoneError(CODES[error?.name] ?? 'busy', error);
  }
}
