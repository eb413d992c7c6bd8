// One run: its graph in the colours of now, what ran when, and one node in full.
import { badge, counted, duration, exact, flowLink, h, lasted, now, OVER, runLink, sentence, short, time } from "./elements.js";
import { follow, getDrawing, getJson, post } from "./server.js";
import { Graph } from "./graph.js";
import { everySecond } from "./runs.js";
import { timeline } from "./timeline.js";

const MOST_SHOWN = 50;

export async function runView(main, name, signal) {
  const path = `/api/runs/${encodeURIComponent(name)}`;
  let { run } = await getJson(path, signal);
  let chosen = "";
  document.title = `${run.flow} ${short(run.run_id)} · asyncflow`;
  const head = h("div", {});
  const lines = h("div", {});
  const detail = h("section", { class: "panel detail", "aria-label": "Node", "aria-live": "polite" });
  const choose = (node) => { chosen = node; graph.chosen = node; graph.mark(); drawDetail(); drawLines(); };
  const graph = new Graph(choose);
  const deep = h("input", { type: "checkbox", id: "deep", onchange: () => drawGraph() });
  main.append(head,
    h("div", { class: "columns" },
      h("section", { class: "panel", "aria-label": "Graph" },
        h("div", { class: "panel-head" }, h("h2", {}, "Graph"),
          run.nodes.some((node) => node.kind === "flow") ? h("label", { class: "switch" }, deep, "unfold sub-flows") : null), graph.box),
      detail),
    h("section", { class: "panel", "aria-label": "Timeline" }, h("h2", {}, "Timeline"), lines));

  const drawLines = () => {
    const focused = lines.contains(document.activeElement) ? document.activeElement.title : "";
    lines.replaceChildren(timeline(run, chosen, choose));
    if (focused) [...lines.querySelectorAll("button")].find((one) => one.title === focused)?.focus({ preventScroll: true });
  };
  // What has not changed stays as it is, with what the reader has opened, chosen and copied in it.
  const drawDetail = ifNew(() => [chosen, ...said(run, chosen)], () => detail.replaceChildren(...(chosen ? nodeDetail(run, chosen) : runDetail(run))));
  const drawGraph = async () => graph.show(await getDrawing(`${path}/drawing?expand=${deep.checked ? 5 : 0}`, signal));
  const drawHead = ifNew(() => [run.state, run.attempt], () => head.replaceChildren(...heading(run, () => refresh(0))));
  const draw = () => { drawHead(); drawLines(); drawDetail(); };

  // Changes come faster than anyone reads: the report is asked for again, and less often the longer that takes.
  let due = null, busy = false;
  function refresh(wait = 150) {
    due ??= setTimeout(async () => {
      if (busy) { due = null; return refresh(wait); }
      busy = true;
      const began = performance.now();
      try {
        due = null;
        ({ run } = await getJson(path, signal));
        await drawGraph();
        draw();
      } catch { /* the stream says that it is stale */ }
      busy = false;
      next = Math.max(150, 3 * (performance.now() - began));
    }, wait);
  }
  let next = 150;
  draw();
  await drawGraph();
  everySecond(signal, () => { if (!OVER.has(run.state)) { drawLines(); tickHead(head, run); } });
  await follow(`${path}/changes`, (event, told) => {
    if (told.run) { run = told.run; draw(); drawGraph(); }
    else if (event === "progress") { for (const one of told.progress) noteProgress(run.nodes, one); draw(); }
    else refresh(next);
    return event === "end";
  }, signal);
}

function noteProgress(nodes, { id, progress }) {
  for (const node of nodes) {
    if (node.id === id) node.progress = progress;
    else if (node.nodes) noteProgress(node.nodes, { id, progress });
  }
}

function ifNew(key, draw) {
  let seen = null;
  return () => {
    const found = JSON.stringify(key());
    if (found !== seen) draw();
    seen = found;
  };
}

function said(run, chosen) {
  const nodes = chosen ? nodesAt(run.nodes, chosen.split("/")) : run.nodes.filter((node) => node.state === "failed");
  return [run.state, chosen ? 0 : run.nodes.length, ...nodes.map((node) => [node.id, node.state, node.handled])];
}

function heading(run, changed) {
  return [
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Runs"), " / ", h("a", { href: flowLink(run.flow) }, run.flow)),
    h("div", { class: "title" },
      h("h1", {}, h("span", { class: "mono" }, short(run.run_id))), badge(run.state),
      h("span", { class: "muted took" }, duration(lasted(run))), actions(run, changed)),
    h("p", { class: "muted facts" }, `started ${exact(run.started_at)}`, run.attempt > 1 ? `, attempt ${run.attempt}` : "",
      run.root_id !== run.run_id ? [", in run ", h("a", { href: runLink(run.root_id) }, short(run.root_id))] : "",
      Object.entries(run.labels).map(([name, value]) => [" ", h("span", { class: "label" }, `${name}=${value}`)])),
    run.error && run.state === "failed" ? h("p", { class: "notice failed", role: "alert" }, sentence(run.error)) : "",
  ];
}

function tickHead(head, run) {
  head.querySelector(".took").textContent = duration(lasted(run));
}

function actions(run, changed) {
  const box = h("span", { class: "actions" });
  const act = (verb) => async () => {
    for (const button of box.querySelectorAll("button")) button.disabled = true;
    try {
      await post(`/api/runs/${encodeURIComponent(run.run_id)}/${verb}`);
    } catch (error) {
      box.append(h("span", { class: "notice failed", role: "alert" }, error.message));
    }
    changed();
  };
  if (OVER.has(run.state)) box.append(h("button", { onclick: () => again(run) }, "Start again"));
  else {
    box.append(run.state === "paused" ? h("button", { onclick: act("resume") }, "Resume") : h("button", { onclick: act("pause") }, "Pause"));
    box.append(h("button", { class: "danger", onclick: act("cancel") }, "Cancel"));
  }
  return box;
}

async function again(run) {
  const { run_id } = await post("/api/runs", { flow: run.flow, node_args: run.node_args, labels: run.labels });
  location.hash = runLink(run_id);
}

function runDetail(run) {
  const causes = run.nodes.filter((node) => node.state === "failed" && !node.handled);
  return [
    h("h2", {}, "Run"),
    facts([["Run", run.run_id], ["Started", exact(run.started_at)], ["Ended", exact(run.ended_at)], ["Nodes", String(run.nodes.length)]]),
    json("Arguments", run.node_args),
    causes.slice(0, 5).map((node) => errorOf(node.error, `${node.name} failed`)),
    h("p", { class: "muted hint" }, "Choose a node in the graph to see its results and errors."),
  ];
}

function nodeDetail(run, path) {
  const instances = nodesAt(run.nodes, path.split("/"));
  const failed = instances.filter((node) => node.state === "failed");
  const shown = [...failed, ...instances.filter((node) => node.state !== "failed")].slice(0, MOST_SHOWN);
  return [
    h("h2", {}, path),
    instances.length === 0 ? h("p", { class: "muted" }, "It has not started in this run.") : "",
    instances.length > 1 ? h("p", { class: "muted" }, counted(instances.length, "instance"), instances.length > shown.length ? `; ${shown.length} are shown, failed ones first` : "") : "",
    shown.map((node) => h("div", { class: "instance" },
      h("div", { class: "line" }, badge(node.state), h("span", { class: "muted" }, node.state === "reused" ? "" : duration(lasted(node))),
        node.attempt > 1 ? h("span", { class: "muted" }, `attempt ${node.attempt}`) : "",
        node.handled ? h("span", { class: "muted" }, "handled by a fallback") : "", node.fallback ? h("span", { class: "muted" }, "a fallback") : ""),
      errorOf(node.error, "Error"),
      node.kind === "flow" ? h("p", {}, h("a", { href: runLink(node.id) }, "Open the run of this sub-flow")) : "",
      node.kind === "task" && node.state === "succeeded" ? json("Result", node.result) : "",
      h("details", {}, h("summary", {}, "More"), facts([["Id", node.id], ["Started", exact(node.started_at)], ["Ended", exact(node.ended_at)]]), node.parent ? json("Parents", node.parent) : ""))),
  ].flat();
}

function nodesAt(nodes, [name, ...rest]) {
  const here = nodes.filter((node) => node.name === name);
  return rest.length ? here.flatMap((node) => nodesAt(node.nodes ?? [], rest)) : here;
}

function errorOf(error, title) {
  if (!error) return "";
  return h("div", { class: "error" }, h("h3", {}, title), h("p", { class: "mono" }, sentence(error)),
    error.traceback ? h("details", {}, h("summary", {}, "Traceback"), h("pre", { tabindex: "0" }, error.traceback)) : "");
}

function json(title, value) {
  if (value === null || value === undefined) return h("div", { class: "json" }, h("h3", {}, title), h("p", { class: "muted" }, "none"));
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const cut = text.length > 20_000 ? `${text.slice(0, 20_000)}\n… ${counted(text.length - 20_000, "more letter")}` : text;
  return h("div", { class: "json" }, h("h3", {}, title), h("pre", { tabindex: "0" }, cut));
}

function facts(pairs) {
  return h("dl", {}, pairs.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}
