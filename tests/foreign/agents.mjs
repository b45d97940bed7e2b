// A voice agent with @openai/agents-realtime, as its documentation shows. It talks to /v1/realtime
// and prints what happens as lines of JSON, and the conversation as the library has it at the end.
//
// node agents.mjs SCENE URL KEY FILE: SCENE is one of the scenes below, URL has a query, FILE is what
// is said, PCM at 24 kHz.

import { RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { z } from "zod";
// By its path: the library checks every event with it and drops in silence what it does not take.
import { parseRealtimeEvent } from "./node_modules/@openai/agents-realtime/dist/openaiRealtimeEvents.mjs";
import { speak } from "./microphone.mjs";

const [scene, url, apiKey, file] = process.argv.slice(2);
const print = (object) => console.log(JSON.stringify(object));
const seen = [];
let wake = () => {};
let hush = () => {};
let ended = false;

const weather = tool({
  name: "weather",
  description: "Tells the weather.",
  parameters: z.object({ place: z.string() }),
  execute: async ({ place }) => {
    print({ executed: place });
    return "It is raining.";
  },
});
const song = tool({
  name: "song",
  description: "Sings a song.",
  parameters: z.object({}),
  execute: async () => {
    print({ executed: "song" });
    return { key: "G minor" };
  },
});
const musician = new RealtimeAgent({ name: "Musician", instructions: "Sing.", tools: [song] });
const agent = new RealtimeAgent({
  name: "Parrot",
  instructions: "Be kind.",
  tools: [weather, song],
  handoffs: [musician],
});
const turnDetection =
  scene === "polite"
    ? { type: "server_vad", interruptResponse: false }
    : { type: "semantic_vad", interruptResponse: true };
const session = new RealtimeSession(agent, {
  transport: "websocket",
  model: "gpt-realtime",
  config: {
    audio: { input: { transcription: { model: "whisper-1" }, turnDetection } },
    // Much of a reply comes before it is played, so that much of it is never heard.
    providerData: { streamkit: { lead_ms: 30000 } },
  },
});

session.on("transport_event", (event) => {
  const dropped = parseRealtimeEvent({ data: JSON.stringify(event) }).isGeneric;
  print({ told: event, dropped });
  seen.push(event);
  wake();
});
session.on("audio", (event) => print({ audio: event.data.byteLength }));
session.on("audio_interrupted", () => print({ interrupted: true }));
session.on("agent_tool_end", (context, agent, tool, result) => print({ tool: tool.name, result }));
session.on("history_updated", (history) => print({ history }));
session.on("error", ({ error }) => print({ error: String(error?.message ?? JSON.stringify(error)) }));

session.transport.on("connection_change", (status) => {
  if (status !== "disconnected" || ended) return;
  print({ disconnected: true });
  process.exit();
});

// Wait until so many events that came are wanted ones.
async function until(wanted, count = 1) {
  while (seen.filter(wanted).length < count) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
  return seen.findLast(wanted);
}
const of = (type) => (event) => event.type === type;
const over = of("rate_limits.updated");
const listen = async () => {
  hush = await speak((chunk) => session.sendAudio(chunk.buffer), file);
};

const scenes = {
  // A question that is answered with the help of a tool.
  async tool() {
    await listen();
    await until(over, 2);
  },
  // Somebody speaks into a reply that takes a minute.
  async interruption() {
    session.sendMessage("Count to one hundred.");
    await until((event) => event.delta?.includes("seven"));
    await listen();
    await until(of("conversation.item.truncated"));
    await until(over, 2);
    await until(of("conversation.item.retrieved"), 2);
  },
  // The same, and the library cancels the reply, since the server is told not to.
  polite: () => scenes.interruption(),
  // Another agent takes over.
  async handoff() {
    session.sendMessage("Transfer to Musician.");
    await until(over, 2);
    session.sendMessage("Sing a song.");
    await until(over, 4);
  },
  // The reply is complete, but it is still being played when somebody speaks.
  async late() {
    session.sendMessage("Count to twenty.");
    await until(over);
    await listen();
    await until(of("conversation.item.truncated"));
    await until(over, 2);
    await until(of("conversation.item.retrieved"), 2);
  },
  // A button stops the reply.
  async button() {
    session.sendMessage("Count to one hundred.");
    await until((event) => event.delta?.includes("seven"));
    session.interrupt();
    await until(of("conversation.item.truncated"));
    session.sendMessage("Hello there!");
    await until(over, 2);
    await until(of("conversation.item.retrieved"));
  },
  // What was said is changed afterwards.
  async history() {
    session.sendMessage("Hello there!");
    await until(over);
    const text = (text) => [{ type: "input_text", text }];
    const message = { type: "message", role: "user", status: "completed" };
    session.updateHistory((history) => [
      { ...message, itemId: "first", content: text("I am first.") },
      ...history.slice(0, 1).map((item) => ({ ...item, content: text("Good bye!") })),
    ]);
    await until(of("conversation.item.done"), 4);
    session.transport.requestResponse();
    await until(over, 2);
  },
};

await session.connect({ apiKey, url });
await until(of("session.updated"), 2);
await scenes[scene]();
hush();
ended = true;
print({ end: session.history });
session.close();
