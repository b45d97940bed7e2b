/** What a voice chat says to a Realtime server, as messages ready to be sent as JSON. Pure. */

import { exactMilliseconds, wholeMilliseconds } from './parts.js';
import { REALTIME_RATE, toBase64 } from './pcm.js';

const PCM = Object.freeze({ type: 'audio/pcm', rate: REALTIME_RATE });

/** A name that every server of this protocol knows; ours takes it for the model that it has. */
const TRANSCRIPTION_MODEL = 'whisper-1';

export const COMMIT = Object.freeze({ type: 'input_audio_buffer.commit' });
export const CLEAR = Object.freeze({ type: 'input_audio_buffer.clear' });
export const CREATE_RESPONSE = Object.freeze({ type: 'response.create' });
export const CANCEL_RESPONSE = Object.freeze({ type: 'response.cancel' });

/**
 * @typedef {object} TalkOptions what is asked of the server; empty leaves the choice to it.
 * @property {string} [model] that replies.
 * @property {string} [voice] of the agent.
 * @property {string} [language] ISO 639-1 code of what the person speaks.
 * @property {string} [instructions] for the model.
 * @property {boolean} [pushToTalk] the person says when a turn begins and ends.
 * @property {'low' | 'medium' | 'high' | 'auto'} [eagerness] to take a turn for finished.
 * @property {object} [own] settings that only a server of ours has (`session.streamkit`), such as
 *   `min_interruption_ms`.
 * @property {{name: string, description: string, parameters: object}[]} [tools]
 */

/**
 * @param {TalkOptions} options
 * @returns {object} the message that configures a session.
 */
export function configure(options) {
  const { voice, language, instructions, pushToTalk, eagerness, tools, own } = options;
  const transcription = { model: TRANSCRIPTION_MODEL, ...(language ? { language } : {}) };
  const detection = eagerness ? { type: 'semantic_vad', eagerness } : { type: 'semantic_vad' };
  return {
    type: 'session.update',
    session: {
      type: 'realtime',
      output_modalities: ['audio'],
      audio: {
        input: { format: PCM, transcription, turn_detection: pushToTalk ? null : detection },
        output: { format: PCM, ...(voice ? { voice } : {}) },
      },
      tools: (tools ?? []).map((tool) => ({ type: 'function', ...tool })),
      ...(instructions ? { instructions } : {}),
      ...(own ? { streamkit: own } : {}),
    },
  };
}

/**
 * Sound of the microphone, and how far the reply was played; either may be absent.
 *
 * @param {Int16Array} samples
 * @param {number | null} capturedAt Unix seconds of the first of them.
 * @param {import('./parts.js').Position | null} played
 * @param {boolean} [ended] it will be played no further.
 * @returns {object}
 */
export function append(samples, capturedAt, played, ended = false) {
  const own = {};
  if (capturedAt !== null) {
    own.captured_at = capturedAt;
  }
  if (played !== null) {
    own.played = { ...place(played), audio_end_ms: exactMilliseconds(played.samples) };
    if (ended) {
      own.played.ended = true;
    }
  }
  const message = { type: 'input_audio_buffer.append', audio: toBase64(samples) };
  return Object.keys(own).length ? { ...message, streamkit: own } : message;
}

/**
 * @param {object} own what only servers of ours understand.
 * @returns {object} a message with that and nothing else.
 */
export function aside(own) {
  return { type: 'input_audio_buffer.append', audio: '', streamkit: own };
}

/**
 * @param {import('./parts.js').Position} position
 * @returns {object} of this reply, so much was heard.
 */
export function truncate(position) {
  return {
    type: 'conversation.item.truncate',
    ...place(position),
    audio_end_ms: wholeMilliseconds(position.samples),
  };
}

/**
 * @param {'user' | 'assistant'} role
 * @param {string} text
 * @returns {object} puts what was said or written into the conversation.
 */
export function said(role, text) {
  const type = role === 'user' ? 'input_text' : 'output_text';
  return create({ type: 'message', role, content: [{ type, text }] });
}

/**
 * @param {string} callId
 * @param {string} name
 * @param {string} args JSON.
 * @returns {object} puts a call of a tool into the conversation.
 */
export function called(callId, name, args) {
  return create({ type: 'function_call', call_id: callId, name, arguments: args });
}

/**
 * @param {string} callId
 * @param {string} output
 * @returns {object} puts what a tool has said into the conversation.
 */
export function answered(callId, output) {
  return create({ type: 'function_call_output', call_id: callId, output });
}

function create(item) {
  return { type: 'conversation.item.create', item };
}

function place({ part }) {
  return { item_id: part.itemId, content_index: part.contentIndex };
}
