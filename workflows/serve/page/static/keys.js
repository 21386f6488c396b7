// The keyboard: / goes to the box, arrows from moment to moment, Enter opens, Escape leaves.

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const box = document.getElementById("q");
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      box.focus();
      box.select();
    } else if (event.key === "Escape" && typing === box) {
      box.blur();
    } else if (event.key in MOVES) {
      move(event, typing, box);
    }
  });
}

function move(event, typing, box) {
  const tiles = [...document.querySelectorAll(".moments .open")];
  if (!tiles.length) return;
  const [dx, dy] = MOVES[event.key];
  if (typing) {
    if (typing !== box || event.key !== "ArrowDown") return;
    event.preventDefault();
    tiles[0].focus();
    return;
  }
  const from = tiles.indexOf(event.target.closest(".open"));
  if (from < 0) return;
  event.preventDefault();
  const next = from + dx + dy * columns(tiles);
  if (next >= 0 && next < tiles.length) tiles[next].focus();
  else if (dy < 0) box.focus();
}

function columns(tiles) {
  const top = tiles[0].getBoundingClientRect().top;
  const next = tiles.findIndex((tile) => tile.getBoundingClientRect().top > top + 1);
  return next < 0 ? tiles.length : next;
}
