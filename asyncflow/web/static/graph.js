// The drawing of a flow or a run, in which nodes can be chosen by pointer and by key.
import { duration, h, percent } from "./elements.js";

const HEADING = 24; // the page says the name of the flow itself

export class Graph {
  constructor(choose) {
    this.choose = choose;
    this.chosen = "";
    this.box = h("div", { class: "graph", tabindex: "-1" });
    new ResizeObserver(() => this.fit()).observe(this.box);
  }

  show(svg) {
    const focused = this.box.contains(document.activeElement) ? document.activeElement.dataset.node : null;
    const { scrollLeft, scrollTop } = this.box;
    for (const node of svg.querySelectorAll("[data-node]")) {
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "button");
      node.addEventListener("click", () => this.take(node.dataset.node));
      node.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        this.take(node.dataset.node);
      });
    }
    const { width, height } = svg.viewBox.baseVal;
    svg.setAttribute("viewBox", `0 ${HEADING} ${width} ${height - HEADING}`);
    svg.setAttribute("role", "group"); // its nodes are buttons, not parts of one image
    this.box.replaceChildren(svg);
    this.fit();
    this.mark();
    Object.assign(this.box, { scrollLeft, scrollTop });
    if (focused) this.node(focused)?.focus({ preventScroll: true });
  }

  // As wide as there is room, but never so small that it cannot be read: then it scrolls.
  fit() {
    const svg = this.box.querySelector("svg");
    if (!svg || !this.box.clientWidth) return;
    const { width, height } = svg.viewBox.baseVal;
    const scale = Math.min(1, Math.max(0.72, (this.box.clientWidth - 2) / width));
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
  }

  node(path) {
    return [...this.box.querySelectorAll("[data-node]")].find((one) => one.dataset.node === path);
  }

  take(path) {
    this.chosen = this.chosen === path ? "" : path;
    this.mark();
    this.choose(this.chosen);
  }

  mark() {
    for (const node of this.box.querySelectorAll("[data-node]")) {
      node.classList.toggle("chosen", node.dataset.node === this.chosen);
      node.setAttribute("aria-pressed", String(node.dataset.node === this.chosen));
    }
  }

  // How nodes have done, in the room that the drawing leaves for counts.
  figures({ nodes }) {
    const svg = this.box.querySelector("svg");
    for (const one of this.box.querySelectorAll(".figure")) one.remove();
    for (const group of this.box.querySelectorAll("[data-node]")) group.classList.remove("state-waiting");
    for (const node of nodes) {
      const group = this.node(node.name);
      if (!svg || !group || group.classList.contains("frame") || node.rate == null) continue;
      const { x, y, width, height } = group.querySelector(".border").getBBox();
      const text = document.createElementNS(svg.namespaceURI, "text");
      text.setAttribute("class", `figure ${node.rate < 0.9 ? "bad" : node.rate < 1 ? "slow" : "good"}`);
      text.setAttribute("x", x + width / 2);
      text.setAttribute("y", y + height - 12);
      text.setAttribute("text-anchor", "middle");
      text.textContent = `${percent(node.rate)}  ${node.seconds ? compact(node.seconds) : "–"}`;
      group.append(text);
      const wide = text.getComputedTextLength() / (width - 14);
      if (wide > 1) text.style.fontSize = `${10.5 / wide}px`;
      const title = group.querySelector("title");
      group.dataset.title ??= title.textContent;
      title.textContent = `${group.dataset.title}\n${percent(node.rate)} passed; half took up to ${node.seconds ? duration(node.seconds.p50) : "–"}, nearly all up to ${node.seconds ? duration(node.seconds.p95) : "–"}`;
    }
  }

  // What became of edges: fired, not fired and why, or not decided yet.
  verdicts(run) {
    const svg = this.box.querySelector("svg");
    if (!svg) return;
    for (const [prefix, told] of verdictsOf(run)) {
      for (const [kind, all] of [["edge", told.edges], ["fallback", told.fallbacks]]) {
        for (const one of all.values()) {
          const state = (one.fired ?? one.started) ? "fired" : one.not_fired || one.why || one.omitted ? "unfired" : "";
          const name = `${prefix}${kind}-${one.index}`;
          for (const part of svg.querySelectorAll(`[id="${CSS.escape(name)}"], [id^="${CSS.escape(`${name}-line-`)}"]`)) {
            if (state) part.classList.add(state);
            const title = part.querySelector("title");
            if (title && !title.textContent.includes("\n→")) title.textContent += `\n→ ${verdict(one)}`;
          }
        }
      }
    }
    svg.classList.add("has-verdicts");
  }
}

const small = (seconds) => duration(seconds).replace(" ", "");
const compact = ({ p50, p95 }) => (small(p50) === small(p95) ? small(p50) : `${small(p50)}–${small(p95)}`);

export function verdict(one) {
  const parts = [];
  const fired = one.fired ?? one.started;
  if (fired) parts.push(`${"started" in one ? "started" : "fired"}${fired > 1 ? ` ${fired.toLocaleString()} times` : ""}${one.items ? ` for ${one.items.toLocaleString()} items` : ""}`);
  if (one.not_fired) parts.push(`did not fire${one.not_fired > 1 ? ` ${one.not_fired.toLocaleString()} times` : ""}: ${one.why || "its condition"}${one.read ? ` was false, ${one.read}` : " was false"}`);
  else if (one.why && !fired) parts.push(`did not start: ${one.why}${one.read ? ` was false, ${one.read}` : ""}`);
  if (one.omitted) parts.push("left out by the selection");
  return parts.join("; ") || "not decided yet";
}

// The verdicts of a run and its sub-flows, by the beginning of ids in the drawing; those of several instances together.
function verdictsOf(run, prefix = "", found = new Map()) {
  if (!found.has(prefix)) found.set(prefix, { edges: new Map(), fallbacks: new Map() });
  const here = found.get(prefix);
  for (const [name, all] of [["edges", run.edges ?? []], ["fallbacks", run.fallbacks ?? []]]) {
    for (const one of all) {
      const old = here[name].get(one.index);
      here[name].set(one.index, old ? { ...old, fired: (old.fired ?? 0) + (one.fired ?? 0), not_fired: (old.not_fired ?? 0) + (one.not_fired ?? 0), why: one.why || old.why, ...("started" in one ? { started: old.started + one.started, fired: undefined } : {}) } : one);
    }
  }
  for (const node of run.nodes) if (node.nodes) verdictsOf(node, `${prefix}${node.name}.`, found);
  return found;
}
