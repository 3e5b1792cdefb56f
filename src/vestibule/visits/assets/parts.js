/** Fits freshly rendered parts into a page: only what differs is touched, so that focus, open menus and videos stay as they are. */

/** Make `old` look like `fresh`. Children are matched by id, else by place. */
export function fit(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) { old.replaceWith(fresh.cloneNode(true)); return; }
  if (old.nodeType === Node.TEXT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
  if (old.nodeType !== Node.ELEMENT_NODE) return;
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value && !keeps(old, name)) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !keeps(old, name)) old.removeAttribute(name);
  fitChildren(old, fresh);
}

/** What a person or the browser has set is theirs. */
const keeps = (element, name) => (name === "open" && element.nodeName === "DETAILS") || name === "aria-busy" || (name === "disabled" && element.hasAttribute("aria-busy"));

function fitChildren(old, fresh) {
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const twin = wanted.id ? known.get(wanted.id) : place;
    if (wanted.id && twin) {
      if (twin !== place) old.insertBefore(twin, place); else place = place.nextSibling;
      fit(twin, wanted);
    } else if (!wanted.id && twin && !twin.id && twin.nodeName === wanted.nodeName) {
      place = place.nextSibling;
      fit(twin, wanted);
    } else {
      old.insertBefore(wanted.cloneNode(true), place);
    }
  }
  while (place) { const next = place.nextSibling; place.remove(); place = next; }
}

/** Put the parts of a document where they belong: #part-x into #at-x. */
function place(source) {
  for (const part of source.querySelectorAll("[id^=part-]")) {
    const at = document.getElementById(`at-${part.id.slice(5)}`);
    if (!at) continue;
    if (at.firstElementChild) fit(at.firstElementChild, part); else at.replaceChildren(document.importNode(part, true));
  }
}

/** Fetch the parts anew and put them in place. @returns the HTTP status, 0 when nothing came */
export async function freshen(url) {
  const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "text/html" }, cache: "no-store" }).catch(() => null);
  if (answer && answer.ok) place(new DOMParser().parseFromString(await answer.text(), "text/html"));
  return answer ? answer.status : 0;
}

/** Keep "4 min" true, and mark who has waited too long. */
export function keepTimes(words, { late = 900 } = {}) {
  const tick = () => {
    for (const pill of document.querySelectorAll("[data-since]")) {
      const seconds = (Date.now() - new Date(pill.dataset.since)) / 1000;
      const text = seconds < 60 ? words.just_now : words.minutes.replace("{n}", Math.floor(seconds / 60));
      const time = pill.querySelector("time");
      if (time.textContent !== text) time.textContent = text;
      pill.classList.toggle("bad", seconds >= late);
      pill.classList.toggle("wait", seconds < late);
    }
  };
  setInterval(tick, 5000);
}

const SOUND = "vestibule-sound";

/** The button that switches the arrival sound. The choice is the browser's to keep; it says nothing about anybody. */
export function soundSwitch(button, label, words, { unlock, chime }) {
  let on = false;
  const set = (next) => {
    on = next;
    button.setAttribute("aria-pressed", String(on));
    label.textContent = on ? words.on : words.off;
  };
  button.addEventListener("click", () => {
    set(!on);
    try { localStorage.setItem(SOUND, on ? "on" : "off"); } catch { /* a frame may not keep anything */ }
    if (on) { unlock(); setTimeout(chime, 150); }
  });
  let kept = null;
  try { kept = localStorage.getItem(SOUND); } catch { /* likewise */ }
  set(kept !== "off");
  // Browsers play nothing before a press; any press on the page will do.
  addEventListener("pointerdown", () => { if (on) unlock(); }, { capture: true });
  addEventListener("keydown", () => { if (on) unlock(); }, { capture: true });
  return { get on() { return on; } };
}
