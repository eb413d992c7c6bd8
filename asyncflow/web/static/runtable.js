// A table of runs whose rows stay where they are while others come and go.
import { ago, badge, duration, exact, flowLink, h, keep, lasted, now, OVER, runLink, sentence, short, time } from "./elements.js";

export class RunTable {
  constructor({ label, flows = true } = {}) {
    this.label = label;
    this.flows = flows;
    this.body = h("tbody", {});
    const names = ["State", ...(flows ? ["Flow"] : []), "Run", "Started", "Took"];
    this.element = h("table", {},
      h("caption", { class: "hidden" }, "Runs, newest first"),
      h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col", class: "wide" }, "What happened"))),
      this.body);
  }

  show(runs) {
    keep(this.body, runs, (run) => run.run_id, (run) => this.row(run));
    this.tick();
  }

  row(run) {
    const row = h("tr", { "data-run": run.run_id, "data-href": runLink(run.run_id) },
      h("td", { class: "state" }, badge(run.state)),
      this.flows ? h("td", { class: "flow" }, h("a", { href: flowLink(run.flow), title: run.flow }, run.flow)) : null,
      h("td", { class: "id" }, h("a", { href: runLink(run.run_id), class: "mono" }, short(run.run_id))),
      h("td", { class: "started", "data-at": run.started_at, title: exact(run.started_at) }),
      h("td", { class: "took", ...(OVER.has(run.state) ? {} : { "data-since": run.started_at }) }, duration(lasted(run))),
      h("td", { class: "wide" },
        Object.entries(run.labels).map(([name, value]) => this.labelOf(name, value)),
        run.error && run.state === "failed" ? h("span", { class: "why", title: sentence(run.error) }, sentence(run.error)) : ""));
    row.addEventListener("click", (event) => {
      if (!event.target.closest("a, button") && !String(getSelection())) location.hash = row.dataset.href;
    });
    return row;
  }

  labelOf(name, value) {
    const text = `${name}=${value}`;
    if (!this.label) return h("span", { class: "label" }, text);
    return h("button", { type: "button", class: "label", title: "Only runs with this label", onclick: () => this.label(name, value) }, text);
  }

  tick() {
    for (const cell of this.element.querySelectorAll("[data-at]")) {
      const text = ago(now() - time(cell.dataset.at));
      if (cell.textContent !== text) cell.textContent = text;
    }
    for (const cell of this.element.querySelectorAll("[data-since]")) cell.textContent = duration(now() - time(cell.dataset.since));
  }
}

export function everySecond(signal, call) {
  const timer = setInterval(call, 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
}
