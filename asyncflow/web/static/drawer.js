// Beside the graph: the run, or the chosen node with its attempts, its result, and why it ran or did not.
import { badge, copyable, counted, duration, exact, fill, h, json, lasted, OVER, pairs, runLink, sentence, time } from "./elements.js";
import { retry } from "./actions.js";
import { fieldsOf } from "./form.js";
import { getJson, post } from "./server.js";
import { verdict } from "./graph.js";

const IDS = { task: "Task id", flow: "Run id" };
const MOST_OPEN = 1; // the first of several instances is shown in full, the others when they are opened

export function runDetail(run, choose) {
  const causes = causesIn(run, "");
  const failed = (run.groups ?? []).reduce((sum, group) => sum + (group.states.failed ?? 0), 0);
  return [
    h("h2", {}, "Run"),
    pairs([["Id", copyable(run.run_id)], ["Started", exact(run.started_at)], ["Ended", exact(run.ended_at)],
      ["Attempt", run.attempt > 1 ? String(run.attempt) : ""], ["Nodes", nodeCount(run)]]),
    causes.length ? h("div", { class: "causes" }, h("h3", {}, "What failed"), h("ul", {}, causes.slice(0, 8).map(({ path, node }) => h("li", {},
      h("button", { type: "button", class: "link", onclick: () => choose(path) }, path), h("span", { class: "why" }, sentence(node.error))))),
    causes.length > 8 || failed > causes.length ? h("p", { class: "muted" }, `${Math.max(failed, causes.length).toLocaleString()} nodes failed; choose one in the graph`) : "") : "",
    json("Arguments", run.node_args) || h("p", { class: "muted hint" }, "It was started without arguments."),
    h("p", { class: "muted hint" }, "Choose a node to see its attempts, its result, and why it ran or did not."),
  ];
}

const nodeCount = (run) => {
  const many = new Set((run.groups ?? []).map((group) => group.name));
  return (run.nodes.filter((node) => !many.has(node.name)).length + (run.groups ?? []).reduce((sum, group) => sum + group.count, 0)).toLocaleString();
};

// What no fallback took care of; of a sub-flow that failed, what failed in it.
function causesIn(run, within) {
  return run.nodes.filter((node) => node.state === "failed" && !node.handled).flatMap((node) => {
    const inner = node.nodes ? causesIn(node, `${within}${node.name}/`) : [];
    return inner.length ? inner : [{ path: within + node.name, node }];
  });
}

export function nodeDetail(run, flow, path, context) {
  const names = path.split("/");
  const instances = nodesAt(run, names);
  const group = groupAt(run, names);
  const order = (node) => (node.state === "failed" && !node.handled ? 0 : node.state === "running" || node.state === "retrying" ? 1 : 2);
  const shown = [...instances].sort((a, b) => order(a) - order(b)).slice(0, 60);
  return [
    h("div", { class: "detail-head" }, h("h2", {}, path), h("button", { type: "button", class: "quiet", "aria-label": "Close the node", onclick: () => context.choose("") }, "✕")),
    why(run, flow, names, instances.length),
    OVER.has(run.state) && instances.length ? h("p", { class: "actions" }, h("button", { type: "button", onclick: (event) => again(event.target, run, names.at(-1)) }, "Retry from here")) : "",
    group ? groupDetail(group) : "",
    instances.length > shown.length || group ? h("p", { class: "muted hint" }, `${counted(shown.length, "instance")} of ${(group?.count ?? instances.length).toLocaleString()}, those in trouble first`) : "",
    shown.map((node, place) => instance(node, context, { open: shown.length === 1 || place < MOST_OPEN, alone: shown.length === 1, parent: parentOf(run, names, node) })),
  ];
}

async function again(button, run, name) {
  button.disabled = true;
  await retry(run, name).catch((error) => button.after(h("span", { class: "problem", role: "alert" }, error.message)));
  button.disabled = false;
}

function groupDetail(group) {
  const { seconds } = group;
  return h("div", { class: "group" },
    h("p", { class: "line" }, Object.entries(group.states).map(([state, number]) => badge(state, `${number.toLocaleString()} ${state}`))),
    seconds ? pairs([["Half took up to", duration(seconds.p50)], ["Nearly all up to", duration(seconds.p95)], ["The longest", duration(seconds.most)]]) : "");
}

function instance(node, context, { open, alone, parent }) {
  const content = h("div", { class: "instance-content" });
  const load = () => { if (!content.childElementCount) fill(content, inFull(node, context, parent)); };
  const line = h("span", { class: "line" }, badge(node.state), h("span", { class: "muted" }, node.state === "reused" ? "" : duration(lasted(node))),
    node.attempt > 1 ? h("span", { class: "muted" }, `attempt ${node.attempt}`) : "",
    node.handled ? h("span", { class: "muted" }, "handled by a fallback") : "", node.fallback ? h("span", { class: "muted" }, "a fallback") : "");
  if (alone) {
    load();
    return h("div", { class: "instance" }, line, content);
  }
  const box = h("details", { class: "instance", open, ontoggle: () => { if (box.open) load(); } }, h("summary", {}, line, node.error && node.state === "failed" ? h("span", { class: "why" }, sentence(node.error)) : ""), content);
  if (open) load();
  return box;
}

function inFull(node, context, run_id) {
  const more = h("div", { class: "loaded" });
  if (node.kind !== "flow") load(more, node, context, run_id);
  return [
    node.waiting_for ? h("p", { class: "notice stopped" }, `It waits for the queue ${node.waiting_for}, which no worker serves yet. Start one with -Q ${node.waiting_for}`) : "",
    node.progress ? progressOf(node.progress) : "",
    node.state === "waiting" ? waits(node, context, run_id) : "",
    errorOf(node.error, node.state === "retrying" ? "The last attempt failed" : "Error", [["Worker", node.worker], ["Queue", node.queue]]),
    node.kind === "flow" ? h("p", {}, h("a", { href: runLink(node.id) }, "Open the run of this sub-flow")) : "",
    pairs([[IDS[node.kind] ?? "Id", copyable(node.id)], ["Queue", node.queue], ["Worker", node.worker],
      ["Started", exact(node.started_at)], ["Queued", node.running_since ? duration(time(node.running_since) - time(node.due)) : ""],
      ["Ran", node.running_since && node.ended_at ? duration(time(node.ended_at) - time(node.running_since)) : ""], ["Ended", exact(node.ended_at)]]),
    node.tries?.length ? attempts(node) : "", more,
  ];
}

// A node that waits: for a signal, which can be sent from here, or for a while.
function waits(node, context, run_id) {
  const until = node.until ? `${node.event ? "gives up" : "goes on"} at ${exact(node.until)}` : "";
  if (!node.event) return h("p", { class: "notice stopped" }, `It waits${until ? `, and ${until}` : ""}.`);
  return h("div", { class: "notice stopped" }, h("p", {}, "It waits for the signal ", h("strong", {}, node.event), until ? `, and ${until}` : "", "."),
    signalForm(node, context.nodeOf(node.name)?.schema, run_id));
}

function signalForm(node, schema, run_id) {
  const fields = fieldsOf(schema ?? null, { whole: "Payload, as JSON", id: "payload" });
  const trouble = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "primary" }, `Send ${node.event}`);
  return h("form", { class: "start signal", novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    if (!fields.check()) return;
    button.disabled = true;
    trouble.hidden = true;
    try {
      await post(`/api/runs/${encodeURIComponent(run_id)}/signals`, { event: node.event, payload: fields.value() ?? null, node: node.id });
    } catch (error) {
      button.disabled = false;
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
  } }, fields.elements, trouble, h("div", { class: "actions" }, button));
}

export function progressOf({ done, total, text }) {
  const part = total ? Math.min(1, (done ?? 0) / total) : null;
  const said = [text, part == null ? (done == null ? "" : done.toLocaleString()) : `${done.toLocaleString()} of ${total.toLocaleString()}`].filter(Boolean).join(" · ");
  return h("div", { class: "progress" }, part == null ? "" : h("progress", { max: "1", value: String(part), "aria-label": "Progress" }), h("span", { class: "muted" }, said));
}

async function load(box, node, context, run_id) {
  try {
    const { node: full } = await getJson(`/api/runs/${encodeURIComponent(run_id)}/nodes/${encodeURIComponent(node.id)}`, context.signal);
    fill(box, node.state === "succeeded" || node.state === "reused" ? json("Result", full.result) || h("p", { class: "muted hint" }, "It left no result.") : "",
      json("Arguments", full.node_args), full.parent ? json("Its sources", full.parent) : "");
  } catch (error) {
    if (!context.signal.aborted) fill(box, h("p", { class: "muted hint" }, error.message));
  }
}

function attempts(node) {
  const rows = [...node.tries.map((one) => [one, "failed", one.ended_at, one.error]), [{ attempt: node.attempt, due: node.due, id: node.id, worker: node.worker }, node.state, node.ended_at, node.state === "failed" ? node.error : null]];
  return h("div", {}, h("h3", {}, "Attempts"), h("table", { class: "plain small" }, h("caption", { class: "hidden" }, "Attempts"),
    h("thead", {}, h("tr", {}, ["#", "State", "Due", "Took", "Worker"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.flatMap(([one, state, ended, error]) => [h("tr", {}, h("td", {}, String(one.attempt)), h("td", {}, badge(state)),
      h("td", { class: "nowrap", title: exact(one.due) }, new Date(one.due).toLocaleTimeString()), h("td", { class: "nowrap" }, ended ? duration(time(ended) - time(one.due)) : "…"), h("td", { class: "mono" }, one.worker ?? "")),
    error ? h("tr", { class: "of" }, h("td", {}), h("td", { colspan: "4", class: "why" }, sentence(error))) : ""]))));
}

// The edges and fallbacks that lead to it, and what became of them.
function why(run, flow, names, instances) {
  if (!flow || names.length > 1) return instances ? "" : h("p", { class: "muted" }, "It has not started in this run.");
  const name = names.at(-1);
  const of = (list, index) => (list ?? []).find((one) => one.index === index) ?? { index };
  const lines = [
    ...flow.edges.filter((edge) => edge.to.includes(name)).map((edge) => [edge.from.length ? `after ${edge.from.join(" and ")}` : "at the start", of(run.edges, edge.index), edge.condition]),
    ...flow.fallbacks.filter((one) => one.to.includes(name)).map((one) => [`when ${one.of.join(" and ")} failed`, { started: 0, ...of(run.fallbacks, one.index) }, ""]),
  ];
  return h("div", { class: "whys" }, h("h3", {}, instances ? "Why it ran" : "Why it has not run"), h("ul", {}, lines.map(([when, told, condition]) => {
    const fired = told.fired || told.started;
    return h("li", { class: fired ? "fired" : told.not_fired || told.why || told.omitted ? "unfired" : "open" }, h("span", { "aria-hidden": "true" }, fired ? "✓" : told.not_fired || told.why || told.omitted ? "✕" : "○"),
      h("span", {}, `${when}: ${verdict(told)}`, condition && !told.not_fired ? h("span", { class: "muted mono" }, ` if ${condition}`) : ""));
  })));
}

export function nodesAt(run, [name, ...rest]) {
  const here = run.nodes.filter((node) => node.name === name);
  return rest.length ? here.flatMap((node) => (node.nodes ? nodesAt(node, rest) : [])) : here;
}

function groupAt(run, [name, ...rest]) {
  if (!rest.length) return (run.groups ?? []).find((group) => group.name === name);
  return run.nodes.filter((node) => node.name === name && node.nodes).map((node) => groupAt(node, rest)).find(Boolean);
}

// The run that a node is a node of: its root, or a sub-flow's.
function parentOf(run, names, node) {
  if (names.length === 1) return run.run_id;
  const search = (nodes, [name, ...rest]) => nodes.filter((one) => one.name === name).map((one) => (rest.length === 1
    ? (one.nodes ?? []).some((inner) => inner.id === node.id) && one.id : search(one.nodes ?? [], rest))).find(Boolean);
  return search(run.nodes, names) || run.run_id;
}

export function errorOf(error, title, more = []) {
  if (!error) return "";
  return h("div", { class: "error" }, h("h3", {}, title), h("p", { class: "mono" }, sentence(error)), pairs(more),
    error.traceback ? h("details", {}, h("summary", {}, "Traceback"), h("pre", { tabindex: "0", "aria-label": "Traceback" }, error.traceback)) : "");
}
