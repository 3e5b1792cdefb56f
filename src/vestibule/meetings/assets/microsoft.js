/** A clinician's one-time sign-in: out of a frame into a window of its own, and that window closed again when it is done. */
import { openOwnWindow } from "../web/own-window.js";

const texts = JSON.parse(document.getElementById("microsoft-texts").textContent);
const said = document.querySelector("[data-said]");
const close = document.querySelector("[data-close]");
const SIZE = "width=560,height=760";

for (const press of document.querySelectorAll("[data-handoff]")) press.addEventListener("click", away);

/** Pages of Microsoft refuse frames, and a window opened from a frame has none of its cookies: it comes in by a one-time ticket. */
async function away(event) {
  event.preventDefault();
  try {
    const { window: opened, url } = await openOwnWindow(event.currentTarget.dataset.handoff, "vestibule-microsoft", "microsoft", SIZE);
    if (opened) { said.textContent = texts.opened; return; }
    const link = Object.assign(document.createElement("a"), { href: url, target: "_blank", textContent: texts.blocked });
    said.replaceChildren(link);
  } catch { said.textContent = texts.failed; }
}

// A script may close what a script has opened. Microsoft's pages may have cut the tie to the opener; then the link is there instead.
if (close && (window.opener || window.name.startsWith("vestibule-"))) {
  close.hidden = false;
  document.querySelector("[data-stay]").hidden = true;
  close.addEventListener("click", () => {
    window.close();
    setTimeout(() => { close.hidden = true; document.querySelector("[data-stay]").hidden = false; }, 300);
  });
}
