// The way to the server. The token travels in a header that only this script sets, and never in a
// cookie: no other page can make the browser send it.
const KEPT = "ragstream-token";

export class Fault extends Error {
  constructor(code, message, status = 0) {
    super(message);
    Object.assign(this, { code, status });
  }
  get words() { return `${this.message} [${this.code}]`; }
}

const AWAY = () => new Fault("console_away", "The console does not answer: is it still running?");

export const token = {
  get: () => { try { return sessionStorage.getItem(KEPT) ?? ""; } catch { return ""; } },
  set: (text) => { try { sessionStorage.setItem(KEPT, text); } catch { /* then it is asked for again */ } },
  drop: () => { try { sessionStorage.removeItem(KEPT); } catch { /* there was none */ } },
};

// `ragstream console --writable` prints an address with the token behind #: servers never see that.
export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  token.set(given);
  history.replaceState(null, "", location.pathname);
}

function headers(more = {}) {
  return token.get() ? { ...more, Authorization: `Bearer ${token.get()}` } : more;
}

async function answered(response) {
  if (response.ok) return response;
  let error = { code: `http_${response.status}`, message: `The console refused this (${response.status}).` };
  try { error = (await response.json()).error ?? error; } catch { /* no words of ours */ }
  throw new Fault(error.code, error.message, response.status);
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, cache: "no-store", credentials: "omit" });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw AWAY();
  }
  return answered(response);
}

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters);
  return (await send(`${path}?${query}`, { headers: headers() })).json();
}

function posted(content) {
  return { method: "POST", headers: headers({ "Content-Type": "application/json" }), body: JSON.stringify(content) };
}

export async function post(path, content) {
  return (await send(path, posted(content))).json();
}

// Server-sent events by fetch: EventSource can send neither a header nor a question.
export async function* events(path, { content, signal } = {}) {
  const options = content === undefined ? { headers: headers() } : posted(content);
  const response = await send(path, { ...options, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
    while (true) {
      const { value, done } = await reader.read().catch((problem) => {
        throw problem.name === "AbortError" ? problem : AWAY();
      });
      if (done) return;
      const blocks = (held + value).split("\n\n");
      held = blocks.pop();
      yield* blocks.map(parsed);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => {
    const colon = line.indexOf(": ");
    return [line.slice(0, colon), line.slice(colon + 2)];
  }));
  return { name: fields.event, content: JSON.parse(fields.data) };
}
