// Presses the launch button for the frame, and opens another patient in the same frame.
const frame = document.getElementById("visit-frame");
const trouble = document.getElementById("trouble");

async function launch(button) {
  trouble.hidden = true;
  const answer = await fetch(button.dataset.launch, { method: "POST", headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (answer.ok) frame.src = body.url;
  else {
    trouble.textContent = `This visit cannot be begun: ${body.error}.`;
    trouble.hidden = false;
  }
}

async function open(button) {
  const page = new DOMParser().parseFromString(await (await fetch(button.dataset.page)).text(), "text/html");
  document.getElementById("story").replaceWith(document.adoptNode(page.getElementById("story")));
  document.title = page.title;
  history.replaceState(null, "", button.dataset.page);
  document.querySelector("[data-open][aria-current]")?.removeAttribute("aria-current");
  button.setAttribute("aria-current", "true");
  await launch(button);
}

for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => open(button));
  if (button.hasAttribute("aria-current")) launch(button);
}
