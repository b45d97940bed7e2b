// Talks to /v1/listen with @deepgram/sdk, as its documentation shows, and prints what it hears as
// lines of JSON: the messages, then {"closed": code}; or {"error": text}.
//
// node listen.mjs URL KEY FIRST SECOND: two files of linear16 at 16 kHz.

import { readFile } from "node:fs/promises";
import { DeepgramClient } from "@deepgram/sdk";

const [url, key, first, second] = process.argv.slice(2);
const SECOND_OF_SILENCE = Buffer.alloc(32_000);
const MESSAGE_BYTES = 6_400;

const print = (object) => console.log(JSON.stringify(object));
const heard = [];
let wake = () => {};

const client = new DeepgramClient({ apiKey: key, baseUrl: url });
const connection = await client.listen.v1.connect({
  model: "nova-3",
  encoding: "linear16",
  sample_rate: 16000,
  interim_results: "true",
  vad_events: "true",
  utterance_end_ms: 1000,
  smart_format: "true",
  reconnectAttempts: 0,
});

connection.on("message", (message) => {
  heard.push(message);
  print(message);
  wake();
});
const closed = new Promise((resolve) => {
  connection.on("close", (event) => resolve(event.code));
});
connection.on("error", (error) => {
  print({ error: error.message });
  process.exit(1);
});

async function until(wanted) {
  while (!heard.some(wanted)) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
}

function send(audio) {
  for (let at = 0; at < audio.length; at += MESSAGE_BYTES) {
    connection.sendMedia(audio.subarray(at, at + MESSAGE_BYTES));
  }
}

connection.connect();
await connection.waitForOpen();
connection.sendKeepAlive({ type: "KeepAlive" });
const speech = await readFile(first);
send(speech.subarray(0, speech.length / 2));
await until((message) => message.type === "Results" && !message.is_final);
send(speech.subarray(speech.length / 2));
await until((message) => message.type === "Results" && message.speech_final);
send(Buffer.concat([SECOND_OF_SILENCE, SECOND_OF_SILENCE]));
await until((message) => message.type === "UtteranceEnd");
send(await readFile(second));
connection.sendFinalize({ type: "Finalize" });
await until((message) => message.type === "Results" && message.from_finalize);
connection.sendCloseStream({ type: "CloseStream" });
print({ closed: await closed });
connection.close();
