/** The pictures of a visit: one tile a person, with their name, what is off, and how well the connection holds. */

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  mic: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5 11v1a7 7 0 0 0 14 0v-1M12 19v3",
  mic_off: "M3 3l18 18M9 9v3a3 3 0 0 0 5 2.2M15 11V6a3 3 0 0 0-5.9-.8M5 11v1a7 7 0 0 0 11.6 5.3M19 11v1c0 .8-.1 1.5-.4 2.2M12 19v3",
  camera: "M3 7a2 2 0 0 1 2-2h9a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM16 10l5-3v10l-5-3",
  camera_off: "M3 3l18 18M9.5 5H14a2 2 0 0 1 2 2v4.5l5-4.5v10l-2-1.300M16 16v1a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V7a2 2 0 0 1 1.6-1.96",
  share: "M3 5h18v12H3zM8 21h8M12 13V8M9.5 10.5L12 8l2.5 2.5",
  chat: "M4 5h16v11H10l-5 4v-4H4zM8 9h8M8 12.5h5",
  devices: "M4 7h10M18 7h2M4 17h2M10 17h10M16 7m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M8 17m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  leave: "M14 4H6v16h8M10 12h11M17.5 8.5L21 12l-3.5 3.5",
  end: "M3 15c5-5 13-5 18 0l-2 3-4-1.5v-2.700a11 11 0 0 0-6 0v2.700L5 18z",
  close: "M6 6l12 12M18 6L6 18",
};

/** A drawn symbol; decoration only, the words beside it speak. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "room-icon");
  svg.appendChild(document.createElementNS(SVG, "path")).setAttribute("d", ICONS[name]);
  return svg;
}

/** An element with a class, a text, and attributes. The text is text, never markup. */
export function make(tag, className = "", text = "", attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const initials = (name) => name.split(/\s+/).filter(Boolean).slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");

/** One person's picture. */
export class Tile {
  constructor(name, texts, { self = false } = {}) {
    this.element = make("figure", self ? "room-tile room-self" : "room-tile");
    this.video = make("video", "", "", { autoplay: "", playsinline: "" });
    this.video.muted = self;
    this.face = make("span", "room-face", initials(name), { "aria-hidden": "true" });
    this.caption = make("figcaption");
    this.name = make("span", "", name);
    this.mic = make("span", "room-badge");
    this.mic.append(icon("mic_off"), make("span", "room-hidden", texts.mic_off));
    this.weak = make("span", "room-weak", texts.weak);
    this.wait = make("span", "room-wait", texts.connecting);
    this.caption.append(this.mic, this.name, this.weak);
    this.element.append(this.face, this.video, this.wait, this.caption);
    this.set({ mic: true, cam: false, weak: false, waiting: !self });
  }

  /** Show what is known: {mic, cam, screen, weak, waiting}, each optional. */
  set(facts) {
    this.facts = { ...this.facts, ...facts };
    const { mic, cam, screen, weak, waiting } = this.facts;
    this.mic.hidden = mic;
    this.weak.hidden = !weak;
    this.wait.hidden = !waiting;
    this.element.classList.toggle("room-dark", !cam && !screen);
    this.element.classList.toggle("room-screen", Boolean(screen));
  }

  /** Play this stream; @returns false when the browser wants a press first */
  async play(stream) {
    if (!stream.getTracks().length) return true;  // nothing to play: the promise of `play` would never be kept
    if (this.video.srcObject !== stream) this.video.srcObject = stream;
    try { await this.video.play(); return true; } catch (error) { return error.name !== "NotAllowedError"; }
  }

  remove() {
    this.video.srcObject = null;
    this.element.remove();
  }
}
