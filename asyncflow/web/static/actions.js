// What can be done with a run.
import { counted, h, OVER, runLink } from "./elements.js";
import { getJson, post } from "./server.js";

export function actions(run) {
  const box = h("span", { class: "actions" });
  const trouble = h("span", { class: "notice failed", role: "alert", hidden: true });
  const button = (name, act, css = "") => h("button", { type: "button", class: css, onclick: () => guarded(act) }, name);
  const verb = (name) => () => post(`/api/runs/${encodeURIComponent(run.run_id)}/${name}`);

  async function guarded(act) {
    const buttons = [...box.querySelectorAll("button")];
    for (const one of buttons) one.disabled = true;
    trouble.hidden = true;
    try {
      await act();
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
    for (const one of buttons) one.disabled = false;
  }

  if (OVER.has(run.state)) {
    if (run.state !== "succeeded") box.append(button("Retry", () => retry(run), "primary"));
    box.append(button("Start again", () => again(run)));
  } else {
    box.append(run.state === "paused" ? button("Resume", verb("resume")) : button("Pause", verb("pause")));
    box.append(button("Cancel", verb("cancel"), "danger"));
  }
  box.append(trouble);
  return box;
}

async function again(run) {
  const { run_id } = await post("/api/runs", { flow: run.flow, node_args: run.node_args, labels: run.labels });
  location.hash = runLink(run_id);
}

// Says first what would run again and what would be reused.
export async function retry(run, from = "") {
  const path = `/api/runs/${encodeURIComponent(run.run_id)}/retry`;
  const { retry: seen } = await getJson(from ? `${path}?from=${encodeURIComponent(from)}` : path);
  const list = (title, counts) => {
    const names = Object.entries(counts);
    return h("div", {}, h("h3", {}, title), names.length ? h("ul", { class: "counts" }, names.slice(0, 12).map(([name, number]) => h("li", {}, h("span", {}, name), number > 1 ? h("span", { class: "muted" }, `×${number.toLocaleString()}`) : "")),
      names.length > 12 ? h("li", { class: "muted" }, `and ${counted(names.length - 12, "more node")}`) : "") : h("p", { class: "muted" }, "nothing"));
  };
  const trouble = h("p", { class: "problem", role: "alert", hidden: true });
  const key = crypto.randomUUID?.() ?? String(Math.random()); // a second click is the same run
  const go = h("button", { type: "submit", class: "primary", value: "go" }, "Retry");
  const dialog = h("dialog", { "aria-labelledby": "retry-title" }, h("form", { method: "dialog", onsubmit: async (event) => {
    if (event.submitter !== go) return;
    event.preventDefault();
    go.disabled = true;
    try {
      const { run_id } = await post(path, { ...(from ? { from: [from] } : {}), run_id: key });
      dialog.close();
      location.hash = runLink(run_id);
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
      go.disabled = false;
    }
  } },
  h("h2", { id: "retry-title" }, from ? `Retry from ${from}` : "Retry what has not succeeded"),
  h("p", { class: "muted" }, "A new run begins, and this one stays as it is."),
  seen.flow_has_changed ? h("p", { class: "notice stopped" }, "The flow has changed since; what still fits is reused.") : "",
  list("Runs again", seen.again), list("Is reused", seen.reused), trouble,
  h("div", { class: "actions" }, go, h("button", { type: "submit", value: "" }, "Close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
