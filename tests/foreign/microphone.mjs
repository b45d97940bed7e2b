// A microphone for the scripts that talk: PCM at 24 kHz, in real time.

import { readFile } from "node:fs/promises";

const CHUNK_BYTES = 4800;
const CHUNK_MS = 100;

// Somebody says what the files hold, and then it is quiet until the returned function is called.
export async function speak(send, ...files) {
  const sounds = await Promise.all(files.map((file) => readFile(file)));
  let waiting = Buffer.concat(sounds);
  const timer = setInterval(() => {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    waiting.copy(chunk, 0, 0, CHUNK_BYTES);
    waiting = waiting.subarray(CHUNK_BYTES);
    send(chunk);
  }, CHUNK_MS);
  return () => clearInterval(timer);
}
