// The question box: the answer is shown while it is written, then as it was held against its evidence.
import { Fault, events, post } from "./api.js";
import { at, make, say } from "./dom.js";
import { shown } from "./answers.js";

let asking = null; // { id, text } of the question that is on its way
let may = false;

function progress(text) { say(at("progress"), text); }

function busy(on) {
  at("send").disabled = on || !may;
  at("cancel").hidden = !on;
  at("cancel").disabled = true; // until the question has an id
  at("asked").hidden = false;
}

const TOLD = {
  asked: (content) => { asking.id = content.query_id; at("cancel").disabled = false; progress("Asked. The passages are looked up."); },
  started: () => {
    progress(asking.text ? "A worker died: the answer begins anew." : "The answer is being written.");
    asking.text = "";
    at("draft").replaceChildren();
  },
  token: ({ text }) => { asking.text += text; at("draft").append(text); },
  finished: ({ answer }) => {
    const differs = asking.text.trim() && asking.text.trim() !== answer.text.trim();
    const draft = differs && make("details", {}, make("summary", {}, "What the model wrote"), make("p", { class: "text draft", dir: "auto" }, asking.text));
    at("draft").replaceChildren();
    at("answer").replaceChildren(...shown(answer), ...(draft ? [draft] : []));
    progress(differs ? "Held against the passages, the answer is:" : "Done.");
    asking.done = true;
  },
  error: ({ code, message }) => { throw new Fault(code, message); },
};

async function ask(question, collection) {
  asking = { id: "", text: "", done: false };
  at("answer").replaceChildren();
  at("draft").replaceChildren();
  busy(true);
  progress("Asking.");
  try {
    for await (const { name, content } of events("api/ask", { content: { question, collection } })) TOLD[name]?.(content);
    if (!asking.done) throw new Fault("cut_off", "The console ended before the answer came: see the recent queries");
  } catch (fault) {
    progress("");
    at("answer").replaceChildren(make("p", { class: "error", dir: "auto", role: "alert" }, fault.words ?? String(fault)));
  } finally {
    busy(false);
  }
}

async function cancel() {
  at("cancel").disabled = true;
  try {
    const { cancelled } = await post("api/cancel", { query_id: asking.id });
    progress(cancelled ? "Taken back: it ends at its next step." : "It had its answer already.");
  } catch (fault) {
    progress(fault.words ?? String(fault));
    at("cancel").disabled = false;
  }
}

export function allow(about) {
  may = about.may_change;
  at("question").maxLength = about.max_question_chars;
  at("question").disabled = !may;
  if (at("cancel").hidden) at("send").disabled = !may;
  const why = about.has_token ? "To ask, enter the console's token." : "This console only shows. Started as ragstream console --writable, it asks, too.";
  say(at("ask-note"), may ? "Ctrl+Enter asks, too." : why);
}

export function drawCollections(names) {
  const select = at("collection");
  const all = names.length ? names : ["default"];
  if ([...select.options].map((one) => one.value).join("\n") === all.join("\n")) return;
  const chosen = all.includes(select.value) ? select.value : all.includes("default") ? "default" : all[0];
  select.replaceChildren(...all.map((name) => make("option", { value: name }, name)));
  select.value = chosen;
  at("collection-label").hidden = all.length < 2 && all[0] === "default";
}

export function start() {
  at("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    if (may && at("cancel").hidden) ask(at("question").value, at("collection").value || "default");
  });
  at("question").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("ask").requestSubmit();
  });
  at("cancel").addEventListener("click", cancel);
  drawCollections([]);
}
