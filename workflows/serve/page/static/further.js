// Appends further moments where the link would load them with all before; the address and the exports follow.

import { part } from "./part.js";
import { stepThroughScenes } from "./scenes.js";

export function loadFurther() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest(".further a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    // Else what an impatient second click loads is appended once more.
    if (link.getAttribute("aria-busy")) return;
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
    const next = loaded.querySelector(".further, .less-sure");
    link.closest(".further").replaceWith(...(next ? [next] : []));
    history.replaceState(history.state, "", link.href);
    followPage(new URL(link.href).searchParams.get("page"));
    count(list, next?.matches(".further"));
    added[0]?.querySelector(".open").focus();
  });
}

function followPage(page) {
  for (const file of document.querySelectorAll(".export a")) {
    const address = new URL(file.href);
    address.searchParams.set("page", page);
    file.href = address;
  }
}

function count(list, more) {
  const heading = document.getElementById("found");
  const names = [...list.querySelectorAll(".facts .video")].map((one) => one.title);
  const videos = new Set(names).size;
  heading.firstChild.textContent = `${more ? "First " : ""}${names.length} moments `;
  heading.querySelector("span").textContent = `in ${videos} ${videos === 1 ? "video" : "videos"}`;
}
