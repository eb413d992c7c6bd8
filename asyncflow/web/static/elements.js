// Elements and words. Everything that comes from a server becomes a text node, so nothing needs to be escaped.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  fill(element, children);
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(9).filter((child) => child != null && child !== false && child !== ""));
  return element;
}

const SIGNS = {
  running: "◔", retrying: "↻", paused: "‖", succeeded: "✓", failed: "✕", cancelled: "⊘", reused: "=", waiting: "◷",
};

export function badge(state, text = state) {
  return h("span", { class: `badge ${state}` }, h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[state] ?? "○"), text);
}

export function panel(title, attributes = {}, ...children) {
  const { class: more = "", beside, ...rest } = attributes;
  return h("section", { class: `panel ${more}`.trim(), "aria-label": title, ...rest },
    h("div", { class: "panel-head" }, h("h2", {}, title), beside), children);
}

export function copyable(text, shown = text) {
  const button = h("button", { type: "button", class: "copy", title: "Copy", "aria-label": `Copy ${text}` });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1200);
    } catch {
      getSelection().selectAllChildren(button.previousSibling);
    }
  });
  return h("span", { class: "copyable" }, h("span", { class: "mono" }, shown), button);
}

export function pairs(list) {
  return h("dl", {}, list.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

export function json(title, value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const cut = text.length > 20_000 ? `${text.slice(0, 20_000)}\n… ${counted(text.length - 20_000, "more letter")}` : text;
  return h("div", { class: "json" }, h("h3", {}, title), h("pre", { tabindex: "0", "aria-label": title }, cut));
}

// Rows that have not changed stay as they are, with the reader's focus and selection in them.
export function keep(parent, items, key, make) {
  const before = new Map([...parent.children].map((row) => [row.dataset.key, row]));
  const rows = items.map((item) => {
    const said = JSON.stringify(item);
    const old = before.get(key(item));
    if (old?.said === said) return old;
    const row = make(item);
    row.dataset.key = key(item);
    row.said = said;
    if (old?.classList.contains("selected")) row.classList.add("selected");
    return row;
  });
  const wanted = new Set(rows);
  const focused = document.activeElement;
  const place = parent.contains(focused) ? [focused.closest("[data-key]")?.dataset.key, focused.tagName, focused.textContent] : null;
  for (const row of [...parent.children]) if (!wanted.has(row)) row.remove();
  rows.forEach((row, at) => { if (parent.children[at] !== row) parent.insertBefore(row, parent.children[at] ?? null); });
  if (!place || document.contains(focused)) return;
  const alike = [...rows.find((row) => row.dataset.key === place[0])?.querySelectorAll(place[1]) ?? []];
  (alike.find((one) => one.textContent === place[2]) ?? alike[0])?.focus({ preventScroll: true });
}

export const OVER = new Set(["succeeded", "failed", "cancelled"]);

export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
  const [unit, size, below, smaller] = s < 3600 ? ["m", 60, "s", 1] : s < 86400 ? ["h", 3600, "m", 60] : ["d", 86400, "h", 3600];
  return `${Math.floor(s / size)}${unit} ${String(Math.floor((s % size) / smaller)).padStart(2, "0")}${below}`;
}

export function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

// Nothing finer than minutes: the page looks ahead every ten seconds.
export function until(seconds) {
  if (seconds < 60) return seconds < 0 ? "now" : "within a minute";
  if (seconds < 3600) return `in ${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `in ${Math.floor(seconds / 3600)} h`;
  return `in ${Math.floor(seconds / 86400)} d`;
}

export const time = (instant) => (instant ? Date.parse(instant) / 1000 : null);
export const now = () => Date.now() / 1000;
export const lasted = (one) => (time(one.ended_at) ?? now()) - time(one.started_at);
export const short = (id) => (id.length === 36 ? id.slice(0, 8) : id);
export const runLink = (id, node) => `#/runs/${encodeURIComponent(id)}${node ? `?node=${encodeURIComponent(node)}` : ""}`;
export const flowLink = (name) => `#/flows/${encodeURIComponent(name)}`;
export const exact = (instant) => (instant ? new Date(instant).toLocaleString() : "");
export const clock = (seconds, span) => new Date(seconds * 1000).toLocaleString([], span > 86400
  ? { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }
  : { hour: "2-digit", minute: "2-digit", ...(span <= 3600 ? { second: "2-digit" } : {}) });
export const counted = (number, thing) => `${number.toLocaleString()} ${thing}${number === 1 ? "" : "s"}`;
export const percent = (part) => (part == null ? "–" : `${part > 0.99 && part < 1 ? "99" : Math.round(part * 100)}%`);
export const sentence = (error) => (error ? (error.message ? `${error.type}: ${error.message}` : error.type) : "");
