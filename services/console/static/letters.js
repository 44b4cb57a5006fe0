// Dead letters: why, what was in them, and the way back onto their streams.
import { at, keyed, make, openDialog, say, words } from "./dom.js";
import { get, post } from "./api.js";

const OUTCOMES = {
  redriven: "redriven", gone: "not there any more", asked_again: "stays dead: its query id was asked again since",
  unreadable: "stays dead: it came from no stream of this pipeline",
};
let may = false;
let seen = ""; // what the last list was asked for
let loading = false;
let failed = false;

const attempts = ({ attempts: count }) => (count === 1 ? "1 attempt" : `${count} attempts`);

function row(letter) {
  const open = make("button", { type: "button", class: "row-button" },
    make("span", { class: "words", dir: "auto" }, letter.reason), make("span", { class: "quiet where" }));
  open.addEventListener("click", () => show(letter.id));
  const again = make("button", { type: "button", class: "again" }, "Redrive");
  again.addEventListener("click", () => redrive([letter.id], again));
  return make("li", {}, open, again);
}

function fill(element, letter) {
  const about = letter.query_id ?? letter.document_id ?? letter.entry_id;
  const when = new Date(letter.last_ms).toLocaleString();
  say(element.querySelector(".where"), [letter.code, letter.stream, attempts(letter), when, about].join(" · "));
  const again = element.querySelector(".again");
  again.hidden = !may;
  again.setAttribute("aria-label", `Redrive ${about}`);
}

function drawCodes(letters) {
  const select = at("code");
  const known = new Set([...select.options].map((one) => one.value));
  for (const { code } of letters) {
    if (!known.has(code)) select.append(make("option", { value: code }, code));
    known.add(code);
  }
  at("code-label").hidden = known.size < 3 && !select.value;
}

function draw({ length, letters, more }) {
  say(at("dead-count"), length ? `(${length})` : "");
  drawCodes(letters);
  keyed(at("letters"), letters, (one) => one.id, row, fill);
  at("no-letters").hidden = letters.length > 0;
  say(at("no-letters"), length ? "None with this code." : "None. What no attempt could handle would lie here.");
  at("redrive-all").hidden = !may || letters.length < 2;
  say(at("redrive-all"), more ? `Redrive the ${letters.length} listed` : `Redrive all ${letters.length}`);
}

async function load() {
  if (loading) return;
  loading = true;
  try {
    draw(await get("api/dead", { code: at("code").value }));
    if (failed) say(at("dead-said"), "");
    failed = false;
  } catch (fault) {
    say(at("dead-said"), fault.words ?? String(fault));
    failed = true;
    seen = ""; // the next look tries again
  } finally {
    loading = false;
  }
}

// The list is read again whenever the stream has changed.
export function look(pipeline) {
  const dead = pipeline.stages.find((stage) => stage.name === "dead");
  const now = `${dead.added} ${dead.length}`;
  if (now === seen) return;
  seen = now;
  load();
}

async function redrive(ids, button) {
  button.disabled = true;
  try {
    const { letters } = await post("api/redrive", { ids });
    const outcomes = letters.map((one) => one.outcome);
    const counts = [...new Set(outcomes)].map((kind) => `${outcomes.filter((one) => one === kind).length} ${OUTCOMES[kind]}`);
    say(at("dead-said"), counts.join(", "));
    await load();
    at("dead-title").focus(); // the button that was pressed is gone
  } catch (fault) {
    say(at("dead-said"), fault.words ?? String(fault));
  } finally {
    button.disabled = false;
  }
}

async function show(id) {
  at("sheet-title").replaceChildren("Dead letter ", make("code", {}, words(id)));
  at("sheet-body").replaceChildren(make("p", { class: "quiet" }, "Looking it up …"));
  openDialog(at("sheet"));
  try {
    const letter = await get("api/letter", { id });
    at("sheet-body").replaceChildren(
      make("p", { class: "error", dir: "auto" }, `${letter.reason} [${letter.code}]`),
      make("p", { class: "quiet" }, `entry ${letter.entry_id} of ${letter.stream}, ${attempts(letter)}`),
      ...Object.entries(letter.shown).flatMap(([name, text]) => [make("h3", {}, words(name)), make("pre", { tabindex: "0", "aria-label": "Content" }, text)]));
  } catch (fault) {
    at("sheet-body").replaceChildren(make("p", { class: "error" }, fault.words ?? String(fault)));
  }
}

export function allow(about) {
  may = about.may_change;
  seen = "";
}

export function start() {
  at("code").addEventListener("change", load);
  at("redrive-all").addEventListener("click", () => redrive([...at("letters").children].map((one) => one.dataset.key), at("redrive-all")));
}
