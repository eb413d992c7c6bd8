// What ran when: a row for each node, one row for many instances of a node.
import { counted, duration, h, lasted, now, time } from "./elements.js";

const MOST_ROWS_OF_ONE = 6;
const SLICES = 60;

export function timeline(run, chosen, choose) {
  const begin = time(run.started_at);
  const end = Math.max(time(run.ended_at) ?? now(), begin + 0.001);
  const span = { begin, width: end - begin };
  const rows = rowsOf(run.nodes, "", 0, span, chosen, choose);
  if (!rows.length) return h("p", { class: "muted" }, "Nothing has started yet.");
  return h("div", { class: "timeline" }, rows,
    h("div", { class: "axis muted", "aria-hidden": "true" }, h("span", {}), h("div", { class: "ticks" }, [0, 0.25, 0.5, 0.75, 1].map((part) => h("span", {}, duration(part * span.width))))));
}

function rowsOf(nodes, within, depth, span, chosen, choose) {
  const byName = new Map();
  for (const node of nodes) {
    if (byName.has(node.name)) byName.get(node.name).push(node);
    else byName.set(node.name, [node]);
  }
  return [...byName].flatMap(([name, instances]) => {
    const path = within + name;
    if (instances.length > MOST_ROWS_OF_ONE) return [histogram(path, depth, instances, span, chosen, choose)];
    return instances.flatMap((node) => [
      row(path, name, depth, lane([bar(node, span)]), node.state === "reused" ? "reused" : duration(lasted(node)), chosen, choose),
      ...(node.nodes ? rowsOf(node.nodes, `${path}/`, depth + 1, span, chosen, choose) : []),
    ]);
  });
}


function row(path, text, depth, content, took, chosen, choose) {
  const name = h("button", { type: "button", class: `name${path === chosen ? " chosen" : ""}`, title: path, onclick: () => choose(path === chosen ? "" : path) }, text);
  name.style.paddingLeft = `${8 + 14 * depth}px`;
  return h("div", { class: "row" }, name, content, h("span", { class: "took muted" }, took));
}

const lane = (bars) => h("div", { class: "lane" }, bars);
const part = (at, span) => Math.min(1, Math.max(0, (at - span.begin) / span.width));

function bar(node, span) {
  const from = part(time(node.started_at), span), to = part(time(node.ended_at) ?? now(), span);
  const made = h("span", { class: `span ${node.state}`, title: `${node.name}: ${node.state}, ${duration(lasted(node))}` });
  made.style.left = `${from * 100}%`;
  made.style.width = `${Math.max(0.4, (to - from) * 100)}%`;
  return made;
}

function histogram(path, depth, instances, span, chosen, choose) {
  const slices = Array.from({ length: SLICES }, () => ({ all: 0, failed: 0 }));
  for (const node of instances) {
    const from = Math.floor(part(time(node.started_at), span) * (SLICES - 1));
    const to = Math.floor(part(time(node.ended_at) ?? now(), span) * (SLICES - 1));
    for (let slice = from; slice <= to; slice++) {
      slices[slice].all += 1;
      if (node.state === "failed") slices[slice].failed += 1;
    }
  }
  const most = Math.max(...slices.map((slice) => slice.all));
  const failed = instances.filter((node) => node.state === "failed").length;
  const over = instances.filter((node) => node.ended_at).length;
  const usual = over < instances.length ? "running" : "succeeded";
  const bars = slices.flatMap(({ all, failed }, place) => [[usual, all], ["failed", failed]].filter(([, number]) => number).map(([state, number]) => {
    const made = h("span", { class: `slice ${state}` });
    made.style.left = `${(100 * place) / SLICES}%`;
    made.style.width = `${100 / SLICES + 0.05}%`;
    made.style.height = `${(100 * number) / most}%`;
    return made;
  }));
  const content = lane(bars);
  content.title = `${counted(instances.length, "instance")}: ${over} over, ${failed} failed; at most ${most} at a time`;
  return row(path, `${path.split("/").at(-1)} ×${instances.length.toLocaleString()}`, depth, content, failed ? `${failed} failed` : `${over}/${instances.length}`, chosen, choose);
}
