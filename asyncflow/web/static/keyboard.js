// Keys: where to go, what to choose, and a list of them all.
import { h } from "./elements.js";

const KEYS = [
  ["/", "Search"],
  ["j  k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["g r", "Go to the runs"],
  ["g f", "Go to the flows"],
  ["t", "Dark or light"],
  ["?", "This list"],
  ["Esc", "Close, or leave what is chosen"],
];
let before = "";

export function listenToKeys() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "Escape") return leave(typing);
    if (typing) return;
    const pressed = before === "g" ? `g ${event.key}` : event.key;
    before = before === "g" ? "" : event.key;
    const act = ACTS[pressed];
    if (!act) return;
    if (act(event) !== false) event.preventDefault();
  });
  document.getElementById("keys").addEventListener("click", help);
}

const ACTS = {
  "/": () => document.querySelector("input[type=search]")?.focus() ?? (document.querySelector("input[type=search]") ? true : false),
  "j": () => move(1),
  "k": () => move(-1),
  "Enter": (event) => (event.target.closest("a, button, summary, [role=button]") ? false : openSelected()),
  "g r": () => { location.hash = "#/"; },
  "g f": () => { location.hash = "#/flows"; },
  "t": () => document.getElementById("theme").click(),
  "?": () => help(),
};

function move(by) {
  const rows = [...document.querySelectorAll("main [data-href]")].filter((row) => row.offsetParent);
  if (!rows.length) return false;
  const at = rows.findIndex((row) => row.classList.contains("selected"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by))];
  rows[at]?.classList.remove("selected");
  next.classList.add("selected");
  [...next.querySelectorAll("a")].find((link) => link.getAttribute("href") === next.dataset.href)?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function openSelected() {
  const row = document.querySelector("main .selected[data-href]");
  if (!row) return false;
  location.hash = row.dataset.href;
  return true;
}

function leave(typing) {
  if (typing) typing.blur();
  else document.getElementById("main").dispatchEvent(new CustomEvent("leave"));
}

function help() {
  if (document.querySelector("dialog[open]")) return;
  const dialog = h("dialog", { class: "keys", "aria-labelledby": "keys-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "keys-title" }, "Keys"),
      h("dl", {}, KEYS.map(([key, told]) => [h("dt", {}, key.split("  ").map((one) => h("kbd", {}, one))), h("dd", {}, told)])),
      h("div", { class: "actions" }, h("button", { class: "primary" }, "Close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
