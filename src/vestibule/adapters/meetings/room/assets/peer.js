/**
 * One connection to one other person: perfect negotiation (W3C WebRTC 10.7), ICE restart, a side channel, and a judgement of quality.
 *
 * Who comes into the room offers; who is there answers. One sound and one picture line each way are made at the start and never
 * again: muting, another camera, and screen sharing only swap what they carry, so nothing has to be negotiated anew.
 */

const RESTART_AFTER = 2500;  // ms of "disconnected" before we act: short gaps heal by themselves
const START_WITHIN = 12000;  // ms for a connection to come up before ICE is started over
const MESSAGE_LIMIT = 4000;

export class Peer {
  /** @param on {signal(message), state(word), tracks(stream), message(data)}; `me` and `peer` are the server's names for both ends */
  constructor({ me, peer, ice, tracks, on }) {
    Object.assign(this, { peer, tracks, on, polite: me > peer, making: false, ignoring: false, closed: false, before: null });
    this.work = Promise.resolve();
    this.ice = { ...ice, bundlePolicy: "max-bundle" };
    this.#open();
  }

  #open() {
    const { on } = this;
    const pc = new RTCPeerConnection(this.ice);
    this.pc = pc;
    this.stream = new MediaStream();
    this.channel = null;
    this.making = false;
    pc.onnegotiationneeded = () => this.#offer();
    pc.onicecandidate = ({ candidate }) => { if (candidate && this.pc === pc) on.signal({ candidate: candidate.toJSON() }); };
    pc.onconnectionstatechange = () => { if (this.pc === pc) this.#changed(); };
    pc.ontrack = ({ track }) => { this.stream.addTrack(track); on.tracks(this.stream); };
  }

  get state() { return this.pc.connectionState; }

  /** Begin, as the one who came in. */
  start() {
    this.making = true;  // an offer that comes before the browser asks for ours meets it all the same
    for (const kind of ["audio", "video"]) this.pc.addTransceiver(this.tracks[kind] || kind, { direction: "sendrecv" });
    this.#channel();
    this.#watch(START_WITHIN);
  }

  /** What the other side signalled; handled one after the other. */
  receive(message) {
    this.work = this.work.then(() => this.#receive(message)).catch((error) => { if (!this.closed) console.warn("room: signal", error.name); });
    return this.work;
  }

  async #receive({ description, candidate }) {
    if (this.closed) return;
    if (candidate) {
      try { await this.pc.addIceCandidate(candidate); } catch (error) { if (!this.ignoring) throw error; }
      return;
    }
    if (!description) return;
    const collision = description.type === "offer" && (this.making || this.pc.signalingState !== "stable");
    this.ignoring = collision && !this.polite;
    if (this.ignoring) return;
    if (collision && !this.pc.currentRemoteDescription) {  // both began at once: ours had lines of its own, so begin again as the answerer
      this.pc.close();
      this.#open();
    }
    await this.pc.setRemoteDescription(description);
    if (description.type !== "offer") return;
    await this.#adopt();
    await this.pc.setLocalDescription();
    this.on.signal({ description: this.pc.localDescription.toJSON() });
  }

  /** Answer with our own sound and picture on the lines the offer brought. */
  async #adopt() {
    for (const line of this.pc.getTransceivers()) {
      line.direction = "sendrecv";
      await line.sender.replaceTrack(this.tracks[line.receiver.track.kind] || null);
    }
    this.#channel();
  }

  async #offer() {
    try {
      this.making = true;
      await this.pc.setLocalDescription();
      this.on.signal({ description: this.pc.localDescription.toJSON() });
    } catch (error) {
      if (!this.closed) console.warn("room: offer", error.name);
    } finally {
      this.making = false;
    }
  }

  /** Chat and small states go straight to the other browser, encrypted end to end; the server never sees them. */
  #channel() {
    if (this.channel) return;
    this.channel = this.pc.createDataChannel("side", { negotiated: true, id: 0 });
    this.channel.onopen = () => this.on.state("open");
    this.channel.onmessage = ({ data }) => {
      if (typeof data !== "string" || data.length > MESSAGE_LIMIT) return;
      try { this.on.message(JSON.parse(data)); } catch { /* not ours */ }
    };
  }

  /** Say something over the side channel. @returns false when it is not open */
  say(message) {
    if (!this.channel || this.channel.readyState !== "open") return false;
    this.channel.send(JSON.stringify(message));
    return true;
  }

  /** Carry another track, or none. */
  async carry(kind, track) {
    this.tracks = { ...this.tracks, [kind]: track };
    const line = this.pc.getTransceivers().find((one) => one.receiver.track.kind === kind);
    if (line) await line.sender.replaceTrack(track || null);
  }

  /** Spend at most so many bits a second on our picture; a mesh sends it once to each person. */
  async limit(bits) {
    const line = this.pc.getTransceivers().find((one) => one.receiver.track.kind === "video");
    if (!line || !line.sender.getParameters) return;
    const wish = line.sender.getParameters();
    if (!wish.encodings || !wish.encodings.length) return;
    wish.encodings[0].maxBitrate = bits;
    try { await line.sender.setParameters(wish); } catch { /* a hint only */ }
  }

  /** Find a new way through the network (RFC 8445 9), with fresh relay credentials where given. */
  restart(ice) {
    if (this.closed) return;
    this.#watch(START_WITHIN);
    this.ice = { ...this.ice, ...ice };
    try { this.pc.setConfiguration(this.ice); } catch { /* the old ones still hold */ }
    if (this.pc.signalingState === "have-local-offer") this.resync();
    else this.pc.restartIce();
  }

  /** Signalling was away, on our side or theirs: repeat what may have been lost. */
  resync() {
    if (this.pc.signalingState === "have-local-offer") this.on.signal({ description: this.pc.localDescription.toJSON() });
    else if (this.state === "failed" || this.state === "disconnected") this.on.state("restart");
  }

  #changed() {
    if (this.closed) return;
    if (this.state === "connected") clearTimeout(this.timer);
    if (this.state === "disconnected") this.#watch(RESTART_AFTER);
    if (this.state === "failed") this.on.state("restart");
    this.on.state(this.state);
  }

  #watch(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { if (!this.closed && this.state !== "connected") this.on.state("restart"); }, ms);
  }

  /** How well it goes since the last time asked: {in, out} as share of packets lost, and the round trip in seconds. */
  async health() {
    const now = { received: 0, lost: 0, out: 0, rtt: 0 };
    for (const stat of (await this.pc.getStats()).values()) {
      if (stat.type === "inbound-rtp") { now.received += stat.packetsReceived || 0; now.lost += stat.packetsLost || 0; }
      if (stat.type === "remote-inbound-rtp") now.out = Math.max(now.out, stat.fractionLost || 0);
      if (stat.type === "candidate-pair" && stat.nominated) now.rtt = Math.max(now.rtt, stat.currentRoundTripTime || 0);
    }
    const before = this.before || now;
    this.before = now;
    const lost = Math.max(0, now.lost - before.lost);
    const all = lost + now.received - before.received;
    return { in: all > 0 ? lost / all : 0, out: now.out, rtt: now.rtt };
  }

  /** End it; nothing is heard or seen after this returns. */
  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.pc.close();
    for (const track of this.stream.getTracks()) { track.stop(); this.stream.removeTrack(track); }
  }
}
