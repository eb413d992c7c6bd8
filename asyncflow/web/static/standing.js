// How things stand: what is open, how quickly is dispatched, what fails, what is late, which queues nobody serves.
import { counted, duration, fill, flowLink, h, lasted, percent, runLink, short } from "./elements.js";

export function standing(box, overview) {
  fill(box, now(overview), failing(overview), late(overview), queues(overview), dispatchers(overview));
}

function card(title, trouble, ...content) {
  return h("section", { class: `card-small${trouble ? " trouble" : ""}`, "aria-label": title }, h("h3", {}, title), content);
}

const figure = (value, told) => h("p", { class: "figure" }, h("strong", {}, value), " ", h("span", { class: "muted" }, told));

function now({ open, lag, outbox }) {
  const sum = Object.values(open).reduce((a, b) => a + b, 0);
  return card("Now", false,
    figure(sum.toLocaleString(), sum === 1 ? "open run, with sub-flows" : "open runs, with sub-flows"),
    lag ? figure(duration(lag.p50), ["dispatch lag; p99 ", h("span", { class: "nowrap" }, duration(lag.p99))]) : h("p", { class: "muted" }, "Nothing was dispatched lately."),
    outbox ? h("p", { class: "muted" }, `${counted(outbox, "task")} to be sent`) : "");
}

function failing({ flows }) {
  const bad = flows.filter((one) => one.states.failed).slice(0, 4);
  if (!bad.length) return card("Failing", false, h("p", { class: "muted" }, "No run has failed in this time."));
  return card("Failing", true, h("ul", {}, bad.map(({ flow, states }) => {
    const over = (states.failed ?? 0) + (states.succeeded ?? 0);
    return h("li", {}, h("a", { href: `#/?state=failed&flow=${encodeURIComponent(flow)}`, title: flow }, flow),
      h("span", { class: "bad" }, `${states.failed.toLocaleString()} of ${over.toLocaleString()}, ${percent(states.failed / over)}`));
  })));
}

function late(overview) {
  if (!overview.late.length) return card("Late", false, h("p", { class: "muted" }, "No run takes far longer than usual."));
  return card("Late", true, h("ul", {}, overview.late.slice(0, 4).map((run) => h("li", {},
    h("a", { href: runLink(run.run_id), title: `${run.flow} ${run.run_id}` }, `${run.flow} ${short(run.run_id)}`),
    h("span", { class: "slow" }, `${duration(lasted(run))}, usually ${duration(run.usual)}`)))),
  overview.late.length > 4 ? h("p", { class: "muted" }, `and ${overview.late.length - 4} more`) : "");
}

function queues({ queues: all }) {
  if (!all) return "";
  const unserved = all.filter((queue) => !queue.consumers);
  const listed = [...unserved, ...all.filter((queue) => queue.consumers).sort((a, b) => b.messages - a.messages)].slice(0, 5);
  return card("Queues", unserved.some((queue) => queue.messages), h("ul", {}, listed.map((queue) => h("li", {},
    h("span", { class: "mono name", title: queue.name }, queue.name),
    queue.exists ? h("span", { class: queue.consumers ? "muted" : queue.messages ? "bad" : "slow" }, `${counted(queue.messages, "message")}, ${counted(queue.consumers, "consumer")}`)
      : h("span", { class: "slow" }, "no worker has served it yet")))),
  all.length > 5 ? h("p", { class: "muted" }, `and ${all.length - 5} more`) : "");
}

function dispatchers({ dispatchers: all }) {
  if (!all.length) return "";
  return card("Dispatchers", false, h("ul", {}, all.map((one) => h("li", {}, h("span", { class: "mono" }, one.name),
    h("span", { class: "muted" }, one.partitions.length ? `partition${one.partitions.length === 1 ? "" : "s"} ${ranges(one.partitions)}` : "no partition yet")))));
}

function ranges(numbers) {
  const runs = [];
  for (const number of numbers) {
    if (runs.at(-1)?.[1] === number - 1) runs.at(-1)[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : to === from + 1 ? `${from}, ${to}` : `${from}–${to}`)).join(", ");
}
