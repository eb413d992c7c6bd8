// One run: its graph in the colours of now, what ran when, one node in full, and the journal.
import { badge, copyable, duration, exact, fill, flowLink, h, lasted, OVER, panel, runLink, sentence, short } from "./elements.js";
import { follow, getDrawing, getJson } from "./server.js";
import { Graph } from "./graph.js";
import { Journal } from "./journal.js";
import { actions } from "./actions.js";
import { everySecond } from "./runtable.js";
import { nodeDetail, nodesAt, runDetail } from "./drawer.js";
import { timeline } from "./timeline.js";

const MOST = 40; // nodes of one name that are told one by one

export async function runView(main, name, signal, query) {
  const path = `/api/runs/${encodeURIComponent(name)}`;
  let { run } = await getJson(`${path}?most=${MOST}`, signal);
  const flow = await getJson(`/api/flows/${encodeURIComponent(run.flow)}`, signal).then((told) => told.flow, () => null);
  let chosen = query.get("node") ?? "";
  document.title = `${run.flow} ${short(run.run_id)} · asyncflow`;
  const head = h("div", { class: "run-head" });
  const lines = h("div", {});
  const detail = h("section", { class: "panel detail", "aria-label": "Node" });
  const graph = new Graph(choose);
  graph.chosen = chosen;
  const journal = new Journal(path, Date.parse(run.started_at) / 1000, signal);
  const unfolds = flow?.nodes.some((node) => node.kind === "flow");
  const deep = h("input", { type: "checkbox", id: "deep", checked: chosen.includes("/"), onchange: () => drawGraph() });
  const context = { choose, signal, nodeOf: (node) => flow?.nodes.find((one) => one.name === node) };
  fill(main, head,
    h("div", { class: "columns" }, panel("Graph", { beside: unfolds ? h("label", { class: "switch" }, deep, "unfold sub-flows") : null }, graph.box, legend()), detail),
    panel("Timeline", {}, lines), journal.box);
  main.addEventListener("leave", () => choose(""), { signal });

  function choose(node) {
    if (node === chosen) node = "";
    chosen = graph.chosen = node;
    history.replaceState(null, "", runLink(name, node));
    graph.mark();
    drawDetail();
    drawLines();
    if (node && matchMedia("(max-width: 760px)").matches) detail.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  function drawLines() {
    const focused = lines.contains(document.activeElement) ? document.activeElement.title : "";
    fill(lines, timeline(run, chosen, (node) => choose(node)));
    if (focused) [...lines.querySelectorAll("button")].find((one) => one.title === focused)?.focus({ preventScroll: true });
  }
  // What has not changed stays as it is, with what the reader has opened, chosen and copied in it.
  const drawDetail = ifNew(() => [chosen, ...said(run, chosen)], () => fill(detail, chosen ? nodeDetail(run, flow, chosen, context) : runDetail(run, choose)));
  const drawHead = ifNew(() => [run.state, run.attempt, run.error], () => fill(head, heading(run)));
  const isNew = changed();
  async function drawGraph() {
    const now = run;
    if (!isNew([deep.checked, states(now)])) return;
    try {
      graph.show(await getDrawing(`${path}/drawing?expand=${deep.checked ? 5 : 0}`, signal));
      graph.verdicts(now);
    } catch { isNew(null); } // the next change tries again
  }
  function draw() {
    drawHead();
    drawLines();
    drawDetail();
    journal.follow();
    return drawGraph();
  }

  draw();
  everySecond(signal, () => {
    if (OVER.has(run.state)) return;
    drawLines();
    head.querySelector(".took").textContent = duration(lasted(run));
  });
  await follow(`${path}/changes?most=${MOST}`, (event, told) => {
    if (event === "progress") for (const one of told.progress) note(run.nodes, one);
    if (told.run) run = told.run;
    draw();
    return event === "end";
  }, signal);
}

function note(nodes, { id, progress }) {
  for (const node of nodes) {
    if (node.id === id) node.progress = progress;
    else if (node.nodes) note(node.nodes, { id, progress });
  }
}

function ifNew(key, draw) {
  const isNew = changed();
  return () => { if (isNew(key())) draw(); };
}

function changed() {
  let seen = null;
  return (key) => {
    const found = JSON.stringify(key);
    const is = found !== seen;
    seen = found;
    return is;
  };
}

function said(run, chosen) {
  const names = chosen.split("/");
  const nodes = chosen ? nodesAt(run, names) : run.nodes.filter((node) => node.state === "failed");
  return [run.state, chosen ? [run.edges, run.fallbacks] : run.nodes.length, (run.groups ?? []).map((group) => group.states), nodes.map((node) => [node.id, node.state, node.handled, node.waiting_for, node.progress, node.worker, node.running_since])];
}

const states = (run) => [(run.nodes).map((node) => [node.name, node.state, node.nodes ? states(node) : 0]), (run.groups ?? []).map((group) => group.states), run.edges, run.fallbacks];

function heading(run) {
  return [
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Runs"), " / ", h("a", { href: flowLink(run.flow) }, run.flow)),
    h("div", { class: "title" },
      h("h1", {}, run.flow, " ", copyable(run.run_id, short(run.run_id))), badge(run.state),
      h("span", { class: "muted took" }, duration(lasted(run))), actions(run)),
    h("p", { class: "muted facts" }, `started ${exact(run.started_at)}`, run.attempt > 1 ? `, attempt ${run.attempt}` : "",
      run.root_id !== run.run_id ? [", in run ", h("a", { href: runLink(run.root_id) }, short(run.root_id))] : "",
      Object.entries(run.labels).map(([name, value]) => [" ", h("a", { class: "label", href: `#/?label=${encodeURIComponent(`${name}=${value}`)}` }, `${name}=${value}`)])),
    run.error && run.state === "failed" ? h("p", { class: "notice failed", role: "alert" }, sentence(run.error)) : "",
  ];
}

function legend() {
  return h("p", { class: "legend muted" }, h("span", {}, h("i", { class: "line fired" }), "fired"), h("span", {}, h("i", { class: "line unfired" }), "did not fire"), h("span", {}, h("i", { class: "line" }), "not decided"));
}
