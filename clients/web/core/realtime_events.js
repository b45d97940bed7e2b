/**
 * What a Realtime server says, read off the wire. Pure.
 *
 * Only what a voice chat needs is read. A server of ours adds facts of its own in the key
 * `streamkit`; one without them is understood as well.
 */

import { REALTIME_RATE, fromBase64 } from './pcm.js';

/**
 * @param {string} text a message.
 * @returns {object | null} with the member `kind`; null: it is not needed.
 * @throws {Error} it is no message of the protocol.
 */
export function parseRealtime(text) {
  const wire = JSON.parse(text);
  switch (wire.type) {
    case 'session.created':
    case 'session.updated':
      return session(wire);
    case 'input_audio_buffer.speech_started':
      return { kind: 'speechStarted', itemId: wire.item_id };
    case 'input_audio_buffer.speech_stopped':
      return { kind: 'speechStopped', itemId: wire.item_id, endMs: Number(wire.audio_end_ms) };
    case 'input_audio_buffer.committed':
      return { kind: 'committed', itemId: wire.item_id };
    case 'conversation.item.input_audio_transcription.delta':
      return { kind: 'userWords', itemId: wire.item_id, delta: wire.delta ?? '' };
    case 'conversation.item.input_audio_transcription.completed':
      return { kind: 'userTranscript', itemId: wire.item_id, text: wire.transcript };
    case 'conversation.item.input_audio_transcription.failed':
      return { kind: 'userFailed', itemId: wire.item_id, text: messageOf(wire.error) };
    case 'response.created':
      return { kind: 'responseCreated', responseId: wire.response.id };
    case 'response.output_audio_transcript.delta':
      return { kind: 'replyWords', ...reply(wire), delta: wire.delta, spoken: true };
    case 'response.output_text.delta':
      return { kind: 'replyWords', ...reply(wire), delta: wire.delta, spoken: false };
    case 'response.output_audio.delta':
      return sound(wire);
    case 'response.output_audio.done':
      return { kind: 'replySoundDone', ...reply(wire) };
    case 'response.function_call_arguments.done':
      return call(wire);
    case 'response.done':
      return done(wire.response);
    case 'streamkit.hold':
      return { kind: 'held', responseId: wire.response_id };
    case 'streamkit.resume':
      return { kind: 'resumed' };
    case 'streamkit.clock':
      return { kind: 'clock', wire };
    case 'error':
      return {
        kind: 'error',
        code: String(wire.error.code ?? wire.error.type ?? ''),
        param: String(wire.error.param ?? ''),
        text: messageOf(wire.error),
      };
    default:
      return null;
  }
}

function session(wire) {
  const detection = wire.session.audio?.input?.turn_detection;
  return {
    kind: 'session',
    id: wire.session.id ?? null,
    own: wire.streamkit ?? wire.session.streamkit ?? null,
    holds: wire.session.streamkit?.holds !== undefined,
    interrupts: detection?.interrupt_response ?? true,
  };
}

function reply(wire) {
  const part = { itemId: String(wire.item_id), contentIndex: wire.content_index ?? 0 };
  return { responseId: wire.response_id, part };
}

function sound(wire) {
  const own = wire.streamkit ?? {};
  const words = (own.words ?? []).map(([at, word]) => [
    Math.round((at * REALTIME_RATE) / 1000),
    String(word),
  ]);
  return {
    kind: 'replySound',
    ...reply(wire),
    samples: fromBase64(wire.delta),
    words,
    way: own.speech ? way(own) : null,
  };
}

function call(wire) {
  return {
    kind: 'call',
    responseId: wire.response_id,
    callId: wire.call_id,
    name: String(wire.name),
    arguments: String(wire.arguments),
  };
}

function done(response) {
  const own = response.streamkit ?? {};
  const details = response.status_details ?? {};
  return {
    kind: 'responseDone',
    responseId: response.id,
    status: String(response.status),
    error: details.error ? messageOf(details.error) : '',
    way: own.speech ? way(own) : null,
  };
}

/** What the server knows of the silence before a reply. */
function way({ speech, latency, audible_sent_at: audibleSentAt }) {
  return {
    endMs: speech.end_ms,
    capturedAt: speech.captured_at ?? null,
    receivedAt: speech.received_at ?? null,
    latency: latency ?? {},
    audibleSentAt: audibleSentAt ?? null,
  };
}

function messageOf(error) {
  return String(error?.message ?? error?.code ?? 'no reason given');
}
