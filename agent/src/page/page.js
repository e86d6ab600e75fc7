// The page keeps itself up to date: whenever the daemon tells that something has
// changed, the same address is fetched again and what is inside #live is swapped.
// Nothing here is needed: without it the page reloads by itself.
"use strict";

(() => {
  const FETCH_MS = 1000; // at most one fetch in this time
  const LOST_MS = 4000; // a stream that comes back within this time is not lost
  const base = document.currentScript.dataset.base;
  const status = document.getElementById("status");
  const pause = document.getElementById("pause");

  let source = null;
  let stale = false; // something has changed since the last swap
  let fetching = false;
  let timer = 0;
  let lostTimer = 0;
  let wait = FETCH_MS;
  let last = -FETCH_MS;
  let paused = false;

  function say(word, text) {
    if (status.textContent === text) return;
    status.className = word;
    status.textContent = text;
  }

  // What is open, focused and scrolled to is found again by what it is.
  function key(element) {
    if (element.id) return "#" + CSS.escape(element.id);
    if (element.tagName === "A") return `a[href="${CSS.escape(element.getAttribute("href"))}"]`;
    const details = element.closest("details[data-key]");
    if (!details) return null;
    const tag = element.tagName.toLowerCase();
    return `details[data-key="${CSS.escape(details.dataset.key)}"] ${tag}`;
  }

  function swap(text) {
    const next = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    const live = document.getElementById("live");
    if (!next || live.innerHTML === next.innerHTML) return;
    for (const details of live.querySelectorAll("details[data-key]")) {
      const same = next.querySelector(`details[data-key="${CSS.escape(details.dataset.key)}"]`);
      if (same) same.open = details.open;
    }
    const focused = live.contains(document.activeElement) ? key(document.activeElement) : null;
    const scrolled = new Map();
    for (const pre of live.querySelectorAll("details[data-key] pre")) {
      if (pre.scrollLeft) scrolled.set(key(pre), pre.scrollLeft);
    }
    const top = window.scrollY;
    addCopyButtons(next);
    live.replaceWith(next);
    for (const [where, left] of scrolled) {
      const pre = where && next.querySelector(where);
      if (pre) pre.scrollLeft = left;
    }
    const focus = focused && next.querySelector(focused);
    if (focus) focus.focus({ preventScroll: true });
    window.scrollTo(window.scrollX, top);
  }

  function selecting() {
    const selection = document.getSelection();
    const live = document.getElementById("live");
    return selection && !selection.isCollapsed && live.contains(selection.anchorNode);
  }

  function idle() {
    return paused || document.hidden || fetching || !stale;
  }

  function plan() {
    if (idle() || timer) return;
    timer = setTimeout(update, Math.max(0, last + wait - performance.now()));
  }

  async function update() {
    timer = 0;
    if (idle()) return;
    if (selecting()) {
      last = performance.now();
      plan();
      return;
    }
    fetching = true;
    stale = false;
    last = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      swap(await answer.text());
      // A slow daemon is asked less often.
      wait = Math.max(FETCH_MS, 10 * (performance.now() - last));
    } catch {
      stale = true;
      wait = Math.min(30 * FETCH_MS, 2 * wait);
    }
    fetching = false;
    plan();
  }

  function connect() {
    if (source || paused || document.hidden) return;
    source = new EventSource(base + "api/v1/changes/stream");
    source.onopen = () => {
      clearTimeout(lostTimer);
      lostTimer = 0;
      say("live", "live");
    };
    source.onmessage = () => {
      stale = true;
      plan();
    };
    source.onerror = () => {
      lostTimer ||= setTimeout(() => say("lost", "connection lost"), LOST_MS);
      // Refused for good: the browser does not try again by itself.
      if (source.readyState === EventSource.CLOSED) {
        disconnect();
        setTimeout(connect, LOST_MS);
      }
    };
  }

  function disconnect() {
    if (source) source.close();
    source = null;
  }

  function follow() {
    if (paused || document.hidden) {
      disconnect();
      clearTimeout(lostTimer);
      lostTimer = 0;
      say("paused", "paused");
      return;
    }
    stale = true;
    connect();
    plan();
  }

  async function copied(text) {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
    // Not a secure context, as by an address of the network: the old way.
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("aria-hidden", "true");
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  function addCopyButtons(where) {
    for (const pre of where.querySelectorAll("pre[data-copy]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      pre.after(button);
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const text = button.previousElementSibling.textContent;
    const done = await copied(text).catch(() => false);
    button.textContent = done ? "Copied" : "Not allowed: select it by hand";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    follow();
  });
  document.addEventListener("visibilitychange", follow);

  addCopyButtons(document);
  status.hidden = false;
  pause.hidden = false;
  say("", "connecting");
  connect();
})();
