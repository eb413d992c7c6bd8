// The journal of a run: what was decided, in order, a part at a time.
import { exact, fill, h, time } from "./elements.js";
import { getJson } from "./server.js";

const PART = 200;

export class Journal {
  constructor(path, started, signal) {
    Object.assign(this, { path, started, signal, last: 0, busy: false });
    this.list = h("tbody", {});
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.read() }, "More");
    this.table = h("table", { class: "plain facts" }, h("caption", { class: "hidden" }, "Facts, in the order in which they were decided"),
      h("thead", {}, h("tr", {}, ["", "At", "Fact", "Of what"].map((name) => h("th", { scope: "col" }, name)))), this.list);
    this.box = h("details", { class: "panel journal", ontoggle: () => { if (this.box.open) this.read(); } },
      h("summary", {}, h("h2", {}, "Facts"), h("span", { class: "muted" }, "the durable log, of which everything here is made")),
      this.table, this.more);
  }

  // What came since; nothing while it is closed.
  async read() {
    if (this.busy || !this.box.open) return;
    this.busy = true;
    try {
      const { entries } = await getJson(`${this.path}/facts?after=${this.last}&limit=${PART}`, this.signal);
      for (const entry of entries) this.list.append(...this.rows(entry));
      this.last = entries.at(-1)?.version ?? this.last;
      this.more.hidden = entries.length < PART;
    } catch { /* the stream says that it is stale */ }
    this.busy = false;
  }

  follow() {
    if (this.more.hidden) this.read();
  }

  rows({ version, at, facts }) {
    return facts.map(([name, members], place) => h("tr", {},
      h("td", { class: "muted" }, place ? "" : String(version)),
      h("td", { class: "muted nowrap", title: exact(at) }, place ? "" : `+${(time(at) - this.started).toFixed(3)} s`),
      h("td", { class: "nowrap" }, h("span", { class: `fact ${kind(name)}` }, words(name))),
      h("td", {}, fill(h("span", { class: "mono members" }), said(members)))));
  }
}

const kind = (name) => (/Failed/.test(name) ? "failed" : /Succeeded|EdgeFired/.test(name) ? "succeeded" : /Cancelled|Paused|Retried|NotFired|NotStarted/.test(name) ? "stopped" : "");
const words = (name) => name.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();

function said(members) {
  return Object.entries(members).filter(([, value]) => value !== null && value !== "" && value !== false && !(typeof value === "object" && !Object.keys(value).length))
    .map(([name, value]) => {
      const text = name === "error" && value.type ? `${value.type}: ${value.message}` : typeof value === "string" ? value : JSON.stringify(value);
      return h("span", { class: "member" }, h("span", { class: "muted" }, `${name} `), text.length > 300 ? `${text.slice(0, 300)}…` : text);
    });
}
