// Flows, and one flow with its graph and a form that starts it.
import { counted, flowLink, h, runLink } from "./elements.js";
import { follow, getDrawing, getJson, post } from "./server.js";
import { Graph } from "./graph.js";
import { fieldsOf } from "./form.js";
import { everySecond, tableOf, tick } from "./runs.js";

export async function flowsView(main, _, signal) {
  document.title = "Flows · asyncflow";
  const { flows } = await getJson("/api/flows", signal);
  main.append(h("h1", {}, "Flows"),
    flows.length ? h("ul", { class: "cards" }, flows.map((flow) => h("li", {}, h("a", { class: "card", href: flowLink(flow.name) },
      h("strong", {}, flow.name),
      h("span", { class: "muted" }, [counted(flow.nodes.filter((one) => one.kind === "task").length, "task"), ...inner(flow)].join(", "))))))
      : h("p", { class: "empty" }, "This configuration has no flows."));
}

function inner(flow) {
  const number = flow.nodes.filter((one) => one.kind === "flow").length;
  return number ? [counted(number, "sub-flow")] : [];
}

export async function flowView(main, name, signal) {
  document.title = `${name} · asyncflow`;
  const { flow } = await getJson(`/api/flows/${encodeURIComponent(name)}`, signal);
  const chosen = h("p", { class: "muted", role: "status" });
  const graph = new Graph((path) => { chosen.textContent = path ? told(flow, path) : ""; });
  const deep = h("input", { type: "checkbox", id: "deep", onchange: draw });
  const list = h("div", { class: "runs" });
  main.append(
    h("div", {}, h("p", { class: "crumbs" }, h("a", { href: "#/flows" }, "Flows")), h("h1", {}, name)),
    h("div", { class: "columns" },
      h("section", { class: "panel", "aria-label": "Graph" },
        h("div", { class: "panel-head" }, h("h2", {}, "Graph"),
          inner(flow).length ? h("label", { class: "switch" }, deep, "unfold sub-flows") : null), graph.box, chosen),
      h("section", { class: "panel", "aria-label": "Start" }, h("h2", {}, "Start"), startForm(flow))),
    h("h2", {}, "Runs of this flow"), list);
  async function draw() {
    graph.show(await getDrawing(`/api/flows/${encodeURIComponent(name)}/drawing?expand=${deep.checked ? 5 : 0}`, signal));
  }
  await draw();
  everySecond(signal, () => tick(list));
  await follow(`/api/runs/changes?limit=20&flow=${encodeURIComponent(name)}`, (_, { runs }) => {
    if (runs) list.replaceChildren(runs.length ? tableOf(runs) : h("p", { class: "empty" }, "It has not run yet."));
  }, signal);
}

function told(flow, path) {
  const node = flow.nodes.find((one) => one.name === path);
  if (!node) return path;
  return node.kind === "flow" ? `${path}: a sub-flow` : `${path}: on queue ${node.queue}${node.storage ? `, results in ${node.storage}` : ""}`;
}

function startForm(flow) {
  const fields = fieldsOf(flow.node_args_schema);
  const trouble = h("p", { class: "notice failed", role: "alert", hidden: true });
  const button = h("button", { class: "primary" }, `Start ${flow.name}`);
  const form = h("form", { class: "start", onsubmit: submit }, fields.elements, trouble, h("div", { class: "actions" }, button));
  const key = crypto.randomUUID?.() ?? String(Math.random()); // a second click on the same form is the same run
  async function submit(event) {
    event.preventDefault();
    trouble.hidden = true;
    button.disabled = true;
    try {
      const { run_id } = await post("/api/runs", { flow: flow.name, node_args: fields.value(), run_id: key });
      location.hash = runLink(run_id);
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
      button.disabled = false;
    }
  }
  return form;
}
