// A picture that is chosen, dropped or pasted is sent at once; the answer's address is the search by it.

export function takePictures(form) {
  if (!form) return;
  form.querySelector("input[type=file]").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) send(form, file);
  });

  let depth = 0;
  const dragged = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragenter", (event) => {
    if (!dragged(event)) return;
    depth += 1;
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) document.body.classList.remove("dropping");
  });
  addEventListener("dragover", (event) => {
    if (dragged(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    depth = 0;
    document.body.classList.remove("dropping");
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    send(form, file);
  });
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    send(form, file);
  });
}

async function send(form, file) {
  if (file.type.startsWith("video/")) {
    refuse("This is a video. Search by a picture of what you look for.");
    return;
  }
  const most = Number(form.dataset.most);
  if (file.size > most) {
    refuse(`A picture may have ${Math.round(most / 1e6)} MB, this one has ${Math.round(file.size / 1e6)}.`);
    return;
  }
  const body = new FormData();
  body.append("picture", file);
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    if (answer.ok) location.assign(answer.url);
    else refuse(await reason(answer));
  } catch {
    refuse("The picture could not be sent; is the server still running?");
  }
}

async function reason(answer) {
  const shown = new DOMParser().parseFromString(await answer.text(), "text/html");
  const text = [...shown.querySelectorAll(".problem p:not(.status):not(:has(a))")];
  return text.map((one) => one.textContent.trim()).join(" ") || `The server answered ${answer.status}.`;
}

function refuse(text) {
  document.getElementById("refused")?.remove();
  const said = document.createElement("p");
  said.className = "refused";
  said.id = "refused";
  said.setAttribute("role", "alert");
  said.textContent = text;
  document.querySelector(".asking").after(said);
}
