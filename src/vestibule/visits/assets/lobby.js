/** The page of somebody who comes to a visit: name, device check, waiting room, the visit itself. One section shows at a time. */
import { chime, fill, live, oneAtATime, press, texts, unlockSound } from "./live.js";

const app = document.getElementById("lobby");
const base = app.dataset.base;
const words = texts("lobby-texts");
const at = (name) => app.querySelector(`[data-at="${name}"]`);
const sections = [...app.querySelectorAll("[data-step]")];

let step = app.dataset.step;
let check = null, stage = null, stream = null, awake = null, opensAt = app.dataset.opensAt;
let name = app.dataset.name, ready = Boolean(app.dataset.ready);

/** Show one section, tell it, and put the reader's finger on it. */
function show(next, { quiet = false } = {}) {
  if (next === step && !quiet) return;
  step = next;
  for (const section of sections) section.hidden = section.dataset.step !== next;
  const section = sections.find((one) => one.dataset.step === next);
  document.body.classList.toggle("in-visit", next === "inside" && app.dataset.kind === "room");
  document.title = section.dataset.title;
  if (!quiet) section.querySelector("h1")?.focus({ preventScroll: next === "inside" });
  if (!quiet) scrollTo({ top: 0 });
  (enter[next] || (() => {}))({ live: !quiet });
  if (next !== "inside") closeStage();
  if (next === "waiting") stayAwake(); else letSleep();
}

const enter = {
  waiting() { movePreview("waiting"); if (!check) startCheck({ asked: false }); },
  check() { movePreview("check"); permitted().then((yes) => { if (yes && step === "check") startCheck({ asked: true }); }); },
  inside: openStage,
  ended: letGo, cancelled: letGo, removed: letGo, left: letGo,
  early: count,
};

// --- the state, as the server knows it

const refresh = oneAtATime(async () => {
  const answer = await fetch(`${base}/state`, { credentials: "same-origin", headers: { Accept: "application/json" }, cache: "no-store" }).catch(() => null);
  if (!answer) return;
  if (answer.status === 401) { location.reload(); return; }
  if (!answer.ok) return;
  const now = await answer.json();
  if (now.meeting.kind !== app.dataset.kind && now.step !== "ended") { location.reload(); return; }  // the stage is another one now
  ready = now.meeting.ready;
  if (now.me) name = now.me.name || name;
  opensAt = now.opens_at || opensAt;
  say(now.said);
  if (now.step === "inside" && step !== "inside") chime([523.25, 659.25, 783.99]);
  show(now.step);
  stage?.update?.({ ready });
});

function say(sentence) {
  const note = at("said");
  if (!sentence || note.dataset.said === sentence) return;
  note.dataset.said = sentence;
  at("said-text").textContent = sentence;
  note.hidden = false;
}

/** Do something, with the button busy meanwhile and the mistake in words beside it. */
async function busy(button, work) {
  const mistake = button.closest("[data-step]").querySelector(".mistake");
  if (mistake) mistake.textContent = "";
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  try { await work(); } catch (error) {
    if (error.status === 401) location.reload();
    if (mistake) mistake.textContent = error.message || words.offline;
  }
  button.removeAttribute("aria-busy");
  button.disabled = false;
}

// --- name

at("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  unlockSound();
  const field = at("name");
  const missing = !field.value.trim();
  field.setAttribute("aria-invalid", String(missing));
  at("name-mistake").textContent = missing ? words.name_missing : "";
  if (missing) { field.focus(); return; }
  busy(at("name-go"), async () => { await press(`${base}/name`, { name: field.value }); name = field.value.trim(); await refresh(); });
});
at("name-go").disabled = false;

// --- devices

async function permitted() {
  try {
    const [camera, sound] = await Promise.all(["camera", "microphone"].map((one) => navigator.permissions.query({ name: one })));
    return camera.state === "granted" && sound.state === "granted";
  } catch { return false; }
}

async function startCheck({ asked }) {
  if (!asked && !(await permitted())) return;
  const { checkDevices, readTexts } = await import(app.dataset.devices);
  check ||= checkDevices({
    preview: at("preview"), meter: at("meter"), speakerButton: at("speaker-test"), help: at("help"),
    camera: at("camera"), microphone: at("microphone"), speaker: at("speaker"),
  }, { texts: readTexts("device-texts"), onResult: results });
  await check.start();
}

function results(found) {
  app.dataset.checked = "yes";
  at("ask").hidden = true;
  at("found").hidden = false;
  at("preview-box").hidden = !check.stream.getVideoTracks().length;
  at("meter-row").hidden = !check.stream.getAudioTracks().length;
  at("choices").hidden = false;
  for (const what of ["camera", "microphone", "speaker"]) {
    for (const pill of app.querySelectorAll(`[data-result="${what}"]`)) {
      const word = found[what];
      pill.hidden = !word;
      pill.className = `pill ${word === "works" ? "good" : "bad"}`;
      pill.textContent = words[`is_${word}`] || words.is_failed;
    }
  }
  at("go").textContent = found.camera === "works" && found.microphone === "works" ? words.go : words.go_without;
  at("again").hidden = !found.problem;
  at("own-window").hidden = found.problem !== "framed";
}

function movePreview(to) {
  const place = app.querySelector(`[data-preview-in="${to}"]`);
  place.append(at("preview-box"), at("meter-row"));
  app.querySelector(`[data-choices-in="${to}"]`).append(at("choices"));
  if (to === "waiting" && !check) for (const one of ["preview-box", "meter-row", "choices"]) at(one).hidden = true;
}

at("ask-go").addEventListener("click", () => { unlockSound(); busy(at("ask-go"), () => startCheck({ asked: true })); });
at("ask-skip").addEventListener("click", () => { unlockSound(); busy(at("ask-skip"), () => arrive({ camera: "skipped", microphone: "skipped" })); });
at("again").addEventListener("click", () => busy(at("again"), () => check.start()));
at("go").addEventListener("click", () => { unlockSound(); busy(at("go"), () => arrive(check.result)); });
at("own-window").addEventListener("click", () => busy(at("own-window"), async () => {
  const opened = window.open("about:blank", `lobby-${base}`);
  const { url } = await press(`${base}/handoff`, { to: "lobby" });
  if (opened) opened.location.replace(new URL(url, location.href)); else location.assign(url);
}));

async function arrive(found) {
  const known = { ...found, device: /Mobi/.test(navigator.userAgent) ? "phone" : "computer" };
  const checks = Object.fromEntries(Object.entries(known).filter(([key, value]) => value && key !== "problem").map(([key, value]) => [key, words.codes[value] || value]));
  await press(`${base}/tested`, { checks }).catch(() => {});  // the clinic would like to know; the visit does not depend on it
  await press(`${base}/arrive`);
  await refresh();
}

for (const button of app.querySelectorAll("[data-come-back]")) {
  button.addEventListener("click", () => { unlockSound(); busy(button, async () => { await press(`${base}/arrive`); await refresh(); }); });
}

function letGo() {
  if (!check) return;
  check.stop();
  check = null;
}

// --- the visit: nothing of it is loaded before one is let in

async function openStage({ live: watched }) {
  if (stage) return;
  if (app.dataset.roomStyle) {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = app.dataset.roomStyle;
    document.head.append(style);
  } else at("my-name").textContent = name;
  const kept = check && check.stream;
  if (check) { check.stop({ keep: true }); check = null; }
  const { mountStage } = await import(app.dataset.stage);
  if (step !== "inside") return;
  stage = mountStage(document.getElementById("stage"), {
    stream: kept || null, name, live: watched, ready,
    onOver: () => setTimeout(refresh, 300),
    onLeave: () => press(`${base}/leave`).then(refresh, refresh),
  });
}

function closeStage() {
  if (!stage) return;
  stage.destroy();
  stage = null;
}

// --- waiting

async function stayAwake() {
  try { awake ||= await navigator.wakeLock.request("screen"); } catch { awake = null; }
}

function letSleep() {
  awake?.release().catch(() => {});
  awake = null;
}

function tick() {
  if (step === "early") count();
}

/** Until the waiting room opens. */
function count() {
  const left = Math.ceil((new Date(opensAt) - Date.now()) / 1000);
  if (!opensAt || left <= 0) { refresh(); return; }
  const hours = Math.floor(left / 3600), minutes = Math.floor(left / 60) % 60, seconds = left % 60;
  const two = (number) => String(number).padStart(2, "0");
  const text = hours >= 48 ? fill(words.in_days, { days: Math.round(hours / 24) }) : hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
  at("countdown").textContent = text;
}

setInterval(tick, 1000);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  awake = null;
  if (step === "waiting") stayAwake();
  refresh();
});

stream = live(`${base}/live`, {
  after: Number(app.dataset.seq),
  onEvent: (event) => { if (event.kind === "merged_away") stream.moved(0); refresh(); },  // this visit is another one now, with a list of its own
  onAgain: refresh,
  onDelayed: (yes) => { at("delayed").hidden = !yes; },
  onOver: () => location.reload(),
});
show(step, { quiet: true });
app.dataset.ready = "yes";
