// Each stage as a card: what waits, what is in hand, how old, how fast, and who works there.
import { at, dot, duration, keyed, make, rate, say } from "./dom.js";

const QUESTIONS = ["queries", "retrieve", "generate", "answers"];
const DOCUMENTS = ["documents", "embed", "index"];
const READ_BY = {
  queries: "embedder", retrieve: "retriever", generate: "generator", answers: "subscribers",
  documents: "ingestor", embed: "embedder", index: "retriever",
};

function count(name, label) {
  return make("div", { class: `count ${name}` }, make("dt", {}, label), make("dd", { "data-value": name }));
}

function card(stage) {
  const facts = make("dl", {}, count("waiting", stage.name === "answers" ? "unread" : "waiting"), count("in-hand", "in hand"), count("oldest", "oldest"), count("in", "in /s"), count("out", "out /s"));
  return make("li", { class: "stage", "data-stage": stage.name },
    make("h4", {}, stage.name, " ", make("span", { class: "quiet" }, `→ ${READ_BY[stage.name]}`)),
    facts,
    make("p", { class: "bulk quiet", hidden: "" }),
    make("ul", { class: "consumers", "aria-label": `Consumers of ${stage.name}` }),
    make("p", { class: "nobody", hidden: "" }, "No consumer"));
}

function fill(element, stage, bulk, visible) {
  const values = {
    waiting: stage.lag === null ? "?" : String(stage.lag),
    "in-hand": String(stage.pending),
    oldest: stage.oldest_s === null ? "–" : duration(stage.oldest_s),
    in: rate(stage.added_per_s),
    out: rate(stage.read_per_s),
  };
  for (const [name, text] of Object.entries(values)) say(element.querySelector(`[data-value="${name}"]`), text);
  element.classList.toggle("busy", stage.lag > 0 || stage.pending > 0);
  element.classList.toggle("flows", stage.added_per_s > 0 || stage.read_per_s > 0);
  fillBulk(element.querySelector(".bulk"), bulk);
  const consumers = together([stage, bulk]);
  keyed(element.querySelector(".consumers"), consumers, (one) => one.name, () => make("li", {}, dot("waiting"), make("span", { class: "name" }), make("span", { class: "doing quiet" })), (chip, one) => fillConsumer(chip, one, visible));
  const needed = stage.name !== "answers";
  element.querySelector(".nobody").hidden = !needed || consumers.length > 0;
}

function fillBulk(element, bulk) {
  const busy = bulk && (bulk.length > 0 || bulk.added_per_s > 0);
  element.hidden = !busy;
  if (busy) say(element, `bulk lane: ${bulk.lag ?? "?"} waiting, ${bulk.pending} in hand, ${rate(bulk.read_per_s)} /s`);
}

// A worker reads both lanes of its stage: it is shown once.
function together(stages) {
  const found = new Map();
  for (const consumer of stages.flatMap((stage) => stage?.consumers ?? [])) {
    const name = consumer.name;
    const met = found.get(name) ?? { name, pending: 0, idle_s: Infinity };
    found.set(name, { name, pending: met.pending + consumer.pending, idle_s: Math.min(met.idle_s, consumer.idle_s) });
  }
  return [...found.values()].sort((one, other) => one.name.localeCompare(other.name));
}

function fillConsumer(chip, one, visible) {
  const silent = one.idle_s > visible / 2; // even one that is busy is heard of each third of that time
  const kind = silent ? "silent" : one.pending ? "works" : "waits";
  const doing = one.pending ? `${one.pending} in hand` : "waits";
  chip.className = kind;
  say(chip.querySelector(".dot"), { silent: "!", works: "▸", waits: "·" }[kind]);
  say(chip.querySelector(".name"), one.name);
  say(chip.querySelector(".doing"), silent ? `${doing}, silent for ${duration(one.idle_s)}` : doing);
}

export function draw(pipeline, visible) {
  const stages = new Map(pipeline.stages.map((stage) => [stage.name, stage]));
  for (const [id, names] of [["lane-queries", QUESTIONS], ["lane-documents", DOCUMENTS]]) {
    const shown = names.map((name) => stages.get(name)).filter(Boolean);
    keyed(at(id), shown, (stage) => stage.name, card, (element, stage) => fill(element, stage, stages.get(`${stage.name}:bulk`), visible));
  }
}
