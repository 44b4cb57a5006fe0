// An answer with citations that open the passage that they quote.
import { at, closable, dot, make, named, openDialog, say, words } from "./dom.js";
import { get } from "./api.js";

const MARKER = /(\[\d{1,3}\])/;

function place(one) {
  return [one.title || one.document_id, one.page && `page ${one.page}`, one.section].filter(Boolean).join(", ");
}

function withMarkers(text, citations) {
  return text.split(MARKER).map((piece) => {
    const cited = MARKER.test(piece) && citations.find((one) => `[${one.marker}]` === piece);
    if (!cited) return words(piece);
    const button = make("button", { type: "button", class: "marker", "aria-label": `Open passage ${cited.marker}: ${place(cited)}` }, piece);
    button.addEventListener("click", () => openPassage(cited));
    return button;
  });
}

function citation(one) {
  const button = make("button", { type: "button", class: "cited" },
    make("span", { class: "quiet" }, words(`[${one.marker}] ${place(one)}`)), make("q", { dir: "auto" }, one.quote));
  button.addEventListener("click", () => openPassage(one));
  return make("li", {}, button);
}

function timings(answer) {
  const stages = Object.entries(answer.timings_ms ?? {});
  const total = stages.reduce((sum, [, { queue, work }]) => sum + queue + work, 0);
  return stages.length ? `${(total / 1000).toFixed(2)} s (${stages.map(([name, { queue, work }]) => `${name} ${Math.round(work)} ms after ${Math.round(queue)} ms in queue`).join(", ")})` : "";
}

export function shown(answer) {
  const facts = [dot(answer.status), make("strong", {}, named(answer.status))];
  if (answer.status === "answered") facts.push(make("span", {}, `support ${answer.support.toFixed(2)}`));
  if (answer.extracted) facts.push(make("span", {}, "quoted from the passages"));
  const cited = answer.citations ?? [];
  return [
    make("p", { class: "facts" }, ...facts),
    answer.error ? make("p", { class: "error", dir: "auto" }, `${answer.error.message} [${answer.error.code}]`) : null,
    answer.text ? make("p", { class: "text", dir: "auto" }, ...withMarkers(answer.text, cited)) : null,
    cited.length ? make("h3", {}, "Cited") : null,
    cited.length ? make("ul", { class: "citations" }, ...cited.map(citation)) : null,
    make("p", { class: "quiet small" }, timings(answer)),
  ].filter(Boolean);
}

// The quote within the passage, however its lines are broken there.
function marked(text, quote) {
  const pattern = quote.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+");
  const found = pattern ? new RegExp(pattern).exec(text) : null;
  if (!found) return null;
  const end = found.index + found[0].length;
  return [text.slice(0, found.index), make("mark", {}, found[0]), text.slice(end)];
}

async function openPassage(one) {
  say(at("passage-title"), one.title || one.document_id);
  say(at("passage-where"), [one.page && `page ${one.page}`, one.section, one.chunk_id].filter(Boolean).join(" · "));
  const quote = () => make("mark", {}, one.quote);
  at("passage-text").replaceChildren(quote());
  say(at("passage-note"), "");
  openDialog(at("passage"));
  let note = "";
  try {
    const { text } = await get("api/passage", { chunk_id: one.chunk_id });
    const pieces = marked(text, one.quote);
    if (!pieces) note = "The document was replaced since: the passage no longer holds this quote.";
    at("passage-text").replaceChildren(...(pieces ?? [quote()]));
  } catch (fault) {
    note = fault.words ?? String(fault);
  }
  say(at("passage-note"), note);
  at("passage-note").hidden = !note;
  at("passage-text").querySelector("mark")?.scrollIntoView({ block: "center" });
}

export function start() {
  closable(at("passage"), at("close-passage"));
}
