/**
 * What a caption server says, read off the wire. Pure.
 *
 * All times become seconds since the first sample of the stream: a server counts from the start of
 * its own connection, so `offset` is added.
 */

/**
 * @typedef {object} Word
 * @property {string} text as it is shown.
 * @property {number} start seconds.
 * @property {number} end seconds.
 */

/**
 * @typedef {object} Transcript the words of one range of time. A partial takes the place of the one
 *   before it and covers all since the last final; a final closes its range for good.
 * @property {'transcript'} kind
 * @property {Word[]} words
 * @property {number} start seconds.
 * @property {number} end seconds.
 * @property {number} committed so many of its words will not change.
 * @property {boolean} isFinal
 * @property {boolean} speechFinal the utterance is over.
 * @property {boolean} fromFinalize
 * @property {string | null} language as it was heard or asked for.
 * @property {number | null} overload milliseconds between partials while the server cannot keep up.
 * @property {object | null} latency as the server tells it, of the last word.
 * @property {string | null} session the server's id of it.
 * @property {number} audioEnd seconds of the stream that were heard for this.
 */

/**
 * @param {string} text the message.
 * @param {number} offset seconds of the stream at which this connection began.
 * @returns {Transcript | {kind: 'speech', at: number} | {kind: 'finished'}
 *   | {kind: 'error', code: string, text: string} | {kind: 'clock', wire: object} | null} null: a
 *   message that captions do not need.
 * @throws {Error} it is no such message, or lacks what its type requires.
 */
export function parseResult(text, offset) {
  const wire = JSON.parse(text);
  switch (wire.type) {
    case 'Results':
      return transcript(wire, offset);
    case 'SpeechStarted':
      return { kind: 'speech', at: offset + Number(wire.timestamp) };
    case 'Metadata':
      return { kind: 'finished' };
    case 'Error':
      return {
        kind: 'error',
        code: String(wire.variant ?? wire.code ?? ''),
        text: String(wire.description ?? wire.message ?? 'no description given'),
      };
    case 'streamkit.clock':
      return { kind: 'clock', wire };
    default:
      return null;
  }
}

function transcript(wire, offset) {
  const [best] = wire.channel.alternatives;
  const own = wire.streamkit ?? {};
  const words = best.words.map((word) => ({
    text: String(word.punctuated_word ?? word.word),
    start: offset + word.start,
    end: offset + word.end,
  }));
  const start = offset + wire.start;
  const isFinal = Boolean(wire.is_final);
  const end = start + wire.duration;
  return {
    kind: 'transcript',
    words,
    start,
    end,
    committed: isFinal ? words.length : Math.min(own.committed ?? 0, words.length),
    isFinal,
    speechFinal: Boolean(wire.speech_final),
    fromFinalize: Boolean(wire.from_finalize),
    language: best.languages?.[0] ?? best.words[0]?.language ?? null,
    overload: own.overload?.interval_ms ?? null,
    latency: own.latency ?? null,
    session: wire.metadata?.request_id ?? null,
    audioEnd: own.audio_end === undefined ? end : offset + own.audio_end,
  };
}
