// Appends further moments where the link would load them as a page of their own.

import { part } from "./part.js";
import { stepThroughScenes } from "./scenes.js";

export function loadFurther() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest(".further a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    link.setAttribute("aria-busy", "true");
    const loaded = await part(link.href, "moments");
    if (!loaded) {
      location.assign(link.href);
      return;
    }
    const list = document.getElementById("moments");
    const added = [...loaded.querySelectorAll(".moment")];
    list.append(...added);
    stepThroughScenes({ querySelectorAll: () => added.filter((one) => one.dataset.frames) });
    const next = loaded.querySelector(".further");
    link.closest(".further").replaceWith(...(next ? [next] : []));
    added[0]?.querySelector(".open").focus();
  });
}
