// The list of runs: what runs, what failed, how long they took.
import { ago, badge, counted, duration, exact, flowLink, h, lasted, now, OVER, runLink, sentence, short, time } from "./elements.js";
import { follow, getJson } from "./server.js";

const STATES = ["running", "paused", "failed", "succeeded", "cancelled"];
const MOST = 200;

export async function runsView(main, _, signal, query) {
  document.title = "Runs · asyncflow";
  const { flows } = await getJson("/api/flows", signal);
  let runs = [];
  const wanted = { state: query.get("state") ?? "", flow: query.get("flow") ?? "", text: "" };
  const chips = h("div", { class: "chips", role: "group", "aria-label": "States" });
  const flow = h("select", { id: "flow", onchange: () => set({ flow: flow.value }) },
    h("option", { value: "" }, "every flow"),
    flows.map((one) => h("option", { value: one.name, selected: one.name === wanted.flow }, one.name)));
  const text = h("input", { id: "text", type: "search", placeholder: "id, label or error", oninput: () => set({ text: text.value }) });
  const chart = h("div", { class: "chart" });
  const list = h("div", { class: "runs" });
  main.append(
    h("h1", {}, "Runs"), chart,
    h("div", { class: "filters" }, chips, h("label", { for: "flow", class: "hidden" }, "Flow"), flow,
      h("label", { for: "text", class: "hidden" }, "Search"), text),
    list);

  const set = (change) => { Object.assign(wanted, change); draw(); };
  const fits = (run) => (!wanted.flow || run.flow === wanted.flow)
    && (!wanted.text || [run.run_id, run.flow, sentence(run.error), ...Object.entries(run.labels).flat()]
      .some((one) => one.toLowerCase().includes(wanted.text.toLowerCase())));
  function draw() {
    const found = runs.filter(fits);
    const focused = document.activeElement?.dataset?.state;
    chips.replaceChildren(...["", ...STATES].map((state) => h("button", {
      type: "button", class: `chip ${state}`, "data-state": state || "all", "aria-pressed": String(wanted.state === state), onclick: () => set({ state }),
    }, state || "all", h("span", { class: "count" }, String(found.filter((run) => !state || run.state === state).length)))));
    if (focused) chips.querySelector(`[data-state="${focused}"]`)?.focus();
    const shown = found.filter((run) => !wanted.state || run.state === wanted.state);
    drawChart(chart, shown);
    list.replaceChildren(shown.length ? tableOf(shown) : empty(runs.length, flows));
  }
  everySecond(signal, () => tick(list));
  await follow(`/api/runs/changes?limit=${MOST}`, (_, told) => { if (told.runs) { runs = told.runs; draw(); } }, signal);
}

export function everySecond(signal, call) {
  const timer = setInterval(call, 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
}

export function tableOf(runs) {
  return h("table", {},
    h("thead", {}, h("tr", {}, ["State", "Flow", "Run", "Started", "Took"].map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col", class: "wide" }, "What happened"))),
    h("tbody", {}, runs.map((run) => h("tr", { "data-run": run.run_id },
      h("td", {}, badge(run.state)),
      h("td", { class: "flow" }, h("a", { href: flowLink(run.flow) }, run.flow)),
      h("td", { class: "id" }, h("a", { href: runLink(run.run_id), class: "mono" }, short(run.run_id))),
      h("td", { class: "started", "data-at": run.started_at, title: exact(run.started_at) }, ago(now() - time(run.started_at))),
      h("td", { class: "took", ...(OVER.has(run.state) ? {} : { "data-since": run.started_at }) }, duration(lasted(run))),
      h("td", { class: "wide" },
        Object.entries(run.labels).map(([name, value]) => h("span", { class: "label" }, `${name}=${value}`)),
        run.error && run.state === "failed" ? h("span", { class: "why", title: sentence(run.error) }, sentence(run.error)) : "")))));
}

export function tick(within) {
  for (const cell of within.querySelectorAll("[data-at]")) cell.textContent = ago(now() - time(cell.dataset.at));
  for (const cell of within.querySelectorAll("[data-since]")) cell.textContent = duration(now() - time(cell.dataset.since));
}

function drawChart(chart, runs) {
  const shown = runs.slice(0, 80).reverse();
  const longest = Math.max(...shown.map(lasted), 0.001);
  chart.replaceChildren();
  if (shown.length < 2) return;
  const bars = shown.map((run) => {
    const bar = h("a", { class: `bar ${run.state}`, href: runLink(run.run_id), tabindex: "-1", title: `${run.flow} ${short(run.run_id)}: ${run.state}, ${duration(lasted(run))}` });
    bar.style.height = `${Math.max(8, 100 * Math.sqrt(lasted(run) / longest))}%`;
    return bar;
  });
  chart.append(h("div", { class: "bars", "aria-hidden": "true" }, bars),
    h("p", { class: "muted" }, `The last ${counted(shown.length, "run")}; the highest took ${duration(longest)}.`));
}

function empty(all, flows) {
  if (all) return h("p", { class: "empty" }, "No run fits these filters.");
  return h("p", { class: "empty" }, "Nothing has run yet. Start ",
    flows.slice(0, 6).map((flow, place) => [place ? ", " : "", h("a", { href: flowLink(flow.name) }, flow.name)]), ".");
}
