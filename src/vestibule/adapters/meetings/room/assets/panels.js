/** What lies beside the pictures: chat, the choice of devices, and the notices that take the stage's place. */
import { fillSelect, listDevices, playTone } from "./devices.js";
import { icon, make } from "./tiles.js";

const LONGEST = 1000;

/** A cross that closes something. */
export function closeButton(texts, press) {
  const button = make("button", "room-close", "", { type: "button", "aria-label": texts.close });
  button.append(icon("close"));
  button.addEventListener("click", press);
  return button;
}

/** Chat: from browser to browser, in this page's memory only. */
export class Chat {
  /** @param on {say(text) -> how many it reached, news()} */
  constructor(texts, on) {
    this.texts = texts;
    this.element = make("aside", "room-panel room-chat", "", { "aria-label": texts.chat });
    this.element.hidden = true;
    const head = make("header");
    head.append(make("h2", "", texts.chat), closeButton(texts, () => this.toggle(false)));
    this.list = make("ol", "room-talk", "", { "aria-live": "polite", tabindex: "0", "aria-label": texts.chat });
    this.form = make("form");
    this.input = make("textarea", "", "", { rows: "2", maxlength: String(LONGEST), "aria-label": texts.message, placeholder: texts.message });
    this.form.append(this.input, make("button", "button primary", texts.send, { type: "submit" }));
    this.element.append(head, make("p", "room-keep", texts.chat_notice), this.list, this.form);
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.#say(on); });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.#say(on); }
    });
    this.element.addEventListener("keydown", (event) => { if (event.key === "Escape") this.toggle(false); });
  }

  toggle(open = this.element.hidden) {
    this.element.hidden = !open;
    if (open) { this.count = 0; this.input.focus(); } else if (this.opener) this.opener.focus();
    if (this.changed) this.changed();
  }

  #say(on) {
    const text = this.input.value.trim().slice(0, LONGEST);
    if (!text) return;
    if (!on.say(text)) return void this.#add("", this.texts.chat_alone, "room-hint");
    this.input.value = "";
    this.#add(this.texts.you, text, "room-mine");
  }

  /** Somebody wrote. */
  heard(name, text) {
    this.#add(name, String(text).slice(0, LONGEST), "");
    if (this.element.hidden) this.count = (this.count || 0) + 1;
    if (this.changed) this.changed();
  }

  #add(name, text, className) {
    const item = make("li", className);
    if (name) item.append(make("strong", "", name));
    item.append(make("span", "", text));
    this.list.append(item);
    while (this.list.children.length > 500) this.list.firstChild.remove();
    item.scrollIntoView({ block: "nearest" });
  }
}

/** The choice of camera, microphone and speaker, as a dialog. */
export class DevicePanel {
  /** @param on {choose(kind, id), speaker(id), current() -> {video, audio, speaker}} */
  constructor(texts, on) {
    Object.assign(this, { texts, on });
    this.element = make("dialog", "room-panel room-devices", "", { "aria-label": texts.devices });
    const head = make("header");
    head.append(make("h2", "", texts.devices), closeButton(texts, () => this.element.close()));
    this.camera = this.#row(texts.camera, (id) => on.choose("video", id));
    this.microphone = this.#row(texts.microphone, (id) => on.choose("audio", id));
    this.speaker = this.#row(texts.speaker, (id) => on.speaker(id));
    const test = make("button", "button", texts.test_speaker, { type: "button" });
    test.addEventListener("click", () => playTone(on.current().speaker).catch(() => {}));
    this.element.append(head, this.camera.row, this.microphone.row, this.speaker.row, test);
  }

  #row(label, choose) {
    const row = make("label", "room-row", "", { "data-device-row": "" });
    const select = make("select");
    select.addEventListener("change", () => choose(select.value));
    row.append(make("span", "", label), select);
    return { row, select };
  }

  async open() {
    const { cameras, microphones, speakers } = await listDevices();
    const now = this.on.current();
    fillSelect(this.camera.select, cameras, now.video, this.texts.camera);
    fillSelect(this.microphone.select, microphones, now.audio, this.texts.microphone);
    fillSelect(this.speaker.select, "setSinkId" in HTMLMediaElement.prototype ? speakers : [], now.speaker, this.texts.speaker);
    this.element.showModal();
  }
}

/** A notice in the middle of the stage: title, words, and presses ([text, what, kind]; a kind is "primary" or "danger"). */
export function notice(title, words, presses = []) {
  const element = make("div", "room-notice");
  element.append(make("h2", "", title));
  if (words) element.append(make("p", "", words));
  const row = make("div", "room-presses");
  for (const [text, press, kind = ""] of presses) {
    const button = make("button", `button ${kind}`, text, { type: "button" });
    button.addEventListener("click", () => press(button));
    row.append(button);
  }
  element.append(row);
  return element;
}

