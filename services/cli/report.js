"use strict";
// Text of documents and models goes into the page as text alone: no innerHTML anywhere here, and the
// page's policy would let nothing else run.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SYMBOLS = { answered: "✓", abstained: "–", failed: "✕", expired: "✕", cancelled: "✕", waiting: "·" };
const at = (id) => document.getElementById(id);

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
const words = (text) => make("bdi", {}, text); // marks that turn the direction of text end here
const dot = (status) => make("span", { class: `dot ${status}`, "aria-hidden": "true" }, SYMBOLS[status]);
const seconds = (ms) => (ms / 1000).toFixed(ms < 10000 ? 2 : 1);
const titled = (one) => (one ? one.title || one.id : "the whole collection");

// Every cell of the matrix: q and d are places in the lists of questions and documents.
const documents = DATA.documents.length ? DATA.documents : [null];
const cells = documents.map((_, d) => DATA.questions.map((_, q) => ({ q, d, status: "waiting" })));
for (const cell of DATA.cells) cells[cell.d][cell.q] = cell;
const all = cells.flat();
for (const cell of all) {
  const said = [DATA.questions[cell.q].text, titled(documents[cell.d]), cell.text ?? ""];
  cell.words = said.concat((cell.citations ?? []).map((one) => one.quote)).join("\n").toLowerCase();
}
const statuses = Object.keys(SYMBOLS).filter((status) => all.some((cell) => cell.status === status));
const wanted = { statuses: new Set(statuses), only: "", find: "" };
let open = null; // the cell whose answer is shown
let current = null; // the cell that the Tab key comes to

function about() {
  const { asking, run } = DATA;
  const limits = [asking.top_k && `top_k ${asking.top_k}`, asking.max_tokens && `max_tokens ${asking.max_tokens}`];
  const said = [
    `${DATA.questions.length} questions`,
    asking.per_document ? `${documents.length} documents` : "asked of the whole collection",
    `collection ${asking.collection}`, `profile ${asking.profile}`, ...limits.filter(Boolean), run,
  ];
  at("about").append(said.join(" · "));
}

function drawFilters() {
  for (const status of statuses) {
    const count = all.filter((cell) => cell.status === status).length;
    const chip = make("button", { type: "button", "data-status": status }, dot(status), `${status} ${count}`);
    chip.addEventListener("click", () => {
      if (!wanted.statuses.delete(status)) wanted.statuses.add(status);
      changed();
    });
    at("statuses").append(chip);
  }
  at("only").append(make("option", { value: "" }, "all"));
  for (const { id, text } of DATA.questions) at("only").append(make("option", { value: id }, `${id}. ${text}`));
  at("only").addEventListener("change", () => { wanted.only = at("only").value; changed(); });
  at("find").addEventListener("input", () => { wanted.find = at("find").value; changed(); });
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    Object.assign(wanted, { statuses: new Set(statuses), only: "", find: "" });
    changed();
  });
}

function drawMatrix() {
  const head = make("tr", {}, make("th", { scope: "col" }, "Document"));
  for (const { id, text } of DATA.questions) {
    const button = make("button", { type: "button", title: text, "aria-label": `Only question ${id}: ${text}` }, id);
    button.addEventListener("click", () => { wanted.only = wanted.only === id ? "" : id; changed(); });
    head.append(make("th", { scope: "col" }, button));
  }
  const body = make("tbody");
  cells.forEach((row, d) => {
    const name = titled(documents[d]);
    const line = make("tr", {}, make("th", { scope: "row", title: name }, words(name)));
    for (const cell of row) line.append(make("td", {}, drawCell(cell, name)));
    body.append(line);
  });
  at("matrix").append(make("thead", {}, head), body);
  at("matrix").addEventListener("keydown", move);
}

function drawCell(cell, name) {
  const { id } = DATA.questions[cell.q];
  const label = `${name}, question ${id}: ${cell.status}`;
  cell.button = make("button", { type: "button", class: cell.status, tabindex: "-1", "aria-label": label }, SYMBOLS[cell.status]);
  cell.button.addEventListener("click", () => show(cell));
  for (const event of ["focus", "mouseenter"]) cell.button.addEventListener(event, () => tell(cell));
  cell.button.addEventListener("focus", () => reach(cell));
  return cell.button;
}

function tell(cell) {
  const { id, text } = DATA.questions[cell.q];
  at("here").replaceChildren(make("strong", {}, cell.status), " · ", words(titled(documents[cell.d])), ` · ${id}. `, words(text));
}

function reach(cell) {
  if (current) current.button.tabIndex = -1;
  current = cell;
  if (cell) cell.button.tabIndex = 0;
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
function move(event) {
  if (!current || event.target !== current.button) return;
  let { q, d } = current;
  const row = cells[d].filter((cell) => cell.on);
  if (event.key === "Home" || event.key === "End") row.at(event.key === "Home" ? 0 : -1).button.focus();
  else if (!(event.key in STEPS)) return;
  else {
    const [right, down] = STEPS[event.key];
    do { q += right; d += down; } while (cells[d]?.[q] && !cells[d][q].on);
    cells[d]?.[q]?.button.focus();
  }
  event.preventDefault();
}

function filter() {
  const find = wanted.find.trim().toLowerCase();
  for (const cell of all) {
    cell.on = wanted.statuses.has(cell.status) && (!wanted.only || DATA.questions[cell.q].id === wanted.only)
      && (!find || cell.words.includes(find));
    cell.button.classList.toggle("off", !cell.on);
    cell.button.disabled = !cell.on;
  }
  const columns = DATA.questions.map((_, q) => cells.some((row) => row[q].on));
  const [head, ...lines] = at("matrix").rows;
  DATA.questions.forEach((_, q) => { head.cells[q + 1].hidden = !columns[q]; });
  lines.forEach((line, d) => {
    line.hidden = !cells[d].some((cell) => cell.on);
    cells[d].forEach((cell, q) => { cell.button.parentElement.hidden = !columns[q]; });
  });
  const on = all.filter((cell) => cell.on);
  at("shown").textContent = on.length === all.length ? `${all.length} cells` : `${on.length} of ${all.length} cells`;
  for (const chip of at("statuses").children) chip.setAttribute("aria-pressed", wanted.statuses.has(chip.dataset.status));
  if (at("only").value !== wanted.only) at("only").value = wanted.only;
  if (at("find").value !== wanted.find) at("find").value = wanted.find;
  if (!current?.on) reach(on[0] ?? null);
  drawTimings(on);
}

function drawQuestions() {
  const kinds = ["answered", "abstained", "failed", "waiting"];
  const kind = (status) => (kinds.includes(status) ? status : "failed");
  const head = ["", "Question", "", "answered", "abstained", "failed"].map((name, place) => make("th", { scope: "col", class: place > 2 && "number" }, name));
  const lines = DATA.questions.map(({ id, text }, q) => {
    const counts = Object.fromEntries(kinds.map((name) => [name, cells.filter((row) => kind(row[q].status) === name).length]));
    const share = make("div", { class: "share", role: "img", "aria-label": `${counts.answered} of ${cells.length} answered` });
    for (const name of kinds.slice(0, 3)) {
      const part = make("span", { class: name });
      part.style.width = `${(100 * counts[name]) / cells.length}%`;
      share.append(part);
    }
    const numbers = kinds.slice(0, 3).map((name) => make("td", { class: "number" }, String(counts[name])));
    return make("tr", {}, make("th", { scope: "row" }, id), make("td", {}, words(text)), make("td", {}, share), ...numbers);
  });
  at("questions").append(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...lines));
}

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

function drawTimings(on) {
  const stages = [...new Set(on.flatMap((cell) => Object.keys(cell.timings ?? {})))];
  const lines = stages.map((stage) => {
    const numbers = ["queue", "work"].flatMap((what) => {
      const sorted = on.map((cell) => cell.timings?.[stage]?.[what]).filter((ms) => ms !== undefined).sort((a, b) => a - b);
      return [quantile(sorted, 0.5), quantile(sorted, 0.95)];
    });
    return make("tr", {}, make("th", { scope: "row" }, stage), ...numbers.map((ms) => make("td", { class: "number" }, seconds(ms))));
  });
  const names = ["Stage", "in queue, median", "95 %", "at work, median", "95 %"];
  const head = make("tr", {}, ...names.map((name, place) => make("th", { scope: "col", class: place > 0 && "number" }, name)));
  at("timings").replaceChildren(make("thead", {}, head), make("tbody", {}, ...lines));
}

function item(kind, mark, one, text) {
  const place = [one.title, one.page && `page ${one.page}`, one.section].filter(Boolean).join(", ");
  const head = make("span", {}, words([mark, place].filter(Boolean).join(" · ")));
  return make("li", { class: kind }, head, make("q", { dir: "auto" }, text));
}

function titledList(title, items) {
  return items.length ? [make("h3", {}, title), make("ul", {}, ...items)] : [];
}

function timings(cell) {
  const rows = Object.entries(cell.timings ?? {}).map(([stage, { queue, work }]) =>
    make("tr", {}, make("th", { scope: "row" }, stage), make("td", { class: "number" }, `${seconds(queue)} s in queue`), make("td", { class: "number" }, `${seconds(work)} s at work`)));
  return rows.length ? [make("h3", {}, "Time"), make("table", {}, make("tbody", {}, ...rows))] : [];
}

function describe(cell) {
  const { id, text } = DATA.questions[cell.q];
  const facts = [dot(cell.status), make("strong", {}, cell.status)];
  if (cell.status === "answered") {
    facts.push(make("span", {}, `support ${cell.support.toFixed(2)}`));
    if (cell.extracted) facts.push(make("span", {}, "quoted from the passages"));
  }
  const cited = (cell.citations ?? []).map((one) => item("cited", `[${one.marker}]`, one, one.quote));
  const evidence = (cell.evidence ?? []).map((one) => item("near", one.score.toFixed(2), one, one.sentence));
  return [
    make("h2", { id: "answer-question", dir: "auto" }, `${id}. ${text}`),
    make("p", { class: "where" }, words(titled(documents[cell.d]))),
    make("p", { class: "facts" }, ...facts),
    cell.error ? make("p", { class: "error", dir: "auto" }, `${cell.error.message} [${cell.error.code}]`) : null,
    make("p", { class: "text", dir: "auto" }, cell.text || (cell.status === "waiting" ? "No answer so far." : "")),
    ...titledList("Cited", cited), ...titledList("Nearest sentences", evidence), ...timings(cell),
    cell.query_id ? make("p", {}, make("code", {}, cell.query_id)) : null,
  ].filter(Boolean);
}

function show(cell) {
  open = cell;
  at("answer-body").replaceChildren(...describe(cell));
  if (!at("answer").open) at("answer").showModal();
  at("answer").scrollTop = 0;
  const on = all.filter((one) => one.on);
  at("before").disabled = on[0] === cell;
  at("after").disabled = on.at(-1) === cell;
  remember();
}

function step(by) {
  const on = all.filter((cell) => cell.on);
  const next = on[on.indexOf(open) + by];
  if (next) show(next);
}

function drawDialog() {
  at("before").addEventListener("click", () => step(-1));
  at("after").addEventListener("click", () => step(1));
  at("close").addEventListener("click", () => at("answer").close());
  at("answer").addEventListener("click", (event) => { if (event.target === at("answer")) at("answer").close(); });
  at("answer").addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  at("answer").addEventListener("close", () => {
    open?.button.focus();
    open = null;
    remember();
  });
}

// What is shown stands in the address, so that it can be kept and sent.
function remember() {
  const kept = new URLSearchParams();
  if (wanted.statuses.size < statuses.length) kept.set("status", [...wanted.statuses].join(","));
  if (wanted.only) kept.set("only", wanted.only);
  if (wanted.find) kept.set("find", wanted.find);
  if (open) {
    kept.set("q", DATA.questions[open.q].id);
    if (documents[open.d]) kept.set("d", documents[open.d].id);
  }
  try { history.replaceState(null, "", `#${kept}`); } catch { /* a page from a sandbox has no address */ }
}

function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  if (kept.has("status")) wanted.statuses = new Set(kept.get("status").split(",").filter((one) => statuses.includes(one)));
  if (DATA.questions.some(({ id }) => id === kept.get("only"))) wanted.only = kept.get("only");
  wanted.find = kept.get("find") ?? "";
  filter();
  const found = all.find((cell) => DATA.questions[cell.q].id === kept.get("q") && (documents[cell.d]?.id ?? null) === kept.get("d"));
  if (found) show(found);
}

function changed() {
  filter();
  remember();
}

about();
drawFilters();
drawMatrix();
drawQuestions();
drawDialog();
recall();
