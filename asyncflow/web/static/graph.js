// The drawing of a flow or a run, in which nodes can be chosen by pointer and by key.
import { h } from "./elements.js";

const HEADING = 24; // the page says the name of the flow itself

export class Graph {
  constructor(choose) {
    this.choose = choose;
    this.chosen = "";
    this.box = h("div", { class: "graph", tabindex: "-1" });
    addEventListener("resize", () => this.fit());
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
}
