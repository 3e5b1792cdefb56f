/**
 * The way into the room: a pass and relay credentials by HTTPS, signalling by WebSocket with back-off and resume, and a mesh of peers.
 *
 * A lost socket does not end the conversation: sound and picture go from browser to browser. It comes back under the same name,
 * keeps its peers, and repeats what may have been lost.
 */
import { Peer } from "./peer.js";

const PING_EVERY = 5000;
const SILENCE = 15000;  // ms without a word from the server before the socket is given up
const RELAY_STALE = 8 * 60 * 1000;  // relay credentials live ten minutes
const FRESHEN_EVERY = 5 * 60 * 1000;  // keeps them fresh, and tells the server that this page is in use
const FINAL = { 4001: "ended", 4003: "full" };
const REFUSED = { "room-not-admitted": "not_admitted", "room-closed": "ended", "room-full": "full" };
const BITS = [0, 1_500_000, 800_000, 500_000];

/** A name for this page, kept only in its memory. */
function pageName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Room {
  /**
   * @param on {people(list), tracks(person, stream), state(person, word), message(person, data), line("up"|"down"), elsewhere(bool), over(why)}
   */
  constructor({ signal, relay, on }) {
    Object.assign(this, { signal, relay, on, tracks: { audio: null, video: null }, people: new Map(), peers: new Map() });
    Object.assign(this, { window: pageName(), me: null, ice: null, iceAt: 0, ended: false, attempt: 0, watch: false, early: [] });
    this.changed = () => this.networkChanged();
    window.addEventListener("online", this.changed);
    this.freshen = setInterval(() => this.#pass(), FRESHEN_EVERY);
    if (navigator.connection && navigator.connection.addEventListener) navigator.connection.addEventListener("change", this.changed);
  }

  /** Come in, or only watch whether the person sits in another window; stays until `leave` or an "over". */
  async join({ watch = false } = {}) {
    this.watch = watch;
    if (this.running) return this.running;
    this.running = this.#run();
    return this.running;
  }

  /** Take the seat here after watching. */
  take() {
    this.watch = false;
    if (this.socket) this.socket.close(1000);
  }

  /** Go at once. */
  leave() {
    this.#send({ t: "leave" });
    this.#end("left");
  }

  /** Carry this track to everyone from now on. */
  async carry(kind, track) {
    this.tracks[kind] = track;
    await Promise.all([...this.peers.values()].map((peer) => peer.carry(kind, track)));
  }

  /** Tell everybody; @returns how many were reached */
  say(message) {
    return [...this.peers.values()].filter((peer) => peer.say(message)).length;
  }

  /** The network under us is another one: check the socket, find new ways to everyone. */
  networkChanged() {
    if (this.ended) return;
    if (this.wake) this.wake();
    this.#send({ t: "ping" });
    clearTimeout(this.doubt);
    const heard = this.heard;
    this.doubt = setTimeout(() => { if (this.heard === heard && this.socket) this.socket.close(); }, 3000);
    for (const id of this.peers.keys()) this.#restart(id);
  }

  async #run() {
    while (!this.ended) {
      const pass = await this.#pass();
      if (this.ended) return;
      if (pass) await this.#talk(pass);
      if (this.ended) return;
      const wait = Math.min(5000, 250 * 2 ** this.attempt) * (0.5 + Math.random());
      this.attempt += 1;
      await new Promise((done) => { this.wake = done; setTimeout(done, wait); });
    }
  }

  /** A fresh pass and relay credentials, or null to try again later; a clear refusal ends it. */
  async #pass() {
    try {
      const answer = await fetch(this.relay, { credentials: "same-origin", headers: { Accept: "application/json" }, cache: "no-store" });
      const body = await answer.json().catch(() => ({}));
      if (answer.ok) {
        this.ice = { iceServers: body.iceServers, iceTransportPolicy: body.iceTransportPolicy || "all" };
        this.iceAt = Date.now();
        return body.token;
      }
      if (answer.status === 401) this.#end("session");
      else if (REFUSED[body.code]) this.#end(REFUSED[body.code]);
    } catch { /* no network: later */ }
    return null;
  }

  /** One socket's life. */
  #talk(token) {
    return new Promise((done) => {
      const url = new URL(this.signal, location.href);
      url.protocol = url.protocol.replace("http", "ws");
      const socket = new WebSocket(url);
      this.socket = socket;
      this.heard = Date.now();
      const beat = setInterval(() => {
        if (Date.now() - this.heard > SILENCE) socket.close();
        else this.#send({ t: "ping" });
      }, PING_EVERY);
      socket.onopen = () => this.#send({ t: "join", token, window: this.window, watch: this.watch });
      socket.onmessage = ({ data }) => { this.heard = Date.now(); if (this.socket === socket) this.#heard(JSON.parse(data)); };
      socket.onclose = ({ code }) => {
        clearInterval(beat);
        if (FINAL[code]) this.#end(this.why || FINAL[code]);
        else if (!this.ended) this.on.line("down");
        done();
      };
    });
  }

  #send(message) {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #heard(message) {
    if (message.t === "welcome") this.#welcome(message);
    else if (message.t === "roster") this.#roster(message);
    else if (message.t === "signal") this.#signal(message);
    else if (message.t === "over") this.why = message.why;
  }

  #welcome(message) {
    this.attempt = 0;
    if (this.me !== message.peer) this.#forget();  // our seat was given up meanwhile: everything starts anew
    this.me = message.peer;
    this.on.line("up");
    this.on.elsewhere(message.elsewhere);
    if (message.watch) return;
    this.#people(message.people, true);
    for (const peer of this.peers.values()) peer.resync();
  }

  #roster(message) {
    this.on.elsewhere(message.elsewhere);
    if (message.elsewhere) this.watch = true;  // a lost socket must not take the seat back
    if (this.watch) this.#forget();
    else this.#people(message.people, false);
  }

  /** The list is the whole truth: meet who is new, drop who is gone, repeat to who was away. */
  #people(list, came) {
    const others = new Map(list.filter((person) => person.peer !== this.me).map((person) => [person.peer, person]));
    for (const id of this.peers.keys()) if (!others.has(id)) this.#drop(id);
    for (const [id, person] of others) {
      const known = this.people.get(id);
      this.people.set(id, person);
      if (known && known.gen !== person.gen && this.peers.has(id)) this.peers.get(id).resync();
      if (came && !this.peers.has(id)) this.#meet(id).start();
    }
    this.on.people([...others.values()]);
    for (const message of this.early.splice(0)) if (others.has(message.from)) this.#signal(message);
    for (const peer of this.peers.values()) peer.limit(BITS[Math.min(3, this.peers.size)]);
  }

  #meet(id) {
    const person = () => this.people.get(id);
    const peer = new Peer({
      me: this.me, peer: id, ice: this.ice, tracks: this.tracks,
      on: {
        signal: (message) => this.#send({ t: "signal", to: id, ...message }),
        tracks: (stream) => person() && this.on.tracks(person(), stream),
        message: (data) => person() && this.on.message(person(), data),
        state: (word) => (word === "restart" ? this.#restart(id) : person() && this.on.state(person(), word)),
      },
    });
    this.peers.set(id, peer);
    return peer;
  }

  #signal({ from, description, candidate }) {
    if (!this.people.has(from)) {  // their offer may overtake the list that introduces them
      if (this.early.length < 100) this.early.push({ from, description, candidate });
      return;
    }
    if (!this.peers.has(from)) {
      if (!description || description.type !== "offer") return;
      this.#meet(from);
    }
    this.peers.get(from).receive({ description, candidate });
  }

  async #restart(id) {
    if (Date.now() - this.iceAt > RELAY_STALE) await this.#pass();
    if (this.peers.has(id)) this.peers.get(id).restart(this.ice);
  }

  #drop(id) {
    this.peers.get(id).close();
    this.peers.delete(id);
    this.people.delete(id);
  }

  #forget() {
    for (const id of [...this.peers.keys()]) this.#drop(id);
    this.people.clear();
    this.on.people([]);
  }

  #end(why) {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.freshen);
    window.removeEventListener("online", this.changed);
    if (navigator.connection && navigator.connection.removeEventListener) navigator.connection.removeEventListener("change", this.changed);
    this.#forget();
    if (this.wake) this.wake();
    if (this.socket) this.socket.close(1000);
    this.on.over(why);
  }
}
