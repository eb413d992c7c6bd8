// The page: which view an address shows. A view gets (main, name, signal, query); the signal aborts when it is left.
import { h } from "./elements.js";
import { show } from "./server.js";
import { runsView } from "./runs.js";
import { runView } from "./run.js";
import { flowsView, flowView } from "./flows.js";

const VIEWS = [
  [/^#?\/?$/, "runs", runsView],
  [/^#\/runs\/(.+)$/, "runs", runView],
  [/^#\/flows$/, "flows", flowsView],
  [/^#\/flows\/(.+)$/, "flows", flowView],
];
let leaving = new AbortController();

async function open() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const main = document.getElementById("main");
  const [path, query] = location.hash.split("?");
  if (path === "#main") return main.focus();
  const [pattern, page, view] = VIEWS.find(([one]) => one.test(path)) ?? VIEWS[0];
  for (const link of document.querySelectorAll("[data-page]")) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  show("");
  main.replaceChildren();
  try {
    await view(main, decodeURIComponent(pattern.exec(path)?.[1] ?? ""), signal, new URLSearchParams(query));
  } catch (error) {
    if (!signal.aborted) main.replaceChildren(h("p", { class: "notice failed", role: "alert" }, error.message));
  }
}

addEventListener("hashchange", open);
open();
