/** The clinician's console: who waits, the visit, what happened; every press is one step of the visit. */
import { chime, fill, live, oneAtATime, press, texts, unlockSound } from "./live.js";
import { freshen, keepTimes, soundSwitch } from "./parts.js";

const app = document.getElementById("console");
const base = app.dataset.base;
const words = texts("console-texts");
const $ = (id) => document.getElementById(id);
const OVER = ["ended", "cancelled"];
const WATCH = 3000;

let stage = null, stream = null, known = new Set(), joining = false, watching = 0;
let place = "";  // whose card was pressed last
let leaving = false;  // from the press until the visit says so: what was asked before it must not bring us in again

const sound = soundSwitch($("sound"), $("sound-state"), words, { unlock: unlockSound, chime });
keepTimes(words);

// --- the page follows the visit

const banner = () => $("part-banner").dataset;

const refresh = oneAtATime(async () => {
  const status = await freshen(`${base}/console/parts`);
  if (status === 401) { location.reload(); return; }
  if (status === 200) { look(); keepPlace(); }
});

/** What the parts mean for the rest of the page. */
function look() {
  const { state, me, waiting, kind } = banner();
  if (kind !== app.dataset.kind) { location.reload(); return; }  // the meeting is elsewhere now: another stage, with other texts
  const number = Number(waiting);
  document.title = number ? `${fill(words.waiting_title, { n: number })} · ${words.title}` : words.title;
  if (navigator.setAppBadge) (number ? navigator.setAppBadge(number) : navigator.clearAppBadge()).catch(() => {});
  arrivals();
  const over = OVER.includes(state);
  $("invite-open").hidden = over;
  const ends = over && !app.classList.contains("over");
  app.classList.toggle("over", over);
  if (ends) $("h-over").focus({ preventScroll: true });
  if (me === "left") leaving = false;
  if (over) { close(); $("off").hidden = true; }
  else if (["admitted", "connected", "disconnected"].includes(me)) { if (!stage && !leaving) join(); }
  else if (me === "removed") off(words.removed, { again: false });
  else if (me === "left" && !joining) off(words.left, { again: true });
  $("stage").inert = joining;  // nobody would hear a press yet
  watch();
}

/** While the meeting waits for something that no event tells of (a press there, a sign-in), look again now and then. */
function watch() {
  clearTimeout(watching);
  if ($("part-meeting")?.dataset.watch) watching = setTimeout(refresh, WATCH);
}
addEventListener("focus", () => { if ($("part-meeting")?.dataset.watch) refresh(); });

/** Say who has come, once, by sound and in words; the card stays until somebody acts. */
function arrivals() {
  const here = new Map([...document.querySelectorAll("#at-people .person:has([data-since])")].map((card) => [card.id, card]));
  const fresh = [...here].filter(([id]) => !known.has(id));
  if (fresh.length) {
    $("heard").textContent = fresh.map(([, card]) => fill(words.arrived, { name: card.querySelector("bdi").textContent })).join(" ");
    if (sound.on) chime();
  }
  known = new Set(here.keys());
}

function toast(text) {
  const note = document.createElement("p");
  note.className = "toast";
  note.textContent = text;
  $("toasts").replaceChildren(note);
  setTimeout(() => note.remove(), 5000);
}

// --- presses

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-press]");
  if (!button || button.disabled) return;
  if (button.dataset.sure && !(await sure(button.dataset))) return;
  button.closest("[data-menu]")?.removeAttribute("open");
  await act(button);
});

async function act(button) {
  place = button.closest("#at-people [id]:not([id^=part])")?.id || "";
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  // Off the button at once: fitting the answer in may turn this very button into the next one, and a second Enter would press that.
  if (place) $(place)?.focus({ preventScroll: true });
  try {
    await press(`${base}/${button.dataset.press}`, JSON.parse(button.dataset.body || "{}"));
    if (button.dataset.done) toast(button.dataset.done);
  } catch (error) {
    toast(error.message || words.failed);
  }
  button.removeAttribute("aria-busy");
  button.disabled = false;
  await refresh();
  keepPlace();
}

/** The pressed button is gone or was switched off meanwhile: go on beside it, on the person's card rather than on its next button. */
function keepPlace() {
  if (place && document.activeElement === document.body) ($(place) || $("invite-open")).focus({ preventScroll: true });
}
for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, () => { place = ""; }, { capture: true });

/** Ask before what cannot be undone. */
function sure({ sure: title, sureMore, sureYes }) {
  const dialog = $("sure");
  $("sure-title").textContent = title;
  $("sure-more").textContent = sureMore || "";
  const [no, yes] = dialog.querySelectorAll("button");
  yes.textContent = sureYes;
  dialog.returnValue = "";
  dialog.showModal();
  no.onclick = () => dialog.close("no");
  yes.onclick = () => dialog.close("yes");
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

/** A menu closes on Escape and on a press elsewhere. */
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("[data-menu][open]");
  if (menu) { menu.removeAttribute("open"); menu.querySelector("summary").focus(); }
});
document.addEventListener("pointerdown", (event) => {
  for (const menu of document.querySelectorAll("[data-menu][open]")) if (!menu.contains(event.target)) menu.removeAttribute("open");
});

// --- the video

async function join() {
  if (stage || joining) return;
  joining = true;
  $("off").hidden = true;
  try {
    const { mountStage } = await import(app.dataset.stage);
    stage = mountStage($("stage"), {
      name: app.dataset.name,
      onOver: () => { close(); refresh(); },
      onLeave: async () => {
        leaving = true;
        await press(`${base}/leave`).catch((error) => { leaving = false; toast(error.message || words.failed); });
        refresh();
      },
      onEnd: async () => { await press(`${base}/end`).catch((error) => toast(error.message || words.failed)); refresh(); },
    });
  } finally {
    joining = false;
    $("stage").inert = false;
  }
}

function close() {
  if (!stage) return;
  stage.destroy();
  stage = null;
}

/** No video here: say why, and what can be done. */
function off(text, { again }) {
  close();
  $("off").hidden = false;
  $("off-text").textContent = text;
  $("rejoin").hidden = !again;
  $("end-off").hidden = !again;
}

$("rejoin").addEventListener("click", () => arrive());

async function arrive() {
  leaving = false;
  try { await press(`${base}/arrive`); } catch (error) { toast(error.message || words.failed); }
  await refresh();
}

// --- inviting

$("invite-open").addEventListener("click", () => {
  $("invite-form").hidden = false;
  $("invite-made").hidden = true;
  $("invite-mistake").textContent = "";
  $("invite").showModal();
});
for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => { $("invite-url").value = ""; $("invite").close(); });
$("invite-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const { url, until } = await press(`${base}/invite`, { role: $("invite-role").value });
    $("invite-url").value = url;
    $("invite-until").textContent = fill(words.until, { time: until });
    $("invite-form").hidden = true;
    $("invite-made").hidden = false;
    $("invite-copy").focus();
  } catch (error) { $("invite-mistake").textContent = error.message || words.failed; }
});
$("invite-copy").addEventListener("click", async () => {
  $("invite-url").select();
  try { await navigator.clipboard.writeText($("invite-url").value); toast(words.copied); } catch { toast(words.copy_self); }
});

// --- begin

known = new Set([...document.querySelectorAll("#at-people .person:has([data-since])")].map((card) => card.id));
if (["expected", "testing"].includes(banner().me) && !OVER.includes(banner().state)) await arrive(); else look();
stream = live(`${base}/live`, {
  after: Number(banner().seq),
  onEvent: (event) => { if (event.kind === "merged_away") stream.moved(0); refresh(); },  // this visit is another one now, with a list of its own
  onAgain: refresh,
  onDelayed: (yes) => { $("delayed").hidden = !yes; },
  onOver: () => location.reload(),
});
app.dataset.ready = "yes";
