// Text of documents, models and users goes into the page as text alone: no innerHTML anywhere here,
// and the page's policy would let nothing else run.
export const at = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const words = (text) => make("bdi", {}, text); // marks that turn the direction of text end here

export function say(element, text) {
  if (element.textContent !== text) element.textContent = text; // what stays is not read aloud again
}

// Children of a list by key: what stays keeps its element, and with it the focus.
export function keyed(list, items, key, create, update) {
  const wanted = new Set(items.map(key));
  for (const child of [...list.children]) if (!wanted.has(child.dataset.key)) child.remove();
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, place) => {
    const name = key(item);
    let child = known.get(name);
    if (!child) {
      child = create(item);
      child.dataset.key = name;
    }
    if (list.children[place] !== child) list.insertBefore(child, list.children[place] ?? null);
    update(child, item);
  });
}

export function duration(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= size) return `${Math.round(seconds / size)} ${unit}`;
  }
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return "–";
  return perSecond >= 10 ? String(Math.round(perSecond)) : perSecond.toFixed(1);
}

export const SIGNS = { answered: "✓", abstained: "–", failed: "✕", expired: "✕", cancelled: "✕", waiting: "·", in_hand: "▸", dead: "✕", unknown: "?" };
export const NAMES = { in_hand: "in hand" };
export const named = (state) => NAMES[state] ?? state;
export const dot = (state) => make("span", { class: `dot ${state}`, "aria-hidden": "true" }, SIGNS[state] ?? "?");

export function openDialog(dialog) {
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

export function closable(dialog, button) {
  button.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
