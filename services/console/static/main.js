// Starts the parts, and keeps the page live: whatever goes away, it says so and tries again.
import * as answers from "./answers.js";
import * as ask from "./ask.js";
import * as letters from "./letters.js";
import * as pipeline from "./pipeline.js";
import * as queries from "./queries.js";
import { events, get, takeTokenFromAddress, token } from "./api.js";
import { at, closable, openDialog, say } from "./dom.js";

const AGAIN_MS = 1000;
const LATE_MS = 8000; // no look for so long: the console hangs, or the way to it does
let about = null;
let following = null; // ends the stream of looks that is read
let heard = 0;

function state(kind, words, why = "") {
  at("state").dataset.state = kind;
  say(at("state-words"), words);
  at("banner").hidden = !why;
  say(at("banner"), why);
  document.body.classList.toggle("stale", kind === "away");
}

function draw(seen) {
  if (seen.problem) {
    state("away", "away", `${seen.problem.message} [${seen.problem.code}]. Trying again each second.`);
    return;
  }
  state("live", "live");
  pipeline.draw(seen.pipeline, about.visible_s);
  queries.draw(seen.queries);
  ask.drawCollections(seen.collections);
  letters.look(seen.pipeline);
}

async function learn() {
  about = await get("api/about");
  say(at("namespace"), `streams of ${about.namespace}`);
  at("sign-in").hidden = !about.has_token;
  say(at("sign-in"), about.may_change ? "Forget token" : "Enter token");
  if (token.get() && !about.may_change) token.drop(); // of an earlier run: it would only be refused
  ask.allow(about);
  letters.allow(about);
}

async function follow() {
  following = new AbortController();
  await learn();
  if (!about.may_read) {
    state("away", "locked", "Enter the console's token to see anything.");
    openDialog(at("token"));
    return new Promise((_, ended) => following.signal.addEventListener("abort", () => ended(new DOMException("", "AbortError"))));
  }
  for await (const { content } of events("api/live", { signal: following.signal })) {
    heard = Date.now();
    draw(content);
  }
}

// A tab that is out of sight costs nothing, and holds none of the few connections of a browser.
const inSight = () => new Promise((seen) => {
  if (document.hidden) document.addEventListener("visibilitychange", seen, { once: true });
  else seen();
});

async function live() {
  while (true) {
    await inSight();
    heard = Date.now();
    try {
      await follow();
    } catch (fault) {
      if (fault.name === "AbortError") continue;
      state("away", "away", `${fault.words ?? fault} Trying again each second.`);
    }
    await new Promise((done) => { setTimeout(done, AGAIN_MS); });
  }
}

function watchSilence() {
  if (!document.hidden && about?.may_read && Date.now() - heard > LATE_MS) {
    state("away", "away", "No news from the console. Trying again.");
    following?.abort();
  }
}

async function signIn(event) {
  event.preventDefault();
  say(at("token-said"), "");
  const before = token.get();
  token.set(at("token-field").value.trim());
  try {
    const { may_change: right } = await get("api/about");
    if (!right) throw new Error("This is not the console's token. [token_needed]");
    at("token-field").value = "";
    at("token").close();
    following?.abort();
  } catch (fault) {
    token.set(before);
    say(at("token-said"), fault.words ?? fault.message);
  }
}

function start() {
  takeTokenFromAddress();
  for (const part of [answers, ask, letters, queries]) part.start();
  closable(at("token"), at("close-token"));
  at("token-form").addEventListener("submit", signIn);
  at("sign-in").addEventListener("click", () => {
    if (!about.may_change) return openDialog(at("token"));
    token.drop();
    following?.abort();
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) following?.abort(); });
  setInterval(watchSilence, AGAIN_MS);
  live();
}

start();
