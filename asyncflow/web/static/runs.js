// The page of runs: how things stand, what became of runs over time, and the list of them, as the address filters it.
import { clock, fill, flowLink, h, time } from "./elements.js";
import { follow, getJson } from "./server.js";
import { outcomes } from "./outcomes.js";
import { schedules, show, standing } from "./standing.js";
import { RunTable, everySecond } from "./runtable.js";

const STATES = ["running", "paused", "failed", "succeeded", "cancelled"];
const PERIODS = [[900, "15 min"], [3600, "1 h"], [86400, "24 h"], [604800, "7 d"]];
const PAGE = 100;
const FILTERS = ["state", "flow", "label", "since", "until", "search"];

export async function runsView(main, _, signal, query) {
  document.title = "Runs · asyncflow";
  let flows = null;
  let wanted = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  let period = Number(query.get("period")) || 3600;
  let overview = null, planned = [], listening = new AbortController(), runs = [];
  const chart = h("div", { class: "chart" });
  const state = h("div", { class: "standing" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": "States" });
  const given = h("div", { class: "given" });
  const older = h("button", { type: "button", class: "older", hidden: true, onclick: () => set({ until: runs.at(-1).started_at }, true) }, "Older runs");
  const flow = h("select", { id: "flow", onchange: () => set({ flow: flow.value }) },
    h("option", { value: "" }, "every flow"));
  const search = h("input", { id: "search", type: "search", placeholder: "Search", title: "id, flow, label or error", value: wanted.search, autocomplete: "off", oninput: typed });
  const span = h("select", { id: "period", "aria-label": "Period", onchange: () => { period = Number(span.value); address(false); look(); } },
    PERIODS.map(([seconds, name]) => h("option", { value: seconds, selected: seconds === period }, `last ${name}`)));
  const table = new RunTable({ label: (name, value) => set({ label: `${name}=${value}` }, true) });
  const list = h("div", { class: "runs" });
  const begin = h("div", {});
  const ahead = h("div", { class: "standing alone" });
  const all = h("div", { class: "all" }, h("div", { class: "page-head" }, h("h1", {}, "Runs"), span), chart, state,
    h("div", { class: "filters" }, chips, h("label", { for: "flow", class: "hidden" }, "Flow"), flow,
      h("label", { for: "search", class: "hidden" }, "Search"), search), given, list, h("div", { class: "more" }, older));
  fill(main, begin, ahead, all);

  let pause = null;
  function typed() {
    clearTimeout(pause);
    pause = setTimeout(() => set({ search: search.value }), 250);
  }

  function set(change, visible = false) {
    wanted = { ...wanted, ...change };
    address(visible);
    draw();
    listen();
  }

  const states = () => wanted.state.split(",").filter(Boolean);
  const toggled = (one) => (states().includes(one) ? states().filter((state) => state !== one) : [...states(), one]).join(",");

  // The address says what is shown, so that it can be kept, sent and reloaded.
  function address(visible) {
    const asked = new URLSearchParams(Object.entries({ ...wanted, period: period === 3600 ? "" : period }).filter(([, value]) => value));
    history[visible ? "pushState" : "replaceState"](null, "", `#/${String(asked) ? `?${asked}` : ""}`);
  }

  function draw() {
    flow.value = wanted.flow;
    if (document.activeElement !== search) search.value = wanted.search;
    fill(chips, ["", ...STATES].map((one) => h("button", {
      type: "button", class: `chip ${one}`, "data-state": one || "all", "aria-pressed": String(one ? states().includes(one) : !wanted.state), onclick: () => { set({ state: one && toggled(one) }); chips.querySelector(`[data-state=${one || "all"}]`).focus(); },
    }, one || "all")));
    fill(given, gone("label", wanted.label), gone("since", wanted.since && `from ${said(wanted.since)}`), gone("until", wanted.until && `before ${said(wanted.until)}`));
  }

  const said = (instant) => (Number.isNaN(Date.parse(instant)) ? instant : clock(time(instant), 7200 * 13));
  const gone = (name, told) => told && h("button", { type: "button", class: "chip", "aria-label": `Remove the filter: ${told}`, onclick: () => set(name === "label" ? { label: "" } : { since: "", until: "" }) }, told, h("span", { "aria-hidden": "true" }, "✕"));

  function listen() {
    listening.abort();
    listening = new AbortController();
    signal.addEventListener("abort", () => listening.abort());
    const asked = new URLSearchParams(Object.entries({ ...wanted, state: "" }).filter(([, value]) => value));
    for (const one of states()) asked.append("state", one);
    asked.set("limit", PAGE);
    follow(`/api/runs/changes?${asked}`, (_, told) => { if (told.runs) take(told.runs); }, listening.signal).catch((error) => {
      if (!signal.aborted) fill(list, h("p", { class: "notice failed", role: "alert" }, error.message));
    });
  }

  function take(told) {
    runs = told;
    const filtered = FILTERS.some((name) => wanted[name]);
    const nothing = !runs.length && !filtered;
    all.hidden = nothing;
    greet();
    table.show(runs);
    fill(list, runs.length ? table.element : h("p", { class: "empty" }, "No run fits these filters. ", h("button", { type: "button", onclick: () => set(Object.fromEntries(FILTERS.map((name) => [name, ""]))) }, "Show all")));
    older.hidden = runs.length < PAGE;
    stand();
    soon();
  }

  function greet() {
    fill(begin, all.hidden && flows && [h("h1", {}, "Runs"), welcome(flows)]);
  }

  let due = null;
  function soon() {
    due ??= setTimeout(() => { due = null; look(); }, 2000);
  }

  async function look() {
    try {
      overview = (await getJson(`/api/overview?seconds=${period}`, signal)).overview;
    } catch { return; } // the stream says that it is stale
    outcomes(chart, overview, period, wanted, (from, to) => set({ since: from, until: to }, true), (one) => set({ state: wanted.state === one ? "" : one }, true));
    stand();
  }

  async function plan() {
    try {
      planned = (await getJson("/api/schedules", signal)).schedules;
    } catch { return; }
    stand();
  }

  // Where nothing has run yet, what will run stands alone.
  function stand() {
    show(ahead, all.hidden && schedules(planned));
    if (overview) standing(state, overview, planned);
  }

  draw();
  listen();
  look();
  plan();
  everySecond(signal, () => table.tick());
  const timer = setInterval(() => { look(); plan(); }, 10_000);
  signal.addEventListener("abort", () => clearInterval(timer));
  flows = (await getJson("/api/flows", signal)).flows;
  flow.append(...flows.map((one) => h("option", { value: one.name }, one.name)));
  flow.value = wanted.flow;
  greet();
}

function welcome(flows) {
  return h("div", { class: "empty welcome" },
    h("p", { class: "lead" }, "Nothing has run yet."),
    flows.length ? h("p", {}, "Start ", flows.slice(0, 6).map((flow, place) => [place ? ", " : "", h("a", { href: flowLink(flow.name) }, flow.name)]), "; or from a shell: ", h("code", {}, `asyncflow start ${flows[0].name}`))
      : h("p", {}, "This configuration has no flows; ", h("code", {}, "asyncflow init"), " makes one."));
}

