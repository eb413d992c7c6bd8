// How things stand: what is open, how quickly is dispatched, what fails, what is late, which queues nobody serves.
import { clock, counted, duration, exact, flowLink, h, keep, lasted, now as present, percent, runLink, short, time, until } from "./elements.js";

export function standing(box, overview, planned) {
  show(box, now(overview), failing(overview), late(overview), schedules(planned), queues(overview), dispatchers(overview));
}

// Cards that say what they said stay as they are, with the reader's focus in them.
export function show(box, ...cards) {
  const made = cards.filter(Boolean).map((card) => ({ name: card.getAttribute("aria-label"), html: card.outerHTML, card: () => card }));
  keep(box, made, (one) => one.name, (one) => one.card());
}

// What the clock starts next; nothing where nothing is started by it.
export function schedules(all) {
  if (!all.length) return "";
  const due = (one) => time(one.next[0]) ?? Infinity;
  const listed = all.toSorted((a, b) => (due(a) === due(b) ? 0 : due(a) - due(b))).slice(0, 5);
  return card("Schedules", false, h("ul", {}, listed.map((one) => h("li", { class: "schedule" },
    h("a", { href: `#/?label=${encodeURIComponent(`schedule=${one.name}`)}`, title: `The runs of the schedule ${one.name}` }, one.name),
    one.next.length ? h("span", { title: exact(one.next[0]) }, `${until(due(one) - present())}, ${moment(one.next[0])}`) : h("span", { class: "muted" }, one.enabled ? "never again" : "disabled"),
    h("a", { href: flowLink(one.flow), title: one.flow }, one.flow),
    one.last && one.enabled ? h("span", { class: "muted", title: `Its ticks up to ${exact(one.last)} have been seen to` }, `seen to ${moment(one.last)}`) : h("span", {})))),
  all.length > 5 ? h("p", { class: "muted" }, `and ${all.length - 5} more`) : "");
}

// As short as the day allows; the title tells it exactly.
function moment(instant) {
  const then = new Date(instant), days = Math.abs(time(instant) - present()) / 86400;
  if (then.toDateString() === new Date().toDateString()) return clock(time(instant), 7200);
  return then.toLocaleString([], days < 6 ? { weekday: "short", hour: "2-digit", minute: "2-digit" } : { year: days > 300 ? "numeric" : undefined, month: "short", day: "numeric" });
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
