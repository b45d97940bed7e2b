/** The parts of a delay: what they are called, and what happens in them. */

/**
 * @typedef {object} Part
 * @property {string} id as `core/waterfall.js` has it.
 * @property {string} name
 * @property {string} meaning
 */

/** From the last loud sample of a person to the first audible one of the answer. @type {Part[]} */
export const TURN_PARTS = [
  part('capture', 'Capture', 'Your last sound, until it leaves this device'),
  part('network', 'Network', 'On its way to the server'),
  part('endpoint', 'Endpoint', 'Until it is clear that you have finished'),
  part('final', 'Final', 'Until your last words are recognized'),
  part('first_token', 'First token', 'Until the model begins to answer'),
  part('first_piece', 'First piece', 'Until there is enough of it to be spoken'),
  part('first_byte', 'First byte', 'Until the voice has made its first sound'),
  part('first_audible', 'Audible', 'Silence before its first audible sample'),
  part('downlink', 'Downlink', 'On its way back to this device'),
  part('played', 'Played', 'Until your loudspeaker plays it'),
];

/** From the sound of a word to the word on the screen. @type {Part[]} */
export const WORD_PARTS = [
  part('capture', 'Capture', 'The sound of the word, until it leaves this device'),
  part('network', 'Network', 'On its way to the server'),
  part('vad', 'VAD', 'Until it is known to be speech'),
  part('decode', 'Decode', 'Until it is recognized'),
  part('commit', 'Commit', 'Until the words are settled'),
  part('emit', 'Emit', 'Until the server sends them'),
  part('downlink', 'Downlink', 'On their way back to this device'),
  part('shown', 'Shown', 'Until they are painted here'),
];

function part(id, name, meaning) {
  return { id, name, meaning };
}
