// One flow: its graph with how its nodes have done, a form that starts it, its last runs, its definition.
import { duration, fill, flowLink, h, lasted, panel, percent, runLink, short } from "./elements.js";
import { follow, getDrawing, getJson, post } from "./server.js";
import { Graph } from "./graph.js";
import { fieldsOf } from "./form.js";
import { RunTable, everySecond } from "./runtable.js";

const LAST = 50;

export async function flowView(main, name, signal) {
  document.title = `${name} · asyncflow`;
  const path = `/api/flows/${encodeURIComponent(name)}`;
  const { flow } = await getJson(path, signal);
  let statistics = null;
  const chosen = h("p", { class: "muted told", role: "status" });
  const graph = new Graph((node) => { chosen.textContent = node ? told(flow, node) : ""; });
  const deep = h("input", { type: "checkbox", id: "deep", onchange: draw });
  const list = h("div", { class: "runs" });
  const table = new RunTable({ flows: false });
  const figures = h("div", { class: "figures" });
  const nodes = h("div", {});
  const unfolds = flow.nodes.some((node) => node.kind === "flow");
  fill(main,
    h("div", {}, h("p", { class: "crumbs" }, h("a", { href: "#/flows" }, "Flows")), h("h1", {}, name)),
    figures,
    h("div", { class: "columns" },
      panel("Graph", { beside: unfolds ? h("label", { class: "switch" }, deep, "unfold sub-flows") : null }, graph.box, chosen),
      panel("Start", {}, startForm(flow))),
    panel("Nodes", { class: "flush" }, nodes),
    h("h2", {}, "Last runs"), list,
    panel("Definition", { class: "flush" }, definition(flow)));

  async function draw() {
    graph.show(await getDrawing(`${path}/drawing?counted=1&expand=${deep.checked ? 5 : 0}`, signal));
    if (statistics) graph.figures(statistics);
  }

  async function reckon() {
    statistics = (await getJson(`${path}/statistics?last=${LAST}`, signal)).statistics;
    fill(figures, summary(statistics));
    graph.figures(statistics);
    fill(nodes, nodeTable(flow, statistics));
  }

  await draw();
  reckon().catch(() => {});
  everySecond(signal, () => table.tick());
  let ended = 0, due = null;
  await follow(`/api/runs/changes?limit=20&flow=${encodeURIComponent(name)}`, (_, { runs }) => {
    if (!runs) return;
    table.show(runs);
    fill(list, runs.length ? table.element : h("p", { class: "empty" }, "It has not run yet by itself."));
    const over = runs.filter((run) => run.ended_at).length && runs.find((run) => run.ended_at)?.run_id;
    if (over && over !== ended) due ??= setTimeout(() => { due = null; reckon().catch(() => {}); }, ended ? 3000 : 0);
    ended = over;
  }, signal);
}

function told(flow, path) {
  const node = flow.nodes.find((one) => one.name === path);
  if (!node) return path;
  return node.kind === "flow" ? `${path}: a sub-flow` : `${path}: on queue ${node.queue}${node.storage ? `, results in ${node.storage}` : ""}`;
}

function summary({ runs, states, seconds, recent }) {
  if (!runs) return null;
  const over = (states.succeeded ?? 0) + (states.failed ?? 0);
  const longest = Math.max(...recent.map((run) => run.seconds ?? 0), 0.001);
  const bars = recent.slice().reverse().map((run) => {
    const bar = h("a", { class: `bar ${run.state}`, href: runLink(run.run_id), title: `${short(run.run_id)}: ${run.state}, ${duration(run.seconds ?? lasted(run))}`, "aria-label": `Run ${short(run.run_id)}: ${run.state}, ${duration(run.seconds ?? 0)}` });
    bar.style.height = `${Math.max(10, 100 * Math.sqrt((run.seconds ?? 0) / longest))}%`;
    return bar;
  });
  return [
    figure(percent(over ? (states.succeeded ?? 0) / over : null), `of the last ${runs === 1 ? "run" : `${runs} runs`} succeeded`),
    figure(seconds ? duration(seconds.p50) : "–", "p50"), figure(seconds ? duration(seconds.p95) : "–", "p95"),
    h("div", { class: "bars", role: "group", "aria-label": "The last runs; height is how long they took" }, bars),
  ];
}

const figure = (value, said) => h("div", { class: "number" }, h("strong", {}, value), h("span", { class: "muted" }, said));

function nodeTable(flow, statistics) {
  const by = Object.fromEntries(statistics.nodes.map((node) => [node.name, node]));
  return h("table", { class: "plain nodes" }, h("caption", { class: "hidden" }, "Nodes of the flow over its last runs"),
    h("thead", {}, h("tr", {}, ["Node", "Queue", "Passed", "p50", "p95", "Attempts"].map((one) => h("th", { scope: "col" }, one)))),
    h("tbody", {}, flow.nodes.map((node) => {
      const did = by[node.name];
      return h("tr", {}, h("th", { scope: "row" }, node.kind === "flow" ? h("a", { href: flowLink(node.name) }, node.name) : node.name),
        h("td", { class: "mono" }, node.queue ?? "–"),
        h("td", { class: did?.rate < 1 ? (did.rate < 0.9 ? "bad" : "slow") : "" }, did ? `${percent(did.rate)} of ${Object.values(did.states).reduce((a, b) => a + b, 0).toLocaleString()}` : h("span", { class: "muted" }, "has not run")),
        h("td", {}, did?.seconds ? duration(did.seconds.p50) : "–"), h("td", {}, did?.seconds ? duration(did.seconds.p95) : "–"),
        h("td", {}, did ? did.attempts.toLocaleString() : "–"));
    })));
}

function definition(flow) {
  const row = (from, condition, to) => h("tr", {}, h("td", {}, from), h("td", { class: "mono" }, condition), h("td", {}, to));
  return h("table", { class: "plain definition" }, h("caption", { class: "hidden" }, "Edges and fallbacks of the flow"),
    h("thead", {}, h("tr", {}, ["After", "If", "Then"].map((one) => h("th", { scope: "col" }, one)))),
    h("tbody", {},
      flow.edges.map((edge) => row(edge.from.join(" and ") || "the start", edge.condition || "always", edge.to.join(", "))),
      flow.fallbacks.map((one) => row(`${one.of.join(" and ")} failed`, "fallback", one.to.join(", ") || "nothing more"))));
}

function startForm(flow) {
  const fields = fieldsOf(flow.node_args_schema);
  const trouble = h("p", { class: "notice failed", role: "alert", hidden: true });
  const button = h("button", { class: "primary" }, flow.name.length > 32 ? "Start" : `Start ${flow.name}`);
  const form = h("form", { class: "start", novalidate: true, onsubmit: submit }, fields.elements, trouble, h("div", { class: "actions" }, button));
  const key = crypto.randomUUID?.() ?? String(Math.random()); // a second click on the same form is the same run
  async function submit(event) {
    event.preventDefault();
    trouble.hidden = true;
    if (!fields.check()) return;
    button.disabled = true;
    try {
      const { run_id } = await post("/api/runs", { flow: flow.name, node_args: fields.value(), run_id: key });
      location.hash = runLink(run_id);
    } catch (error) {
      button.disabled = false;
      if (fields.blame(error.message)) return;
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
  }
  return form;
}
