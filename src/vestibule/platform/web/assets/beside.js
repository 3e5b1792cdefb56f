/** What stands beside a page: a link with data-beside opens in a dialog over it (its #beside), so that the page, and a visit on it, stay.
    And what changes by itself: while an element has data-again, it is looked at anew there and fitted in by its id. */
const EVERY = 1500;
let dialog = null;

async function ask(url, options = {}) {
  const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "text/html" }, cache: "no-store", ...options });
  return { address: answer.url, source: new DOMParser().parseFromString(await answer.text(), "text/html") };
}

/** Put a page's #beside into the dialog, with its styles; a page that has none is opened as it is. */
function show({ address, source }) {
  const wanted = source.getElementById("beside");
  if (!wanted) { location.assign(address); return; }
  for (const link of source.querySelectorAll('link[rel="stylesheet"]')) {
    if (!document.querySelector(`link[href="${CSS.escape(link.getAttribute("href"))}"]`)) document.head.append(document.importNode(link));
  }
  dialog.querySelector(".beside").replaceChildren(document.importNode(wanted, true));
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector("input, button"))?.focus();
}

function open(link) {
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.className = "dialog";
    dialog.innerHTML = '<div class="beside"></div><div class="row"><button class="button" type="button" value="close"></button></div>';
    dialog.addEventListener("click", (event) => { if (event.target.value === "close" || event.target === dialog) dialog.close(); });
    dialog.addEventListener("submit", send);
    dialog.addEventListener("close", () => dialog.querySelector(".beside").replaceChildren());
    document.body.append(dialog);
  }
  dialog.setAttribute("aria-label", link.textContent.trim());
  dialog.querySelector("[value=close]").textContent = link.dataset.beside;
  dialog.showModal();
  ask(link.href).then(show).catch(() => location.assign(link.href));
}

async function send(event) {
  event.preventDefault();
  const { target: form, submitter } = event;
  submitter?.setAttribute("aria-busy", "true");
  const body = new URLSearchParams(new FormData(form));
  try { show(await ask(form.action, { method: "POST", body })); } catch { submitter?.removeAttribute("aria-busy"); }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-beside]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link);
});

setInterval(async () => {
  for (const part of document.querySelectorAll("[data-again]")) {
    const { source } = await ask(part.dataset.again).catch(() => ({ source: null }));
    const fresh = source?.getElementById(part.id);
    if (fresh && fresh.outerHTML !== part.outerHTML && part.isConnected) part.replaceWith(document.importNode(fresh, true));
  }
}, EVERY);
