// Puts what the server sends in the place of what an element with data-live="URL" shows.
// The page is complete without this file. Nothing is evaluated: fragments are HTML without scripts,
// and the content security policy of the page holds for them as well.
"use strict";

const FIRST_WAIT = 3000;
const LONGEST_WAIT = 60000;

function placeOf(node, root) {
  if (!node || node === root || !root.contains(node)) return null;
  if (node.id) return "#" + CSS.escape(node.id);
  const href = node.getAttribute("href");
  if (href) return `a[href="${CSS.escape(href)}"]`;
  return node.localName === "summary" ? "summary" : null;
}

function replace(root, html) {
  const held = document.activeElement;
  // Never under somebody's fingers.
  if (root.contains(held) && held.matches("input, select, textarea")) return;
  const selected = document.getSelection();
  if (selected && !selected.isCollapsed && root.contains(selected.anchorNode)) return;
  const place = placeOf(held, root);
  const opened = [...root.querySelectorAll("details")].map((details) => details.open);
  root.innerHTML = html;
  root.querySelectorAll("details").forEach((details, index) => { details.open = Boolean(opened[index]); });
  if (place) root.querySelector(place)?.focus({ preventScroll: true });
}

function follow(root) {
  let source = null;
  let timer = 0;
  let wait = FIRST_WAIT;

  function stop() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function start() {
    stop();
    if (document.hidden) return;
    source = new EventSource(root.dataset.live);
    source.onmessage = (message) => {
      wait = FIRST_WAIT;
      root.dataset.liveState = "on";
      replace(root, message.data);
    };
    // The session is over, or nothing changes any more: asking again would be of no use.
    for (const end of ["ended", "done"]) {
      source.addEventListener(end, () => {
        root.dataset.liveState = end;
        stop();
        document.removeEventListener("visibilitychange", start);
      });
    }
    source.onerror = () => {
      root.dataset.liveState = "waiting";
      // The browser itself comes back after a break, but not after an answer other than 200.
      if (source?.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(start, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
  }

  // A page that nobody looks at holds no stream, and is fresh when it is looked at again.
  document.addEventListener("visibilitychange", start);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted) start(); });
  start();
}

document.querySelectorAll("[data-live]").forEach(follow);

// A text to copy gets a button for it; without this file it is selected by hand.
function copyable(area) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain copy";
  button.textContent = "Copy";
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    area.select();
    try {
      await navigator.clipboard.writeText(area.value);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected: copy it with the keyboard";
    }
  });
  area.after(button);
}

document.querySelectorAll("textarea[readonly]").forEach(copyable);
