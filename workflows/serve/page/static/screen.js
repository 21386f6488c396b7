// A video with a time line below it: the line's head follows, and what cannot be played is said.

export function connect(view) {
  const video = view.querySelector("video");
  const head = view.querySelector(".line .head");
  const place = () => {
    if (!head || !Number.isFinite(video.duration) || !video.duration) return;
    const at = `${Math.min(100, (100 * video.currentTime) / video.duration)}%`;
    head.setAttribute("x1", at);
    head.setAttribute("x2", at);
  };
  for (const event of ["timeupdate", "seeking", "loadedmetadata"]) video.addEventListener(event, place);
  const unplayable = () => {
    view.querySelector(".unplayable").hidden = false;
    view.querySelector(".screen").classList.add("unplayed");
  };
  video.addEventListener("error", unplayable);
  if (video.error) unplayable();
  return video;
}
