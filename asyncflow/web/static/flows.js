// All flows, as cards.
import { counted, fill, flowLink, h } from "./elements.js";
import { getJson } from "./server.js";

export async function flowsView(main, _, signal) {
  document.title = "Flows · asyncflow";
  const { flows } = await getJson("/api/flows", signal);
  const list = h("ul", { class: "cards" });
  const search = h("input", { type: "search", id: "search", placeholder: "name of a flow or a task", oninput: draw });
  const draws = (text) => flows.filter((flow) => [flow.name, ...flow.nodes.map((node) => node.name)].some((name) => name.toLowerCase().includes(text)));
  function draw() {
    const found = draws(search.value.trim().toLowerCase());
    fill(list, found.map((flow) => h("li", { "data-href": flowLink(flow.name) }, h("a", { class: "card", href: flowLink(flow.name) },
      h("strong", {}, flow.name), h("span", { class: "muted" }, [counted(flow.nodes.filter((one) => one.kind === "task").length, "task"), ...inner(flow)].join(", "))))));
    if (!found.length) fill(list, h("li", { class: "empty" }, "No flow has that in its name."));
  }
  fill(main, h("div", { class: "page-head" }, h("h1", {}, "Flows"),
    flows.length > 6 ? [h("label", { for: "search", class: "hidden" }, "Search"), search] : null),
  flows.length ? list : h("p", { class: "empty" }, "This configuration has no flows."));
  draw();
}

function inner(flow) {
  const number = flow.nodes.filter((one) => one.kind === "flow").length;
  return number ? [counted(number, "sub-flow")] : [];
}
