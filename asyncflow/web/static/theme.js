// Dark or light: what the reader has chosen, else what the system says. Runs before anything is painted.
(() => {
  const KEY = "asyncflow.theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const apply = () => { root.dataset.theme = stored() ?? (system.matches ? "dark" : "light"); };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const name = () => button.setAttribute("aria-label", `Use the ${root.dataset.theme === "dark" ? "light" : "dark"} theme`);
    name();
    button.addEventListener("click", () => {
      const wanted = root.dataset.theme === "dark" ? "light" : "dark";
      try {
        if (wanted === (system.matches ? "dark" : "light")) localStorage.removeItem(KEY);
        else localStorage.setItem(KEY, wanted);
      } catch { /* it lasts as long as the page then */ }
      root.dataset.theme = wanted;
      name();
    });
  });
})();
