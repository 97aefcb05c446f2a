// One other person: the peer connection, its negotiation, and what to do when it breaks.
//
// Perfect negotiation (W3C webrtc-pc, section 10.7) with incarnations: who joined later is polite and makes the first
// offer; an offer of another `sid` replaces the connection; answers and candidates of another `sid` are late.

import { Hearing } from "./chat.js";

const CHANNEL = "hearth";
/** Longest text of the channel that is looked at: the longest message in the widest letters, and what JSON adds. */
const TEXT = 32 * 1024;
/** Candidates kept until their description is there. Cap 64; full: the oldest goes, the better ones come late. */
const EARLY = 64;
/** An incarnation that does not connect within this is replaced by the polite side. */
const CONNECT_WITHIN_MS = 15_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;

/** H.264 constrained baseline in packetization mode 1 first, as Hearth's client has it; where there is none, VP8 does. */
function preferCodecs(transceiver) {
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs;
  if (!codecs || !transceiver.setCodecPreferences) return;
  const rank = (codec) => {
    const line = codec.sdpFmtpLine ?? "";
    if (codec.mimeType.toLowerCase() !== "video/h264") return 2;
    return line.includes("packetization-mode=1") && /profile-level-id=42/i.test(line) ? 0 : 1;
  };
  transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
}

export class Peer {
  /** Tracks that come in. */
  audio = null;
  video = null;
  #entry; #host; #pc = null; #sid = null; #channel = null; #early = []; #jobs = Promise.resolve();
  #offered = false; #replaced = null; #restarted = false; #connected = false; #attempt = 0; #timer = 0; #closed = false; #hearing;

  /**
   * `host.signal(body)` sends, `host.sends()` and `host.track(kind)` are our media, `host.configuration()` is for the
   * connection, `host.changed(peer)` redraws, `host.bye(peer)` is the other one's leaving, `host.chat` is what we say,
   * and `host.heard(peer, text)` what they do.
   */
  constructor(entry, host) {
    this.#entry = entry;
    this.#host = host;
    this.#hearing = new Hearing(host.chat.last);
    if (entry.polite) this.#run(() => this.#rebuild());
  }

  get id() { return this.#entry.id; }
  get entry() { return this.#entry; }
  get sid() { return this.#sid; }
  get connection() { return this.#pc; }

  /** connecting, connected, faltering or failed. */
  get state() {
    const state = this.#pc?.iceConnectionState;
    if (state === "failed") return "failed";
    if (state === "disconnected") return "faltering";
    if (this.#pc?.connectionState === "connected") return "connected";
    return this.#connected ? "faltering" : "connecting";
  }

  /** The server knows something newer of them. */
  update(entry) {
    this.#entry = { ...entry, polite: this.#entry.polite };
  }

  /** Our tracks or their state changed. */
  mediaChanged() {
    this.#run(() => this.#attachTracks());
    this.#sayMedia();
  }

  /** Says a message of ours. */
  say({ n, text }) {
    this.#tell({ type: "chat", n, text });
  }

  /** Whether the two sides have no video in common. Firefox offers port 0 also where it means the port of another section. */
  get hasNoVideo() {
    const refused = (section) => section.startsWith("m=video 0 ") && !/^a=bundle-only/m.test(section);
    const rejected = (description) => (description?.sdp ?? "").split(/^(?=m=)/m).some(refused);
    return rejected(this.#pc?.currentRemoteDescription) || rejected(this.#pc?.currentLocalDescription);
  }

  /** A signal of theirs. */
  hear(signal) {
    if (signal.pc && signal.pc !== "main") return;
    if (signal.desc) this.#run(() => this.#hearDescription(signal.sid, signal.desc));
    else if (signal.cand) this.#run(() => this.#hearCandidate(signal.sid, signal.cand));
  }

  /** Ends it; with `bye`, the other side is told directly. */
  close(bye = false) {
    if (bye) this.#tell({ type: "bye" });
    this.#closed = true;
    this.#dismantle();
  }

  /** The present pair of candidates and what came in, for tests and curious people. */
  async stats() {
    const found = { pair: null, framesDecoded: 0, bytesReceived: 0, codec: null };
    const report = await this.#pc?.getStats();
    if (!report) return found;
    for (const stat of report.values()) {
      if (stat.type === "transport" && stat.selectedCandidatePairId) {
        const pair = report.get(stat.selectedCandidatePairId);
        const kind = (id) => report.get(id)?.candidateType;
        found.pair = pair && { local: kind(pair.localCandidateId), remote: kind(pair.remoteCandidateId) };
      }
      if (stat.type === "inbound-rtp") found.bytesReceived += stat.bytesReceived ?? 0;
      if (stat.type === "inbound-rtp" && stat.kind === "video") {
        found.framesDecoded = stat.framesDecoded ?? 0;
        found.codec = report.get(stat.codecId)?.mimeType ?? null;
      }
    }
    return found;
  }

  /** One thing after the other, in the order in which it was asked for. */
  #run(job) {
    this.#jobs = this.#jobs.then(() => (this.#closed ? undefined : job())).catch((error) => {
      if (!this.#closed) console.warn("peer", this.id, error);
    });
  }

  #build(sid) {
    this.#dismantle();
    this.#replaced = this.#sid;
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", ...this.#host.configuration() });
    this.#pc = pc;
    this.#sid = sid;
    this.#offered = false;
    this.#restarted = false;
    const mine = (act) => (event) => { if (this.#pc === pc) act(event); };
    pc.onicecandidate = mine(({ candidate }) => {
      if (candidate?.candidate) this.#signal({ cand: candidate.toJSON() });
      else if (!candidate) this.#signal({ end: ufragOf(pc.localDescription?.sdp) });
    });
    pc.ontrack = mine(({ track }) => {
      this[track.kind] = track;
      track.onunmute = track.onmute = () => this.#host.changed(this);
      this.#host.changed(this);
    });
    pc.ondatachannel = mine(({ channel }) => { if (channel.label === CHANNEL) this.#useChannel(channel); });
    pc.onnegotiationneeded = mine(() => this.#run(() => this.#offer(pc)));
    pc.oniceconnectionstatechange = pc.onconnectionstatechange = mine(() => this.#onState());
    this.#timer = setTimeout(() => this.#onStuck(), CONNECT_WITHIN_MS);
    this.#host.changed(this);
    return pc;
  }

  #dismantle() {
    clearTimeout(this.#timer);
    this.#pc?.close();
    this.#pc = this.#channel = this.audio = this.video = null;
  }

  /** A new incarnation of ours: audio, video, data, in this order. `negotiationneeded` makes the offer. */
  #rebuild() {
    const early = this.#early;
    const pc = this.#build(crypto.getRandomValues(new Uint32Array(1))[0]);
    this.#early = early.filter((kept) => kept.sid === this.#sid);
    for (const kind of ["audio", "video"]) {
      const track = this.#host.track(kind);
      const transceiver = pc.addTransceiver(track ?? kind, { direction: track ? "sendrecv" : "recvonly" });
      if (kind === "video") preferCodecs(transceiver);
    }
    this.#useChannel(pc.createDataChannel(CHANNEL));
  }

  async #offer(pc) {
    if (pc !== this.#pc || pc.signalingState !== "stable") return; // it fires again once stable
    await pc.setLocalDescription();
    if (pc.localDescription.type !== "offer") return;
    this.#offered = true;
    this.#signal({ desc: { type: "offer", sdp: pc.localDescription.sdp } });
  }

  async #hearDescription(sid, desc) {
    const polite = this.#entry.polite;
    if (sid !== this.#sid) {
      if (desc.type !== "offer" || sid === this.#replaced) return; // said of what is gone
      const ownIsNew = this.#offered && !this.#pc?.remoteDescription;
      if (ownIsNew && !polite) return; // ours stands: they give way
      this.#build(sid);
    } else if (desc.type === "offer" && this.#pc.signalingState !== "stable" && !polite) {
      return;
    } else if (desc.type === "answer" && this.#pc.signalingState !== "have-local-offer") {
      return;
    }
    const pc = this.#pc;
    await pc.setRemoteDescription(desc); // rolls our own offer back if need be
    if (desc.type === "offer") {
      await this.#attachTracks();
      pc.getTransceivers().filter((t) => t.receiver.track.kind === "video").forEach(preferCodecs);
      await pc.setLocalDescription();
      this.#signal({ desc: { type: "answer", sdp: pc.localDescription.sdp } });
    }
    await this.#useEarly();
  }

  async #hearCandidate(sid, candidate) {
    this.#early.push({ sid, candidate });
    if (this.#early.length > EARLY) this.#early.shift();
    if (sid === this.#sid && this.#pc?.remoteDescription) await this.#useEarly();
  }

  async #useEarly() {
    const ready = this.#early.filter((kept) => kept.sid === this.#sid);
    this.#early = this.#early.filter((kept) => kept.sid !== this.#sid);
    for (const { candidate } of ready) {
      // One that cannot be used (of another generation, or a kind unknown here) must not cost the others.
      await this.#pc.addIceCandidate(candidate).catch(() => {});
    }
  }

  /** Puts our tracks into the places that there are. */
  async #attachTracks() {
    for (const transceiver of this.#pc?.getTransceivers() ?? []) {
      const track = this.#host.track(transceiver.receiver.track.kind);
      if (transceiver.sender.track !== track) await transceiver.sender.replaceTrack(track);
      // A track that went away leaves its direction: muting must not negotiate.
      if (track && transceiver.direction === "recvonly") transceiver.direction = "sendrecv";
    }
  }

  #useChannel(channel) {
    this.#channel = channel;
    channel.onopen = () => {
      if (channel !== this.#channel) return;
      this.#sayMedia();
      this.#tell({ type: "chat_seen", n: this.#hearing.open() });
    };
    channel.onmessage = ({ data }) => {
      if (channel === this.#channel && typeof data === "string") this.#hearDirect(data);
    };
  }

  #hearDirect(text) {
    let message;
    if (text.length > TEXT) return;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message?.type === "bye") this.#host.bye(this);
    if (message?.type === "chat") this.#hearChat(message);
    if (message?.type === "chat_seen" && isCount(message.n)) {
      const after = this.#hearing.seen(message.n);
      if (after !== null) this.#host.chat.after(after).forEach((said) => this.say(said));
    }
    if (message?.type === "media") {
      const media = { ...this.#entry.media, audio: message.audio === true, video: message.video === true };
      this.#entry = { ...this.#entry, media };
      this.#host.changed(this);
    }
  }

  #hearChat({ n, text }) {
    if (isCount(n) && typeof text === "string" && this.#hearing.take(n)) this.#host.heard(this, text);
  }

  #sayMedia() {
    this.#tell({ type: "media", ...this.#host.sends() });
  }

  #tell(message) {
    try {
      if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify(message));
    } catch (error) {
      console.warn("channel", this.id, error); // full: it is repeated when the channel comes back
    }
  }

  #signal(body) {
    this.#host.signal({ to: this.id, pc: "main", sid: this.#sid, ...body });
  }

  #onState() {
    const pc = this.#pc;
    if (pc.connectionState === "connected") {
      clearTimeout(this.#timer);
      this.#connected = true;
      this.#restarted = false;
      this.#attempt = 0;
    } else if (pc.iceConnectionState === "failed" || pc.connectionState === "failed") {
      this.#onFailed(pc);
    }
    this.#host.changed(this);
  }

  /** The polite side mends: ICE first, which keeps the keys, then everything anew. */
  #onFailed(pc) {
    if (!this.#entry.polite) return;
    clearTimeout(this.#timer);
    if (!this.#restarted && this.#connected && pc.connectionState !== "closed") {
      this.#restarted = true;
      pc.restartIce();
      this.#timer = setTimeout(() => this.#onStuck(), CONNECT_WITHIN_MS);
    } else {
      this.#onStuck();
    }
  }

  #onStuck() {
    if (!this.#entry.polite || this.#closed) return;
    clearTimeout(this.#timer);
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempt++);
    this.#timer = setTimeout(() => this.#run(() => {
      if (this.#pc?.connectionState !== "connected") this.#rebuild();
    }), wait);
  }
}

const isCount = (n) => Number.isSafeInteger(n) && n >= 0;
const ufragOf = (sdp) => /^a=ice-ufrag:(\S+)/m.exec(sdp ?? "")?.[1] ?? "";
