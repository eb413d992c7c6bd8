// Talking to the server: JSON, drawings, and streams of changes that come back by themselves.
// EventSource cannot send a token, so streams are read with fetch.
import { h } from "./elements.js";

const TOKEN = "asyncflow.token";
const STALE_AFTER = 12_000; // the server says every 5 s that it is alive

export class Refusal extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.type = error.type;
  }
}

async function ask(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const response = await fetch(path, { ...options, headers });
    if (response.ok) return response;
    const told = await response.json().catch(() => ({ error: { type: "Unavailable", message: response.statusText } }));
    if (response.status !== 401) throw new Refusal(response.status, told.error);
    await askForToken(token ? told.error.message : "");
  }
}

let asking = null; // several requests may find out at once that a token is needed
function askForToken(why) {
  asking ??= new Promise((resolve) => {
    const input = h("input", { id: "token", type: "password", autocomplete: "off", required: true });
    const dialog = h("dialog", { "aria-labelledby": "token-title" },
      h("form", { method: "dialog" },
        h("h2", { id: "token-title" }, "A token, please"),
        h("p", {}, why || "This server can be reached from elsewhere, so it wants to know who asks. ", h("code", {}, "asyncflow token create"), " makes a token."),
        h("label", { for: "token" }, "Token"), input,
        h("div", { class: "actions" }, h("button", { class: "primary" }, "Use it"))));
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(TOKEN, input.value.trim());
      dialog.remove();
      asking = null;
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}

export const getJson = async (path, signal) => (await ask(path, { signal })).json();

export const post = async (path, body = {}) =>
  (await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).json();

export async function getDrawing(path, signal) {
  const text = await (await ask(path, { signal })).text();
  // The page has the style already, and its policy forbids any other, even before it is in the page.
  const bare = text.replace(/<style>[^]*?<\/style>/, "");
  const svg = new DOMParser().parseFromString(bare, "image/svg+xml").documentElement;
  return document.importNode(svg, true);
}

// Calls take(event, content) for each event until the signal aborts or take returns true.
export async function follow(path, take, signal) {
  let wait = 500;
  while (!signal.aborted) {
    const silence = new AbortController();
    const stop = () => silence.abort();
    signal.addEventListener("abort", stop);
    let timer = setTimeout(stop, STALE_AFTER);
    try {
      const response = await ask(path, { signal: silence.signal });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(timer);
        timer = setTimeout(stop, STALE_AFTER);
        show("live");
        wait = 500;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const found = /^event: (.*)\ndata: (.*)$/s.exec(block);
          if (found && take(found[1], JSON.parse(found[2]))) { show("over"); return; }
        }
      }
    } catch (error) {
      if (error instanceof Refusal && error.status < 500 && error.status !== 429) throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return;
    show("stale");
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 8000);
  }
}

const WORDS = { live: "live", stale: "stale: reconnecting", over: "ended", "": "" };
export function show(state) {
  const mark = document.getElementById("live");
  if (mark.dataset.state === state) return;
  mark.dataset.state = state;
  mark.textContent = WORDS[state];
  document.body.classList.toggle("stale", state === "stale");
}
