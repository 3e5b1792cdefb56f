/**
 * The stage: everything a person sees of a visit in progress. Load it on admission, not before.
 *
 *   import { mountStage } from "/assets/room/stage.js";
 *   const stage = mountStage(element, { stream, name, onOver: (why) => {}, onLeave: () => {}, onEnd: () => {} });
 *
 * `element` carries data-signal, data-relay, and in a frame data-handoff. Texts are in the block `stage-texts`
 * (templates/room/stage_texts.html). Who has `onEnd` gets the button "End for all".
 */
import { fill, frameDenies, openDevices, openOne, problemOf, readTexts, showHelp } from "./devices.js";
import { openOwnWindow } from "../web/own-window.js";
import { Chat, DevicePanel, closeButton, notice } from "./panels.js";
import { Room } from "./room.js";
import { Tile, icon, make } from "./tiles.js";

const LOOK_EVERY = 4000;
const WEAK = { loss: 0.06, rtt: 0.8, times: 2 };

/** Put the stage into `element` and come into the room. @returns {{leave(), destroy(), room}} */
export function mountStage(element, options = {}) {
  return new Stage(element, options);
}

class Stage {
  constructor(element, options) {
    this.options = { onOver() {}, onLeave: null, onEnd: null, onState() {}, name: "", ...options };
    this.element = element;
    this.texts = { ...readTexts("device-texts"), ...readTexts("stage-texts"), ...options.texts };
    this.stream = options.stream || null;
    this.now = { mic: true, cam: true, screen: false };
    this.chosen = { speaker: "" };
    this.tiles = new Map();
    this.#build();
    this.room = new Room({
      signal: element.dataset.signal, relay: element.dataset.relay,
      on: {
        people: (list) => this.#people(list),
        tracks: (person, stream) => this.#play(person.peer, stream),
        state: (person, word) => this.#state(person, word),
        message: (person, data) => this.#message(person, data),
        line: (word) => this.#line(word),
        elsewhere: (on) => this.#elsewhere(on),
        over: (why) => this.#over(why),
      },
    });
    this.ready = this.#start();
  }

  /** Leave the room and let go of the devices; the page tells the visit. */
  leave() { this.room.leave(); }

  /** Take everything away. */
  destroy() {
    this.room.leave();
    this.#letGo();
    this.element.replaceChildren();
  }

  #build() {
    const { texts, options } = this;
    this.root = make("section", "room", "", { "data-people": "0", "aria-label": options.label || texts.controls });
    this.grid = make("div", "room-grid");
    this.self = new Tile(options.name || texts.you, texts, { self: true });
    this.self.name.textContent = texts.you;
    this.banner = make("p", "room-banner");
    this.help = make("div", "room-help", "", { role: "alert" });
    this.middle = make("div", "room-middle");
    this.status = make("p", "room-hidden", "", { role: "status", "aria-live": "polite" });
    this.chat = new Chat(texts, { say: (text) => this.room.say({ t: "chat", text }) });
    this.devices = new DevicePanel(texts, {
      choose: (kind, id) => this.#choose(kind, id),
      speaker: (id) => this.#speaker(id),
      current: () => ({ video: this.#idOf("video"), audio: this.#idOf("audio"), speaker: this.chosen.speaker }),
    });
    this.bar = this.#bar();
    this.chat.opener = this.buttons.chat;
    this.chat.changed = () => this.#refresh();
    this.banner.hidden = this.help.hidden = this.middle.hidden = true;
    this.grid.append(this.self.element);
    const view = make("div", "room-view");
    view.append(this.grid, this.banner, this.help, this.middle, this.bar);
    this.root.append(view, this.chat.element, this.devices.element, this.status);
    this.element.replaceChildren(this.root);
    this.#refresh();
  }

  #bar() {
    const bar = make("div", "room-bar", "", { role: "toolbar", "aria-label": this.texts.controls });
    this.buttons = {};
    const add = (key, symbol, press, className = "") => {
      const button = make("button", `room-button ${className}`, "", { type: "button" });
      button.append(icon(symbol), make("span", "", this.texts[key]));
      button.addEventListener("click", press);
      this.buttons[key] = button;
      bar.append(button);
    };
    add("mute", "mic", () => this.#toggle("mic"));
    add("camera_off", "camera", () => this.#toggle("cam"));
    if (navigator.mediaDevices && navigator.mediaDevices.getDisplayMedia) add("share", "share", () => this.#share());
    add("chat", "chat", () => this.chat.toggle());
    add("devices", "devices", () => this.devices.open());
    add("leave", "leave", () => this.#leave(), "room-leave");
    if (this.options.onEnd) add("end", "end", () => this.#askEnd(), "room-end");
    return bar;
  }

  async #start() {
    if (!this.stream && this.element.dataset.handoff && frameDenies()) return this.#offerWindow();
    if (!this.stream || !this.stream.getTracks().some((track) => track.readyState === "live")) {
      const { stream, problems } = await openDevices();
      this.stream = stream;
      const problem = problems.audio || problems.video;
      if (problem === "framed" && this.element.dataset.handoff) return this.#offerWindow();
      if (problem) this.#help(problem);
    }
    return this.#enter();
  }

  async #enter() {
    this.middle.hidden = true;
    this.root.classList.remove("room-away");
    for (const kind of ["audio", "video"]) await this.#carry(kind, this.#track(kind));
    if (this.room.running) this.room.take();
    else this.room.join();
    clearInterval(this.looking);
    this.looking = setInterval(() => this.#look(), LOOK_EVERY);
  }

  #track(kind) { return (this.stream && this.stream.getTracks().find((track) => track.kind === kind && track.readyState === "live")) || null; }

  #idOf(kind) { const track = this.#track(kind); return track ? track.getSettings().deviceId : ""; }

  async #carry(kind, track) {
    if (track) track.enabled = kind === "audio" ? this.now.mic : this.now.cam || this.now.screen;
    if (kind === "audio") this.now.mic = Boolean(track) && this.now.mic;
    else if (!this.now.screen) this.now.cam = Boolean(track) && this.now.cam;
    await this.room.carry(kind, track);
    if (this.stream) this.self.play(this.now.screen ? this.screen : this.stream);
    this.#tell();
  }

  // what the buttons do

  async #toggle(what) {
    const kind = what === "mic" ? "audio" : "video";
    this.now[what] = !this.now[what];
    const track = this.#track(kind);
    if (this.now[what] && !track) return this.#choose(kind, "");
    if (track) track.enabled = this.now[what];
    this.#say(this.texts[what === "mic" ? (this.now.mic ? "unmuted" : "muted") : (this.now.cam ? "camera_is_on" : "camera_is_off")]);
    return this.#tell();
  }

  async #choose(kind, id) {
    const old = this.#track(kind);
    if (old) { old.stop(); this.stream.removeTrack(old); }
    this.now[kind === "audio" ? "mic" : "cam"] = true;
    try {
      const track = await openOne(kind, id);
      this.stream.addTrack(track);
      this.#help("");
      if (kind === "video" && this.now.screen) return;
      await this.#carry(kind, track);
    } catch (error) {
      this.#help(problemOf(error));
      await this.#carry(kind, null);
    }
  }

  #speaker(id) {
    this.chosen.speaker = id;
    for (const tile of this.tiles.values()) if (tile.video.setSinkId) tile.video.setSinkId(id).catch(() => {});
  }

  async #share() {
    if (this.now.screen) return this.#unshare();
    try {
      this.screen = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false });
    } catch (error) {
      if (error.name !== "NotAllowedError") this.#banner(this.texts.share_failed, 5000);
      return;
    }
    const [track] = this.screen.getVideoTracks();
    if ("contentHint" in track) track.contentHint = "detail";
    track.addEventListener("ended", () => this.#unshare());
    this.now.screen = true;
    await this.#carry("video", track);
    this.#say(this.texts.sharing);
  }

  async #unshare() {
    if (!this.now.screen) return;
    this.now.screen = false;
    for (const track of this.screen.getTracks()) track.stop();
    await this.#carry("video", this.#track("video"));
  }

  #leave() {
    this.room.leave();
    if (this.options.onLeave) this.options.onLeave();
  }

  #askEnd() {
    const { texts } = this;
    this.#middle(notice(texts.end_sure, "", [
      [texts.end_no, () => { this.middle.hidden = true; this.buttons.end.focus(); }],
      [texts.end_yes, () => { this.middle.hidden = true; this.options.onEnd(); }, "danger"],
    ]));
  }

  // what the room says

  #people(list) {
    const here = new Map(list.map((person) => [person.peer, person]));
    for (const [peer, tile] of this.tiles) {
      if (here.has(peer)) continue;
      tile.remove();
      this.tiles.delete(peer);
      if (!this.away) this.#say(fill(this.texts.gone, { name: tile.person }));
    }
    for (const person of list) if (!this.tiles.has(person.peer)) this.#meet(person);
    this.root.dataset.people = String(this.tiles.size);
    this.#refresh();
    this.options.onState({ people: list });
  }

  #meet(person) {
    const name = person.name || this.texts[person.role] || this.texts.guest;
    const tile = new Tile(name, this.texts);
    tile.person = name;
    this.tiles.set(person.peer, tile);
    this.grid.insertBefore(tile.element, this.self.element);
    if (this.chosen.speaker) this.#speaker(this.chosen.speaker);
    this.#say(fill(this.texts.joined, { name }));
  }

  async #play(peer, stream) {
    const tile = this.tiles.get(peer);
    if (tile && !(await tile.play(stream))) this.#middle(notice(this.texts.play, "", [[this.texts.play, () => {
      this.middle.hidden = true;
      for (const one of this.tiles.values()) one.video.play();
    }, "primary"]]));
  }

  #state(person, word) {
    const tile = this.tiles.get(person.peer);
    if (tile && word === "connected") tile.set({ waiting: false });
    if (tile && (word === "disconnected" || word === "failed")) tile.set({ waiting: true });
    if (word === "open") this.#tell();
  }

  #message(person, data) {
    const tile = this.tiles.get(person.peer);
    if (!tile || !data) return;
    if (data.t === "chat" && typeof data.text === "string") {
      this.chat.heard(tile.person, data.text);
      if (this.chat.element.hidden) this.#say(fill(this.texts.chat_new, { name: tile.person }));
    }
    if (data.t === "state") {
      if (data.screen && !tile.facts.screen) this.#say(fill(this.texts.shared, { name: tile.person }));
      tile.set({ mic: data.mic === true, cam: data.cam === true, screen: data.screen === true });
    }
  }

  #line(word) {
    if (word === "down") this.#banner(this.texts.reconnecting);
    else if (this.wasDown) this.#banner(this.texts.back, 3000);
    this.wasDown = word === "down";
    this.up = word === "up";
    this.#refresh();
  }

  #elsewhere(on) {
    if (on === Boolean(this.away) && !this.offered) return;
    const { texts } = this;
    this.away = on;
    this.root.classList.toggle("room-away", on);
    if (!on) { if (this.offered) this.#offerWindow(); else this.middle.hidden = true; return; }
    this.#letGo();
    this.offered = true;
    this.#middle(notice(texts.elsewhere, texts.elsewhere_why, [
      ...(this.element.dataset.handoff ? [[texts.focus, () => this.#openWindow(), "primary"]] : []),
      [texts.bring_back, () => this.#bringBack()],
    ]));
  }

  #over(why) {
    this.#letGo();
    this.root.classList.add("room-away");
    const again = why === "full" ? [[this.texts.again, () => mountStage(this.element, { ...this.options, stream: null }), "primary"]] : [];
    this.#middle(notice(this.texts[`over.${why}`] || this.texts["over.left"], "", again));
    if (why !== "full") this.options.onOver(why);  // the visit did not change: the page has nothing to do
  }

  // the own window

  /** The frame denies the devices: watch from here, and offer the window. */
  #offerWindow() {
    const { texts } = this;
    this.offered = true;
    this.root.classList.add("room-away");
    this.#middle(notice(texts.own_window, texts.own_window_why, [
      [texts.own_window, () => this.#openWindow(), "primary"],
      [texts.join_without, () => { this.offered = false; this.#enter(); }],
    ]));
    if (!this.room.running) this.room.join({ watch: true });
  }

  async #openWindow() {
    if (this.away && this.opened && !this.opened.closed) return this.opened.focus();
    try {
      const { window: opened, url } = await openOwnWindow(this.element.dataset.handoff, `vestibule-${this.element.dataset.signal}`);
      this.opened = opened;
      if (opened) return undefined;
      const link = make("a", "button primary", this.texts.own_window_link, { href: url, target: "_blank", rel: "noopener" });
      return this.middle.querySelector(".room-presses").replaceChildren(link);
    } catch {
      return this.#banner(this.texts.reconnecting, 4000);
    }
  }

  async #bringBack() {
    this.offered = this.away = false;
    this.stream = null;
    await this.#start();
  }

  // small things

  /** Tell the others, and show here, what is on. */
  #tell() {
    this.room.say({ t: "state", ...this.now });
    this.self.set({ ...this.now, waiting: false });
    this.#refresh();
    this.options.onState({ ...this.now });
  }

  #refresh() {
    const { texts, now, buttons } = this;
    const show = (button, on, words, symbol, spoken = words) => {
      if (!button) return;
      button.classList.toggle("room-on", on);
      button.setAttribute("aria-label", spoken);
      button.replaceChildren(icon(symbol), make("span", "", words));
    };
    show(buttons.mute, !now.mic, now.mic ? texts.mute : texts.unmute, now.mic ? "mic" : "mic_off");
    show(buttons.camera_off, !now.cam, texts.camera, now.cam ? "camera" : "camera_off", now.cam ? texts.camera_off : texts.camera_on);
    show(buttons.share, now.screen, now.screen ? texts.share_stop : texts.share, "share");
    show(buttons.chat, !this.chat.element.hidden, texts.chat, "chat", this.chat.count ? `${texts.chat} (${this.chat.count})` : texts.chat);
    buttons.chat.setAttribute("aria-expanded", String(!this.chat.element.hidden));
    if (this.chat.count) buttons.chat.append(make("b", "room-count", String(this.chat.count)));
    this.root.classList.toggle("room-chatting", !this.chat.element.hidden);
    const alone = this.up && !this.tiles.size && !this.away && !this.wasDown;
    if (alone) this.#banner(texts.alone);
    else if (this.banner.textContent === texts.alone) this.banner.hidden = true;
  }

  async #look() {
    let mine = false;
    for (const [peer, tile] of this.tiles) {
      const connection = this.room.peers.get(peer);
      if (!connection || connection.state !== "connected") continue;
      const { in: lostIn, out, rtt } = await connection.health();
      tile.times = lostIn > WEAK.loss || out > WEAK.loss || rtt > WEAK.rtt ? (tile.times || 0) + 1 : 0;
      tile.set({ weak: tile.times >= WEAK.times });
      mine = mine || (out > WEAK.loss && tile.times >= WEAK.times);
    }
    if (mine && this.now.cam) this.#banner(this.texts.weak_you, LOOK_EVERY + 500);
  }

  #letGo() {
    clearInterval(this.looking);
    for (const source of [this.stream, this.screen]) if (source) for (const track of source.getTracks()) track.stop();
    this.now.screen = false;
    this.self.video.srcObject = null;
  }

  #help(problem) {
    showHelp(this.help, problem, this.texts);
    if (problem) this.help.append(closeButton(this.texts, () => { this.help.hidden = true; }));
  }

  #middle(content) {
    this.middle.replaceChildren(content);
    this.middle.hidden = false;
    const first = content.querySelector("button");
    if (first) first.focus({ preventScroll: true });
  }

  #banner(words, ms = 0) {
    clearTimeout(this.bannerTimer);
    if (this.banner.textContent !== words || this.banner.hidden) this.#say(words);
    this.banner.textContent = words;
    this.banner.hidden = false;
    if (ms) this.bannerTimer = setTimeout(() => { this.banner.hidden = true; this.#refresh(); }, ms);
  }

  #say(words) { this.status.textContent = words; }
}
