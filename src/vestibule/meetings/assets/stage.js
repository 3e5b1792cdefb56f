/**
 * The stage of a visit whose meeting is elsewhere: nothing of it plays in our page; the meeting opens beside it, or in its place.
 *
 *   import { mountStage } from "/assets/meetings/stage.js";
 *   const stage = mountStage(element, { stream, live: false, onLeave: () => {} });
 *   stage.update({ ready: true });
 *
 * `element` carries data-meeting (the door: it leads on to the meeting whoever may go there, and nobody else), and in a frame
 * data-handoff: pages of Microsoft refuse frames, and a window opened from a frame has none of its cookies. What the page shows is
 * rendered by the server (templates/meetings). Buttons: data-open = window | app | here | microsoft, data-do = leave; with data-again the
 * way that was taken before is taken again, so that nobody is in the call twice.
 *
 * With data-visitor it is the stage of somebody who was let in: `live` says that it happened while they watched, and then they are taken
 * there as soon as there is a meeting. Who reloads or comes back finds a button instead, so that Back never throws them forth again.
 */
import { openOwnWindow } from "../web/own-window.js";

const SIZES = { meeting: "width=1280,height=820", "meeting/app": "width=520,height=560", microsoft: "width=560,height=720" };
const PATIENCE = 8000;
const PAGES = { window: "meeting", app: "meeting/app", microsoft: "microsoft" };

/** Put the stage to work. @returns {{update(facts), leave(), destroy()}} */
export function mountStage(element, options = {}) {
  return new Stage(element, options);
}

class Stage {
  constructor(element, options) {
    this.element = element;
    this.options = { onLeave() {}, stream: null, live: false, ready: false, ...options };
    this.texts = JSON.parse(document.getElementById("meeting-texts").textContent);
    this.windows = {};
    this.pressed = (event) => this.#press(event);
    element.addEventListener("click", this.pressed);
    element.inert = false;  // until now a press would have been lost
    for (const track of this.options.stream?.getTracks() ?? []) track.stop();  // the meeting wants the camera for itself
    // Who watched themselves being let in, or finds no meeting yet, goes there by itself; in a frame only a press opens a window.
    this.waits = "visitor" in element.dataset && !element.dataset.handoff && (this.options.live || !this.options.ready);
    addEventListener("pageshow", this.shown = (event) => { if (event.persisted) element.dataset.going = ""; });
    this.update({ ready: this.options.ready });
  }

  /** What has become known: `ready`, there is a meeting to go to. */
  update({ ready }) {
    this.element.dataset.ready = ready ? "yes" : "";
    if (!ready || !this.waits) return;
    this.waits = false;
    this.#here();
  }

  /** Nothing of ours is in the meeting: there is nothing to leave but the page. */
  leave() { this.waits = false; }

  /** Take the presses away. What was opened stays open: it is the person's own. */
  destroy() {
    this.leave();
    this.element.removeEventListener("click", this.pressed);
    removeEventListener("pageshow", this.shown);
  }

  #press(event) {
    const button = event.target.closest("[data-open], [data-do]");
    if (!button || button.disabled) return;
    if (button.dataset.do === "leave") { this.options.onLeave(); return; }
    if ("inPlace" in button.dataset) { location.assign(this.#page(PAGES[button.dataset.open])); return; }
    const how = ("again" in button.dataset && this.last) || button.dataset.open;
    if (how !== "microsoft") this.last = how;
    if (how === "here") this.#here();
    else this.#beside(how);
  }

  #page(to) { return this.element.dataset.meeting.replace(/meeting$/, to); }

  #here() {
    this.element.dataset.going = "yes";
    setTimeout(() => { this.element.dataset.going = ""; }, PATIENCE);  // still here: the line is down, and a press may try again
    location.assign(this.element.dataset.meeting);
  }

  async #beside(how) {
    const to = PAGES[how];
    const known = this.windows[to];
    if (known && !known.closed && to === "meeting") { known.focus(); return; }
    this.#say(this.texts.opening);
    try {
      const { window: opened, url } = await this.#open(to);
      this.windows[to] = opened;
      if (!opened) this.#offer(url);
      else this.#say({ window: this.texts.opened, app: this.texts.app }[how] || "");
    } catch { this.#say(this.texts.failed); }
  }

  /** In a frame with a one-time ticket, else directly: the window has our cookie then. */
  async #open(to) {
    const { handoff, meeting } = this.element.dataset;
    const name = `vestibule-${meeting}-${to}`;
    if (handoff) return openOwnWindow(handoff, name, to, SIZES[to]);
    const url = this.#page(to);
    const opened = window.open("about:blank", name, `popup,${SIZES[to]}`);
    if (opened) { opened.opener = null; opened.location.replace(url); }
    return { window: opened, url };
  }

  /** The window was blocked: a link that the person presses is not. */
  #offer(url) {
    const link = document.createElement("a");
    Object.assign(link, { href: url, target: "_blank", rel: "noopener", textContent: this.texts.blocked });
    clearTimeout(this.saying);
    this.#place()?.replaceChildren(link);
  }

  #place() { return this.element.querySelector("[data-at=said]"); }

  /** For a while: by then the meeting itself says how it stands. */
  #say(text) {
    const place = this.#place();
    if (!place) return;
    place.textContent = text;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { place.textContent = ""; }, PATIENCE);
  }
}
