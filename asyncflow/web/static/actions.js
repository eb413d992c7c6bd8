// What can be done with a run.
import { h, OVER, runLink } from "./elements.js";
import { post } from "./server.js";

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

  if (OVER.has(run.state)) box.append(button("Start again", () => again(run)));
  else {
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
