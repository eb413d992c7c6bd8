// What ran when: a row for each node, with its attempts and the waits between them; one row for many instances of a node.
import { counted, duration, h, lasted, now, time } from "./elements.js";

const MOST_ROWS_OF_ONE = 6;

export function timeline(run, chosen, choose) {
  const begin = time(run.started_at);
  const end = Math.max(time(run.ended_at) ?? now(), begin + 0.001);
  const span = { begin, width: end - begin };
  const rows = rowsOf(run, "", 0, { span, chosen, choose });
  if (!rows.length) return h("p", { class: "muted" }, "Nothing has started yet.");
  return h("div", { class: "timeline" }, rows,
    h("div", { class: "axis muted", "aria-hidden": "true" }, h("span", {}), h("div", { class: "ticks" }, [0, 0.25, 0.5, 0.75, 1].map((part) => h("span", {}, duration(part * span.width))))));
}

function rowsOf({ nodes, groups = [] }, within, depth, look) {
  const many = new Map(groups.map((group) => [group.name, group]));
  const byName = new Map();
  for (const node of nodes) {
    if (byName.has(node.name)) byName.get(node.name).push(node);
    else byName.set(node.name, [node]);
  }
  return [...byName].flatMap(([name, instances]) => {
    const path = within + name;
    const group = many.get(name) ?? (instances.length > MOST_ROWS_OF_ONE ? grouped(name, instances) : null);
    if (group) return [histogram(path, depth, group, look)];
    return instances.flatMap((node) => [
      row(path, name, depth, lane(bars(node, look.span)), tookOf(node), look),
      ...(node.nodes ? rowsOf(node, `${path}/`, depth + 1, look) : []),
    ]);
  });
}

function tookOf(node) {
  if (node.state === "reused") return "reused";
  if (!node.ended_at && node.progress?.total) return `${Math.floor((100 * (node.progress.done ?? 0)) / node.progress.total)}%`;
  return duration(lasted(node));
}

function row(path, text, depth, content, took, { chosen, choose }) {
  const name = h("button", { type: "button", class: `name${path === chosen ? " chosen" : ""}`, title: path, onclick: () => choose(path === chosen ? "" : path) }, text);
  name.style.paddingLeft = `${8 + 14 * depth}px`;
  return h("div", { class: "row" }, name, content, h("span", { class: "took muted" }, took));
}

const lane = (content) => h("div", { class: "lane" }, content);
const part = (at, span) => Math.min(1, Math.max(0, (at - span.begin) / span.width));

function bars(node, span) {
  const over = time(node.ended_at) ?? now();
  const due = Math.min(time(node.due) ?? time(node.started_at), over);
  const running = time(node.running_since);
  const made = (node.tries ?? []).flatMap((one, place, all) => {
    const ended = time(one.ended_at);
    const next = time(all[place + 1]?.due) ?? due;
    const begun = Math.min(time(one.due), ended), ran = time(one.running_since);
    return [
      ...stretch("failed past", begun, ran, ended, span, `${node.name}, attempt ${one.attempt}`, `attempt ${one.attempt} failed: ${one.error?.type ?? ""}`),
      bar("gap", ended, Math.max(next, ended), span, `waited ${duration(next - ended)} for attempt ${one.attempt + 1}`),
    ];
  });
  const what = `${node.name}${node.attempt > 1 ? `, attempt ${node.attempt}` : ""}: ${node.state}, ${duration(over - due)}`;
  return [...made, ...stretch(node.state, due, running, over, span, node.name, what)];
}

// An attempt: what it waited for a worker, where that is known, and what it took.
function stretch(css, due, running, over, span, who, what) {
  if (!running || running <= due || running > over) return [bar(css, due, over, span, what)];
  return [bar("queued", due, running, span, `${who}: queued for ${duration(running - due)}`), bar(css, running, over, span, what)];
}

function bar(css, begin, end, span, title) {
  const made = h("span", { class: `span ${css}`, title });
  made.style.left = `${part(begin, span) * 100}%`;
  made.style.width = `${Math.max(css === "gap" ? 0 : 0.4, (part(end, span) - part(begin, span)) * 100)}%`;
  return made;
}

export function grouped(name, instances) {
  const begin = Math.min(...instances.map((node) => time(node.started_at)));
  const end = Math.max(...instances.map((node) => time(node.ended_at) ?? now()));
  const count = 60, slices = Array.from({ length: count }, () => [0, 0]);
  const slice = (at) => Math.min(count - 1, Math.floor((count * (at - begin)) / Math.max(0.001, end - begin)));
  const states = {};
  for (const node of instances) {
    states[node.state] = (states[node.state] ?? 0) + 1;
    for (let at = slice(time(node.started_at)); at <= slice(time(node.ended_at) ?? now()); at++) {
      slices[at][0] += 1;
      slices[at][1] += node.state === "failed";
    }
  }
  const ended = instances.every((node) => node.ended_at);
  return { name, count: instances.length, states, slices, started_at: new Date(begin * 1000).toISOString(), ended_at: ended ? new Date(end * 1000).toISOString() : null };
}

function histogram(path, depth, group, look) {
  const { span } = look;
  const begin = part(time(group.started_at), span), end = part(time(group.ended_at) ?? now(), span);
  const most = Math.max(...group.slices.map(([all]) => all), 1);
  const failed = group.states.failed ?? 0;
  const open = (group.states.running ?? 0) + (group.states.retrying ?? 0);
  const over = group.count - open;
  const usual = open ? "running" : "succeeded";
  const step = Math.max(0.004, end - begin) / group.slices.length;
  const content = lane(group.slices.flatMap(([all, bad], place) => [[usual, all], ["failed", bad]].filter(([, number]) => number).map(([state, number]) => {
    const made = h("span", { class: `slice ${state}` });
    made.style.left = `${100 * (begin + place * step)}%`;
    made.style.width = `${100 * step + 0.05}%`;
    made.style.height = `${(100 * number) / most}%`;
    return made;
  })));
  content.title = `${counted(group.count, "instance")}: ${over.toLocaleString()} over, ${failed.toLocaleString()} failed; at most ${most.toLocaleString()} at a time`;
  return row(path, `${path.split("/").at(-1)} ×${group.count.toLocaleString()}`, depth, content, failed ? `${failed.toLocaleString()} failed` : `${over.toLocaleString()}/${group.count.toLocaleString()}`, look);
}
