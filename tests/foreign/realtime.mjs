// Talks to /v1/realtime with openai, as its documentation shows, and prints what it hears as lines
// of JSON: the events, then {"closed": code}; or {"error": text}.
//
// node realtime.mjs CLASS URL KEY [FILE]: CLASS is OpenAIRealtimeWS or OpenAIRealtimeWebSocket,
// URL ends in /v1, FILE is what is said, PCM at 24 kHz; without one it is written.

import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { speak } from "./microphone.mjs";

const [kind, baseURL, apiKey, file] = process.argv.slice(2);
const classes = { OpenAIRealtimeWS, OpenAIRealtimeWebSocket };
const print = (object) => console.log(JSON.stringify(object));
let hush = () => {};

const client = new OpenAI({ apiKey, baseURL });
const rt = new classes[kind]({ model: "gpt-realtime" }, client);
rt.on("event", print);
rt.on("error", (error) => {
  if (!error.error) print({ error: error.message });
});
rt.socket.addEventListener("close", (event) => {
  hush();
  print({ closed: event.code, protocol: rt.socket.protocol });
});

rt.once("session.created", async () => {
  const heard = { transcription: { model: "whisper-1" } };
  rt.send({
    type: "session.update",
    session: {
      type: "realtime",
      output_modalities: file ? ["audio"] : ["text"],
      audio: { input: heard },
    },
  });
  if (file) {
    const append = (chunk) =>
      rt.send({ type: "input_audio_buffer.append", audio: chunk.toString("base64") });
    hush = await speak(append, file);
    return;
  }
  const content = [{ type: "input_text", text: "Hello there!" }];
  rt.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  rt.send({ type: "response.create" });
});
rt.on("rate_limits.updated", () => rt.close());
