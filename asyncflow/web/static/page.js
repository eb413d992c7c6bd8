// The page: which view an address shows. A view gets (main, name, signal, query); the signal aborts when it is left.
import { fill, h } from "./elements.js";
import { show } from "./server.js";
import { listenToKeys } from "./keyboard.js";
import { runsView } from "./runs.js";
import { runView } from "./run.js";
import { flowsView } from "./flows.js";
import { flowView } from "./flow.js";

const VIEWS = [
  [/^#?\/?$/, "runs", runsView],
  [/^#\/runs\/(.+)$/, "runs", runView],
  [/^#\/flows$/, "flows", flowsView],
  [/^#\/flows\/(.+)$/, "flows", flowView],
];
let leaving = new AbortController();

async function open() {
  const [path, query] = location.hash.split("?");
  const main = document.getElementById("main");
  if (path === "#main") return main.focus();
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const found = VIEWS.find(([one]) => one.test(path));
  for (const link of document.querySelectorAll("[data-page]")) {
    if (link.dataset.page === found?.[1]) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  show("");
  fill(main);
  scrollTo(0, 0);
  if (!found) return fill(main, h("p", { class: "empty" }, "There is no such page. ", h("a", { href: "#/" }, "All runs")));
  const [pattern, , view] = found;
  try {
    await view(main, decodeURIComponent(pattern.exec(path)[1] ?? ""), signal, new URLSearchParams(query));
  } catch (error) {
    if (!signal.aborted) fill(main, h("p", { class: "notice failed", role: "alert" }, error.message), h("p", {}, h("a", { href: "#/" }, "All runs")));
  }
}

addEventListener("hashchange", open);
listenToKeys();
open();
