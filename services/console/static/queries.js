// Recent queries by state; each opens where it is, or how it ended.
import { at, closable, dot, duration, keyed, make, named, openDialog, say, words } from "./dom.js";
import { get } from "./api.js";
import { shown } from "./answers.js";

const STATES = ["waiting", "in_hand", "answered", "abstained", "failed", "expired", "cancelled"];
const MOST = 15; // rows at once
let only = null; // the state that is shown, all if null
let last = [];

function chip(state) {
  const button = make("button", { type: "button", "aria-pressed": "false" }, dot(state), make("span"));
  button.addEventListener("click", () => { only = only === state ? null : state; draw(last); });
  return button;
}

function row(query) {
  const button = make("button", { type: "button", class: "row-button" }, dot("waiting"), make("span", { class: "words", dir: "auto" }), make("span", { class: "quiet where" }));
  button.addEventListener("click", () => open(query.id));
  return make("li", {}, button);
}

function where(query) {
  const since = duration(query.since_s);
  if (query.state === "waiting") return `waits in ${query.stage} for ${since}`;
  if (query.state === "in_hand") return `${query.stage}, ${query.consumer}, for ${since}`;
  return [named(query.state), query.took_s !== null && `took ${duration(query.took_s)}`, `${since} ago`].filter(Boolean).join(" · ");
}

function fill(element, query) {
  const mark = element.querySelector(".dot");
  if (!mark.classList.contains(query.state)) mark.replaceWith(dot(query.state));
  say(element.querySelector(".words"), query.words || query.id);
  say(element.querySelector(".where"), where(query));
}

export function draw(queries) {
  last = queries;
  const counts = Object.fromEntries(STATES.map((state) => [state, queries.filter((one) => one.state === state).length]));
  const there = STATES.filter((state) => counts[state] || state === only);
  keyed(at("states"), there, (state) => state, chip, (button, state) => {
    say(button.lastChild, `${named(state)} ${counts[state]}`);
    button.setAttribute("aria-pressed", String(only === state));
  });
  const wanted = queries.filter((one) => !only || one.state === only);
  keyed(at("queries"), wanted.slice(0, MOST), (one) => one.id, row, fill);
  const rest = wanted.length - MOST;
  at("no-queries").hidden = wanted.length > 0 && rest <= 0;
  say(at("no-queries"), wanted.length ? `and ${rest} more` : only ? "None in this state." : "None yet.");
}

function told({ whereabouts: found, answer }) {
  const since = duration(found.since_s ?? 0);
  const lines = {
    waiting: `It waits in ${found.stage} since ${since}, ${found.ahead} before it.`,
    in_hand: `It is in ${found.stage} since ${since}: attempt ${found.attempt}, in hand of ${found.consumer}, heard of ${duration(found.idle_s ?? 0)} ago.`,
    dead: `It is dead since ${since}: see the dead letters.`,
    unknown: "There is no trace of it: never published, or finished too long ago.",
  };
  const line = lines[found.state] ?? `It ended ${since} ago, attempt ${found.attempt}.`;
  const error = !answer && found.error ? make("p", { class: "error", dir: "auto" }, `${found.error.message} [${found.error.code}]`) : null;
  const cut = found.not_searched.length ? make("p", { class: "quiet" }, `Not all of ${found.not_searched.join(", ")} was searched.`) : null;
  return [make("p", {}, line), error, cut, ...(answer ? shown(answer) : [])].filter(Boolean);
}

async function open(id) {
  const title = make("code", {}, words(id));
  at("sheet-title").replaceChildren("Query ", title);
  at("sheet-body").replaceChildren(make("p", { class: "quiet" }, "Looking it up …"));
  openDialog(at("sheet"));
  try {
    at("sheet-body").replaceChildren(...told(await get("api/query", { id })));
  } catch (fault) {
    at("sheet-body").replaceChildren(make("p", { class: "error" }, fault.words ?? String(fault)));
  }
}

export function start() {
  closable(at("sheet"), at("close-sheet"));
}
