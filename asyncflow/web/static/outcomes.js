// What became of runs over time: a bar for each step, which shows the runs that started in it.
import { clock, counted, fill, h, time } from "./elements.js";

const ORDER = ["failed", "cancelled", "paused", "running", "succeeded"];

export function outcomes(chart, overview, period, wanted, choose, only) {
  const begin = time(overview.since);
  const sums = overview.steps.map((step) => Object.values(step).reduce((a, b) => a + b, 0));
  const most = Math.max(...sums, 1);
  const totals = Object.fromEntries(ORDER.map((state) => [state, overview.steps.reduce((sum, step) => sum + (step[state] ?? 0), 0)]));
  const bars = overview.steps.map((step, place) => {
    const from = new Date((begin + place * overview.width) * 1000).toISOString();
    const to = new Date((begin + (place + 1) * overview.width) * 1000).toISOString();
    const told = ORDER.filter((state) => step[state]).map((state) => `${step[state]} ${state}`).join(", ") || "no runs";
    const bar = h("button", { type: "button", class: `step${wanted.since === from ? " chosen" : ""}`, tabindex: sums[place] ? "0" : "-1",
      title: `${clock(begin + place * overview.width, period)}: ${told}`, "aria-label": `${clock(begin + place * overview.width, period)}: ${told}; show these runs`,
      disabled: !sums[place], onclick: () => choose(from, to) });
    for (const state of ORDER.filter((one) => step[one])) {
      const part = h("span", { class: `part ${state}` });
      part.style.height = `${(100 * step[state]) / most}%`;
      bar.append(part);
    }
    return bar;
  });
  const at = document.activeElement?.closest?.(".step") ? [...chart.querySelectorAll(".step")].indexOf(document.activeElement) : -1;
  fill(chart,
    h("div", { class: "chart-head" },
      h("h2", {}, "Outcomes"),
      h("div", { class: "legend" }, ORDER.filter((state) => totals[state]).reverse().map((state) => h("button", {
        type: "button", class: `key ${state}`, "aria-pressed": String(wanted.state === state), onclick: () => only(state) }, h("i", {}), `${totals[state].toLocaleString()} ${state}`)),
        Object.values(totals).some(Boolean) ? "" : h("span", { class: "muted" }, "no runs in this time"))),
    h("div", { class: "steps", role: "group", "aria-label": "Runs by when they started" }, bars),
    h("div", { class: "scale muted", "aria-hidden": "true" }, [0, 0.5, 1].map((part) => h("span", {}, part === 1 ? "now" : clock(begin + part * period, period))),
      h("span", { class: "most" }, `at most ${counted(most, "run")} a step`)));
  if (at >= 0) chart.querySelectorAll(".step")[at]?.focus({ preventScroll: true });
}
