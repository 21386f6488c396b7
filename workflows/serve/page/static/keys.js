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
      // Leaves the box; a browser would empty it as well.
      event.preventDefault();
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
  const from = event.target.closest(".open");
  if (!tiles.includes(from)) return;
  event.preventDefault();
  const next = dx ? tiles[tiles.indexOf(from) + dx] : inNextRow(tiles, from, dy);
  if (next) next.focus();
  else if (dy < 0) box.focus();
}

// A page may have several grids, each with columns of its own.
function inNextRow(tiles, from, dy) {
  const place = (tile) => tile.getBoundingClientRect();
  const here = place(from);
  const beyond = tiles.filter((tile) => dy * (place(tile).top - here.top) > 1);
  if (!beyond.length) return null;
  const row = dy * Math.min(...beyond.map((tile) => dy * place(tile).top));
  const aside = (tile) => Math.abs(place(tile).left - here.left);
  return beyond
    .filter((tile) => Math.abs(place(tile).top - row) < 2)
    .reduce((best, tile) => (aside(tile) < aside(best) ? tile : best));
}
