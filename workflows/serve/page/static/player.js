// Plays a moment over the results; the address says which, so that it can be shared and gone back to.

import { part } from "./part.js";
import { connect } from "./screen.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");

export function playInPlace() {
  const inline = document.querySelector("main > .player");
  if (inline) show(inline);

  document.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const open = event.target.closest(".answer .moment .open");
    if (!open) return;
    event.preventDefault();
    const address = withPage(open.href);
    const player = await load(address);
    if (!player) return;
    history.pushState({ player: true }, "", address);
    show(player, open);
  });

  addEventListener("popstate", async () => {
    const shown = document.querySelector("dialog");
    const opened = new URLSearchParams(location.search).get("open");
    if (!opened) shown?.close();
    else {
      const player = await load(location.href);
      if (player) show(player);
    }
  });
}

// Moments may have been appended since the page came: closing must not lose them from the address.
function withPage(href) {
  const address = new URL(href, location.href);
  const page = new URLSearchParams(location.search).get("page");
  if (page) address.searchParams.set("page", page);
  return address.href;
}

let loading = new AbortController();

// Of several moments that are clicked one after the other, the last one plays.
async function load(address) {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  const loaded = await part(address, "player", signal);
  if (signal.aborted) return null;
  const player = loaded?.querySelector(".player");
  // What cannot be shown here, the server says on a page of its own.
  if (!player) location.assign(address);
  return player;
}

function show(player, opener = null) {
  document.querySelector("dialog")?.remove();
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "player-name");
  dialog.append(player);
  document.body.append(dialog);
  const back = player.querySelector(".close").href;
  const video = connect(player);

  dialog.addEventListener("close", () => {
    video.pause();
    dialog.remove();
    if (new URLSearchParams(location.search).get("open")) {
      // Where a click led here, closing goes back: else Back would lead through all that was played.
      if (history.state?.player) history.back();
      else history.pushState(null, "", back);
    }
    const name = new URL(opener?.href ?? location.href, location.href).searchParams.get("open");
    const tile = opener ?? document.querySelector(`.open[data-name="${CSS.escape(name ?? "")}"]`);
    tile?.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest(".close")) {
      event.preventDefault();
      dialog.close();
      return;
    }
    const link = event.target.closest("[data-second]");
    if (!link || link === player || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    seek(player, video, link);
  });
  dialog.showModal();
  video.focus();
  video.currentTime = Number(player.dataset.second);
  // Who asks for little motion presses play, unless a click said as much.
  if (opener || !still.matches) video.play().catch(() => {});
}

function seek(player, video, link) {
  video.currentTime = Number(link.dataset.second);
  video.play().catch(() => {});
  const address = new URL(link.href.baseVal ?? link.href, location.href);
  history.replaceState(history.state, "", address);
  player.querySelector("[data-at]").textContent = link.dataset.clock;
  const like = player.querySelector("[data-like]");
  const alike = new URL(like.href);
  alike.searchParams.set("like", address.searchParams.get("open"));
  like.href = alike.href;
  for (const other of player.querySelectorAll("[data-second]")) {
    const same = other.dataset.second === link.dataset.second;
    if (other.matches(".times a")) {
      if (same) other.setAttribute("aria-current", "true");
      else other.removeAttribute("aria-current");
    }
    other.querySelector(".span")?.classList.toggle("now", same);
  }
}
