// Times in the reader's zone, with UTC on hover; light or dark as the reader last chose; the menu on a phone.
(() => {
  const dateTime = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
  const zone = new Intl.DateTimeFormat(undefined, { timeZoneName: "long" }).resolvedOptions().timeZone;
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

  function ago(time) {
    const seconds = (time - Date.now()) / 1000;
    const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) || steps[3];
    return relative.format(Math.round(seconds / size), unit);
  }

  class LocalTime extends HTMLElement {
    static observedAttributes = ["datetime", "form"];
    connectedCallback() { this.show(); if (this.getAttribute("form") === "ago") this.timer = setInterval(() => this.show(), 10000); }
    disconnectedCallback() { clearInterval(this.timer); }
    attributeChangedCallback() { if (this.isConnected) this.show(); }
    show() {
      const time = new Date(this.getAttribute("datetime"));
      if (Number.isNaN(time.getTime())) return;
      const form = this.getAttribute("form");
      this.textContent = form === "ago" ? ago(time) : (form === "date" ? date : dateTime).format(time);
      const utc = time.toISOString().replace("T", " ").slice(0, 19) + " UTC";
      this.title = form === "ago" ? `${dateTime.format(time)} (${zone}) · ${utc}` : utc;
    }
  }
  customElements.define("local-time", LocalTime);

  const stored = localStorage.getItem("theme");
  const isDark = () => document.body.classList.contains("body--dark");
  function useTheme(name) {
    if (globalThis.Quasar) globalThis.Quasar.Dark.set(name === "dark");
    else document.body.classList.toggle("body--dark", name === "dark");
  }
  document.addEventListener("DOMContentLoaded", () => {
    if (document.querySelector(".signin")) useTheme(stored || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  });
  if (stored) {
    const waiting = setInterval(() => { if (globalThis.Quasar && document.querySelector(".q-layout")) { useTheme(stored); clearInterval(waiting); } }, 15);
    setTimeout(() => clearInterval(waiting), 5000);
  }
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-does]");
    const does = target?.dataset.does;
    if (does === "theme") { const next = isDark() ? "light" : "dark"; localStorage.setItem("theme", next); useTheme(next); }
    if (does === "menu") document.body.classList.toggle("menu-open");
    if (does === "copy") navigator.clipboard?.writeText(target.dataset.text).then(() => { target.textContent = "Copied"; });
    if (event.target.closest(".veil, .sidebar a")) document.body.classList.remove("menu-open");
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") document.body.classList.remove("menu-open"); });
})();
