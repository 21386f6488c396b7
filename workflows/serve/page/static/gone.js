// A picture that cannot be loaded, as its frame is no longer stored, is told in its place.

function mark(picture) {
  picture.closest(".picture")?.classList.add("gone");
}

// Errors of pictures do not bubble.
document.addEventListener("error", (event) => {
  if (event.target instanceof HTMLImageElement) mark(event.target);
}, true);
for (const picture of document.querySelectorAll(".picture img")) {
  // Failed before this was here; one that is yet to be loaded is not complete.
  if (picture.complete && picture.currentSrc && !picture.naturalWidth) mark(picture);
}
