// A video's own view: frames and time line move the player, the crop can be taken off.

import { connect } from "./screen.js";

const view = document.querySelector(".video-view");
const screen = view?.querySelector(".screen");
if (screen) {
  const video = connect(view);
  for (const link of document.querySelectorAll("[data-second]")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      video.currentTime = Number(link.dataset.second);
      history.replaceState(null, "", `?at=${link.dataset.second}`);
      screen.scrollIntoView({ block: "nearest" });
    });
  }
  const check = document.getElementById("show-crop");
  check?.addEventListener("change", () => {
    view.querySelector(".crop")?.toggleAttribute("hidden", !check.checked);
  });
}
