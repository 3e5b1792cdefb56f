// What pages about messages do by themselves: a preview while somebody types, and a look at an order that is under way.
// Without this file there are buttons for both.

const PAUSE = 350; // milliseconds after the last key

for (const form of document.querySelectorAll("form[data-preview]")) {
  const shown = document.getElementById(form.dataset.preview);
  let timer = 0;
  let asked = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++asked;
      const body = new URLSearchParams(new FormData(form));
      body.set("go", "look");
      const answer = await fetch(location.pathname, { method: "POST", headers: { "X-Fragment": "preview" }, body }).catch(() => null);
      if (answer?.ok && mine === asked) shown.innerHTML = await answer.text();
    }, PAUSE);
  });
}

for (const order of document.querySelectorAll("[data-again]")) {
  setTimeout(() => location.reload(), Number(order.dataset.again) * 1000);
}
