// Elements and words. Everything that comes from a server becomes a text node, so nothing needs to be escaped.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(9).filter((child) => child != null && child !== false));
  return element;
}

const SIGNS = {
  running: "◔", retrying: "↻", paused: "‖", succeeded: "✓", failed: "✕", cancelled: "⊘", reused: "=", waiting: "○",
};

export function badge(state, text = state) {
  return h("span", { class: `badge ${state}` }, h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[state] ?? "○"), text);
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

export const time = (instant) => (instant ? Date.parse(instant) / 1000 : null);
export const now = () => Date.now() / 1000;
export const lasted = (one) => (time(one.ended_at) ?? now()) - time(one.started_at);
export const short = (id) => (id.length === 36 ? id.slice(0, 8) : id);
export const runLink = (id) => `#/runs/${encodeURIComponent(id)}`;
export const flowLink = (name) => `#/flows/${encodeURIComponent(name)}`;
export const exact = (instant) => (instant ? new Date(instant).toLocaleString() : "");
export const counted = (number, thing) => `${number.toLocaleString()} ${thing}${number === 1 ? "" : "s"}`;
export const sentence = (error) => (error ? (error.message ? `${error.type}: ${error.message}` : error.type) : "");
