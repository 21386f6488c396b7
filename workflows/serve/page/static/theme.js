// The switch of colours, without loading the page anew; the server keeps it in a cookie as without scripts.

const form = document.querySelector("form.theme");

form?.addEventListener("submit", async (event) => {
  const chosen = event.submitter;
  if (!chosen) return;
  event.preventDefault();
  const theme = chosen.value;
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  for (const button of form.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button === chosen));
  }
  await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams({ theme }),
    redirect: "manual",
  });
});

// On a phone there is room for one button: it shows what is chosen, and goes on to the next.
const narrow = matchMedia("(max-width: 40rem)");
form?.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (!pressed || !narrow.matches) return;
  event.preventDefault();
  const buttons = [...form.querySelectorAll("button")];
  const next = buttons[(buttons.indexOf(pressed) + 1) % buttons.length];
  form.requestSubmit(next);
  next.focus();
});
