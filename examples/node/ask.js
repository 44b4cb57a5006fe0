// Ask a question from Node.js: `node ask.js QUESTION [COLLECTION]`; see README.md beside it.
// The client is node-redis: `@redis/client` is the package `redis` without the modules' commands.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";

const TIMEOUT_S = Number(process.env.TIMEOUT_S ?? 120);
const HIGH_WATER = Number(process.env.HIGH_WATER ?? 20_000);
const EXITS = { answered: 0, abstained: 0, failed: 20, expired: 21, cancelled: 21 };
const names = process.env.RAGSTREAM_NAMESPACE ?? "rag";
const deadline = Date.now() + TIMEOUT_S * 1000;

/** Ends the program with a line for a person and an exit code for a script. */
class Failure extends Error {
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Progress goes to stderr, so that stdout holds the answer alone. */
const tell = (text) => process.stderr.write(text);

async function connect() {
  const url = process.env.RAGSTREAM_REDIS_URL;
  if (!url) {
    throw new Failure('RAGSTREAM_REDIS_URL is not set; for the local stack: eval "$(ragstream env)"', 2);
  }
  const client = createClient({
    url,
    password: process.env.RAGSTREAM_REDIS_PASSWORD || undefined,
    socket: { reconnectStrategy: false }, // say at once that Redis is away
  });
  client.on("error", () => {}); // the command that was under way reports it
  await client.connect().catch((error) => {
    const refused = /^(WRONGPASS|NOAUTH|NOPERM)/.test(error.message);
    const why = refused ? "Redis does not let us in" : "Redis is away";
    throw new Failure(`${why}: ${error.message || error.code}`, refused ? 1 : 24);
  });
  return client;
}

/** Wait until every stage has room: nothing that Redis accepted is ever dropped. */
async function waitForRoom(client) {
  const stages = ["queries", "retrieve", "generate"].map((stage) => `${names}:${stage}`);
  while (Math.max(...(await Promise.all(stages.map((key) => client.xLen(key))))) >= HIGH_WATER) {
    if (Date.now() + 1000 > deadline) {
      throw new Failure("overloaded: too much waits already, try again later", 25);
    }
    tell("overloaded: again in 1 s\n");
    await sleep(1000);
  }
}

/** Publish the question, show the draft while it is written, return the checked answer. */
async function ask(client, query) {
  await client.xAdd(`${names}:queries`, "*", { __data__: JSON.stringify(query) });
  const tokens = { key: `${names}:tokens:${query.id}`, id: "0" };
  while (Date.now() < deadline) {
    const read = await client.xRead(tokens, { BLOCK: deadline - Date.now() });
    for (const { id, message } of read?.[0].messages ?? []) {
      tokens.id = id;
      const event = JSON.parse(message.__data__);
      if (event.type === "started") tell(`\n(draft ${event.attempt}) `); // it begins anew
      if (event.type === "token") tell(event.text);
      if (event.type === "finished") {
        tell("\n");
        return event.answer;
      }
    }
  }
  throw new Failure(`no answer within ${TIMEOUT_S} s`, 22);
}

/** Print the answer and where each statement of it stands. */
function show(answer) {
  if (answer.error) tell(`${answer.status}: ${answer.error.message} [${answer.error.code}]\n`);
  console.log(answer.text);
  for (const { marker, title, document_id, page, quote } of answer.citations) {
    console.log(`[${marker}] ${title || document_id}${page ? `, page ${page}` : ""}: "${quote}"`);
  }
}

async function main([question, collection = "default", ...more]) {
  if (!question || more.length) throw new Failure("usage: node ask.js QUESTION [COLLECTION]", 2);
  const client = await connect();
  try {
    await waitForRoom(client);
    const answer = await ask(client, {
      id: randomUUID(), // our own: published twice, it still gets one Answer
      question,
      collection,
      deadline_ms: TIMEOUT_S * 1000, // past it nobody works on the question any more
      stream: true,
    });
    show(answer);
    return EXITS[answer.status];
  } finally {
    client.destroy();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  tell(`error: ${error.message}\n`);
  process.exitCode = error.exitCode ?? 1;
}
