/**
 * What happens, as it happens: a stream that comes back by itself, from where it was.
 *
 *   const stream = live("/s/…/live", { after: 12, onEvent: (event) => {}, onAgain: () => {}, onDelayed: (yes) => {} });
 */
const SILENCE = 50_000;  // the server says something every 20 seconds
const DELAYED = 5_000;

/**
 * @param url of the stream
 * @param options
 *   after: the number of the last event the page knows;
 *   onEvent(data): one event;
 *   onAgain(): the page should read its state anew (the stream was away, or has too much to tell);
 *   onDelayed(yes): for more than a moment there is no stream / there is one again;
 *   onOver(): the session is over; the stream does not come back.
 */
export function live(url, { after = 0, onEvent = () => {}, onAgain = () => {}, onDelayed = () => {}, onOver = () => {} } = {}) {
  let last = after, source = null, failures = 0, delayed = false, silence = 0, patience = 0, retry = 0, stopped = false;

  function heard() {
    clearTimeout(silence);
    silence = setTimeout(lost, SILENCE);
  }

  function well() {
    failures = 0;
    clearTimeout(patience);
    patience = 0;
    if (delayed) { delayed = false; onDelayed(false); onAgain(); }
    heard();
  }

  function ill() {
    if (!patience && !delayed) patience = setTimeout(() => { patience = 0; delayed = true; onDelayed(true); }, DELAYED);
  }

  /** The browser comes back by itself after a cut line; not after a refusal, and not while it believes in a dead one. */
  function lost() {
    if (stopped) return;
    source.close();
    ill();
    failures += 1;
    const wait = Math.min(30_000, 500 * 2 ** failures) * (0.5 + Math.random());
    clearTimeout(retry);
    retry = setTimeout(() => { onAgain(); open(); }, wait);
  }

  function open() {
    if (stopped) return;
    source = new EventSource(`${url}?after=${last}`);
    source.addEventListener("open", well);
    source.addEventListener("beat", heard);
    source.addEventListener("resync", () => { heard(); onAgain(); });
    source.addEventListener("session-over", () => { stop(); onOver(); });
    source.addEventListener("message", (message) => {
      heard();
      last = Number(message.lastEventId) || last;
      onEvent(JSON.parse(message.data));
    });
    source.addEventListener("error", () => {
      ill();
      if (source.readyState === EventSource.CLOSED) lost();
    });
    clearTimeout(silence);
    silence = setTimeout(lost, SILENCE);
  }

  function stop() {
    stopped = true;
    for (const timer of [silence, patience, retry]) clearTimeout(timer);
    source.close();
  }

  function awake() {
    if (document.visibilityState === "visible" && source.readyState === EventSource.CLOSED && !stopped) { failures = 0; lost(); }
  }

  addEventListener("online", () => { if (!stopped && source.readyState !== EventSource.OPEN) { failures = 0; lost(); } });
  document.addEventListener("visibilitychange", awake);
  open();
  return { stop, moved(to) { last = to; source.close(); open(); } };
}

/** POST a JSON action. @returns the answer's JSON, or null; throws an Error with the sentence for the person */
export async function press(url, body = {}) {
  let answer;
  try {
    answer = await fetch(url, {
      method: "POST", credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(body),
    });
  } catch { throw new Error(""); }
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw Object.assign(new Error((said && said.detail) || ""), { status: answer.status });
  return said;
}

/** One call of `work` at a time; a call that comes meanwhile makes it run once more afterwards. */
export function oneAtATime(work) {
  let running = false, again = false;
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    try { await work(); } finally {
      running = false;
      if (again) { again = false; run(); }
    }
  };
}

/** The texts of the page: a JSON block. */
export const texts = (id) => JSON.parse(document.getElementById(id).textContent);

/** "{name} arrived" with {name: "Amy"}. */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, key) => (key in values ? String(values[key]) : all));

let audio = null;

/** Let sounds be heard later: browsers allow them only after a press. */
export function unlockSound() {
  audio = audio || new (window.AudioContext || window.webkitAudioContext)();
  if (audio.state === "suspended") audio.resume().catch(() => {});
}

/** Whether a sound would be heard. */
export const soundReady = () => Boolean(audio) && audio.state === "running";

/** Notes, one after the other; generated, so that there is nothing to load. */
export function chime(notes = [659.25, 523.25]) {
  if (!soundReady()) return;
  for (const [index, note] of notes.entries()) {
    const at = audio.currentTime + 0.02 + index * 0.22;
    const tone = audio.createOscillator(), loud = audio.createGain();
    tone.type = "sine";
    tone.frequency.value = note;
    loud.gain.setValueAtTime(0, at);
    loud.gain.linearRampToValueAtTime(0.3, at + 0.03);
    loud.gain.exponentialRampToValueAtTime(0.001, at + 0.7);
    tone.connect(loud).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.75);
  }
}
