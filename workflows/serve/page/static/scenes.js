// Steps through a scene's frames: with the pointer across the picture, by itself while it has the focus.

const EVERY_MS = 800;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export function stepThroughScenes(root) {
  for (const moment of root.querySelectorAll(".moment[data-frames]")) {
    const frames = moment.dataset.frames.split(" ").filter(Boolean);
    if (frames.length > 1) stepThrough(moment, frames);
  }
}

function stepThrough(moment, frames) {
  const open = moment.querySelector(".open");
  const pictures = open.querySelectorAll("img");
  const marks = open.querySelectorAll(".steps i");
  const best = frames.indexOf(moment.dataset.number);
  let at = best;
  let timer = 0;

  const show = (index) => {
    at = index;
    for (const picture of pictures) {
      picture.src = picture.src.replace(/\/\d+\?/, `/${frames[index]}?`);
    }
    marks.forEach((mark, number) => mark.classList.toggle("now", number === index));
  };
  const rest = () => {
    clearInterval(timer);
    timer = 0;
    if (at !== best) show(best);
  };

  open.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    clearInterval(timer);
    const box = open.getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * frames.length);
    const next = Math.min(frames.length - 1, Math.max(0, index));
    if (next !== at) show(next);
  });
  open.addEventListener("pointerleave", rest);
  open.addEventListener("focus", () => {
    if (still.matches || !open.matches(":focus-visible") || timer) return;
    timer = setInterval(() => show((at + 1) % frames.length), EVERY_MS);
  });
  open.addEventListener("blur", rest);
}
