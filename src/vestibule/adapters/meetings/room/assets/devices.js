/**
 * Cameras, microphones, speakers: opening them, looking at them, hearing them, and saying what to do when a browser refuses.
 *
 * Nothing leaves the device here. Texts come from a JSON block (`readTexts`), so that this file holds no sentence.
 */

/** The texts of a page: the JSON block with that id, or {}. */
export function readTexts(id = "device-texts") {
  const block = document.getElementById(id);
  return block ? JSON.parse(block.textContent) : {};
}

/** "{name} joined" with {name: "Amy"} -> "Amy joined". */
export function fill(text, values = {}) {
  return (text || "").replace(/\{(\w+)\}/g, (all, key) => (key in values ? String(values[key]) : all));
}

/** What kind of browser this is, only as far as the help needs it: Safari hides its switch elsewhere than Chrome. */
export function browserKind(agent = navigator.userAgent, touch = navigator.maxTouchPoints > 1) {
  const ios = /iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && touch);
  if (isWebview(agent, ios)) return "webview";
  if (ios) return /CriOS|FxiOS|EdgiOS/.test(agent) ? "ios-other" : "ios";
  if (/Android/.test(agent)) return /Firefox/.test(agent) ? "firefox" : "android";
  if (/Firefox/.test(agent)) return "firefox";
  if (/Edg\//.test(agent)) return "edge";
  if (/Chrome\//.test(agent)) return "chrome";
  return /Safari\//.test(agent) ? "safari" : "other";
}

/** The browser inside another app (a mail program, a social network) often has no camera at all. */
function isWebview(agent, ios) {
  if (/FBAN|FBAV|Instagram|Line\/|MicroMessenger|GSA\/|; wv\)/.test(agent)) return true;
  return ios && !/Safari\//.test(agent);
}

/** May this frame ask for it at all? undefined where the browser does not tell. */
function frameAllows(feature) {
  const policy = document.permissionsPolicy || document.featurePolicy;
  try { return policy ? policy.allowsFeature(feature) : undefined; } catch { return undefined; }
}

/** True while the page lives in somebody else's frame. */
export function inFrame() {
  try { return window.self !== window.top; } catch { return true; }
}

/** True when the frame we live in forbids camera or microphone, as EHR frames often do. */
export function frameDenies() {
  return inFrame() && (frameAllows("camera") === false || frameAllows("microphone") === false);
}

/** One word for a getUserMedia error: denied, missing, busy, framed, insecure, webview, unsupported. */
export function problemOf(error) {
  if (!window.isSecureContext) return "insecure";
  const name = error && error.name;
  if (!navigator.mediaDevices || name === "TypeError") return browserKind() === "webview" ? "webview" : "unsupported";
  if (name === "NotFoundError" || name === "OverconstrainedError" || name === "DevicesNotFoundError") return "missing";
  if (name === "NotReadableError" || name === "AbortError" || name === "TrackStartError") return "busy";
  if (frameDenies()) return "framed";
  if (browserKind() === "webview") return "webview";
  // In a frame a refusal may be the frame's or the person's; the own window helps with both.
  return inFrame() && frameAllows("camera") === undefined ? "framed" : "denied";
}

/** The help for a problem in this browser, as {title, steps[]}; falls back from "denied.safari" to "denied". */
export function helpFor(problem, texts, kind = browserKind()) {
  const found = texts[`${problem}.${kind}`] || texts[problem] || texts.unsupported || "";
  const [title, ...steps] = found.split("\n").map((line) => line.trim()).filter(Boolean);
  return { title: title || "", steps };
}

/** Write help into an element as a heading and numbered steps; an empty problem clears it. */
export function showHelp(element, problem, texts) {
  element.replaceChildren();
  element.hidden = !problem;
  if (!problem) return;
  const { title, steps } = helpFor(problem, texts);
  const strong = document.createElement("strong");
  strong.textContent = title;
  const list = document.createElement("ol");
  for (const step of steps) list.appendChild(document.createElement("li")).textContent = step;
  element.append(strong, ...(steps.length ? [list] : []));
}

const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

function wanted(kind, id) {
  const base = kind === "video" ? { ...PICTURE, facingMode: "user" } : { ...SOUND };
  if (!id) return base;
  delete base.facingMode;
  return { ...base, deviceId: { exact: id } };
}

async function ask(kind, id) {
  const stream = await navigator.mediaDevices.getUserMedia({ [kind]: wanted(kind, id) });
  return stream.getTracks()[0];
}

/**
 * Open camera and microphone, as much of them as there is.
 * @returns {Promise<{stream: MediaStream, problems: {audio?: string, video?: string}}>} never throws
 */
export async function openDevices({ audio = true, video = true, microphone = "", camera = "" } = {}) {
  const stream = new MediaStream();
  const problems = {};
  if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
    const problem = problemOf({ name: "TypeError" });
    return { stream, problems: { ...(audio && { audio: problem }), ...(video && { video: problem }) } };
  }
  if (audio && video) {
    try {  // one question to the person, not two
      const both = await navigator.mediaDevices.getUserMedia({ audio: wanted("audio", microphone), video: wanted("video", camera) });
      return { stream: both, problems };
    } catch { /* one of them fails: find out which */ }
  }
  for (const [kind, on, id] of [["audio", audio, microphone], ["video", video, camera]]) {
    if (!on) continue;
    try { stream.addTrack(await ask(kind, id)); } catch (error) { problems[kind] = problemOf(error); }
  }
  return { stream, problems };
}

/** A fresh track of that device; throws what the browser throws. */
export const openOne = (kind, id) => ask(kind, id);

/** The devices there are; names are empty until permission has been given. */
export async function listDevices() {
  const all = navigator.mediaDevices ? await navigator.mediaDevices.enumerateDevices() : [];
  const of = (kind) => all.filter((device) => device.kind === kind && device.deviceId);
  return { cameras: of("videoinput"), microphones: of("audioinput"), speakers: of("audiooutput") };
}

/** Fill a <select> with devices; hides it where there is nothing to choose. */
export function fillSelect(select, devices, current, unnamed) {
  select.replaceChildren(...devices.map((device, index) => new Option(device.label || `${unnamed} ${index + 1}`, device.deviceId)));
  if (current) select.value = current;
  const row = select.closest("[data-device-row]") || select;
  row.hidden = devices.length === 0;
}

/** Tell the loudness of a stream's sound, 0 to 100, ten times a second. @returns a function that stops it */
export function levelMeter(stream, tell) {
  const Context = window.AudioContext || window.webkitAudioContext;
  if (!Context || !stream.getAudioTracks().length) return () => {};
  const context = new Context();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(analyser);
  const samples = new Uint8Array(analyser.fftSize);
  const timer = setInterval(() => {
    if (context.state === "suspended") context.resume().catch(() => {});
    analyser.getByteTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += (sample - 128) ** 2;
    tell(Math.min(100, Math.round(Math.sqrt(sum / samples.length) * 3)));
  }, 100);
  return () => { clearInterval(timer); context.close().catch(() => {}); };
}

/** Play two soft notes, on that speaker where the browser lets us choose. Generated, so that there is nothing to download. */
export async function playTone(speaker = "") {
  const context = new (window.AudioContext || window.webkitAudioContext)();
  const out = context.createMediaStreamDestination();
  const player = new Audio();
  player.srcObject = out.stream;
  if (speaker && player.setSinkId) await player.setSinkId(speaker);
  const start = context.currentTime + 0.05;
  for (const [index, note] of [523.25, 659.25].entries()) {
    const tone = context.createOscillator();
    const loud = context.createGain();
    const at = start + index * 0.45;
    tone.frequency.value = note;
    loud.gain.setValueAtTime(0, at);
    loud.gain.linearRampToValueAtTime(0.25, at + 0.05);
    loud.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
    tone.connect(loud).connect(out);
    tone.start(at);
    tone.stop(at + 0.65);
  }
  await player.play();
  await new Promise((done) => setTimeout(done, 1300));
  player.pause();
  await context.close();
}

/**
 * The device check of a page: preview, level, choices, speaker, help.
 *
 * @param elements {preview: <video>, meter: [role=meter], speakerButton, camera: <select>, microphone: <select>, speaker: <select>, help}; each optional
 * @param options {texts, onResult(result)}; a result is {camera, microphone, speaker, problem}: "works", "denied", "missing", ... or ""
 * @returns {{start(), stop(), stream, chosen}} `start` asks for permission (call it on a press or at once); hand `stream` to mountStage
 */
export function checkDevices(elements, { texts = readTexts(), onResult = () => {} } = {}) {
  const result = { camera: "", microphone: "", speaker: "", problem: "" };
  const check = { stream: new MediaStream(), chosen: { camera: "", microphone: "", speaker: "" }, result, start, stop };
  let stopMeter = () => {};

  const told = () => onResult({ ...result });
  const meter = (level) => {
    if (!elements.meter) return;
    elements.meter.setAttribute("aria-valuenow", level);
    elements.meter.style.setProperty("--level", `${level}%`);
  };

  function show() {
    stopMeter();
    stopMeter = levelMeter(check.stream, meter);
    if (elements.preview) {
      elements.preview.muted = true;
      elements.preview.srcObject = check.stream.getVideoTracks().length ? check.stream : null;
    }
  }

  async function lists() {
    const { cameras, microphones, speakers } = await listDevices();
    const idOf = (track) => (track ? track.getSettings().deviceId : "");
    const [picture, sound] = [check.stream.getVideoTracks()[0], check.stream.getAudioTracks()[0]];
    if (elements.camera) fillSelect(elements.camera, cameras, idOf(picture), texts.camera || "");
    if (elements.microphone) fillSelect(elements.microphone, microphones, idOf(sound), texts.microphone || "");
    if (elements.speaker) fillSelect(elements.speaker, "setSinkId" in HTMLMediaElement.prototype ? speakers : [], check.chosen.speaker, texts.speaker || "");
  }

  async function start() {
    const { stream, problems } = await openDevices(check.chosen);
    for (const track of check.stream.getTracks()) track.stop();
    check.stream = stream;
    result.camera = problems.video || "works";
    result.microphone = problems.audio || "works";
    result.problem = problems.audio || problems.video || "";
    if (elements.help) showHelp(elements.help, result.problem, texts);
    show();
    await lists();
    told();
    return { ...result };
  }

  async function change(kind, id) {
    check.chosen[kind === "video" ? "camera" : "microphone"] = id;
    const old = check.stream.getTracks().find((track) => track.kind === kind);
    if (old) { old.stop(); check.stream.removeTrack(old); }  // some phones open only one camera at a time
    try { check.stream.addTrack(await openOne(kind, id)); } catch (error) { result.problem = problemOf(error); }
    if (elements.help) showHelp(elements.help, result.problem, texts);
    show();
    told();
  }

  function stop({ keep = false } = {}) {
    stopMeter();
    if (elements.preview) elements.preview.srcObject = null;
    if (!keep) for (const track of check.stream.getTracks()) track.stop();
  }

  if (elements.camera) elements.camera.addEventListener("change", () => change("video", elements.camera.value));
  if (elements.microphone) elements.microphone.addEventListener("change", () => change("audio", elements.microphone.value));
  if (elements.speaker) elements.speaker.addEventListener("change", () => { check.chosen.speaker = elements.speaker.value; });
  if (elements.speakerButton) {
    elements.speakerButton.addEventListener("click", async () => {
      elements.speakerButton.disabled = true;
      try { await playTone(check.chosen.speaker); result.speaker = "works"; } catch { result.speaker = "unsupported"; }
      elements.speakerButton.disabled = false;
      told();
    });
  }
  if (navigator.mediaDevices) navigator.mediaDevices.addEventListener("devicechange", lists);
  return check;
}
