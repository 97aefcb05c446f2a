// One other person: the connections to them, their negotiation, and what to do when one breaks. Perfect negotiation
// (W3C webrtc-pc, section 10.7) with incarnations (`sid`), as PROTOCOL.md has it.

import { Hearing } from "./chat.js";
import { parse } from "./signalling.js";
import { Quality } from "./quality.js";

/** Longest text of the channel that is looked at: the longest message in the widest letters, and what JSON adds. */
const TEXT = 32 * 1024;
/** Candidates kept until their description is there. Cap 64; full: the oldest goes, the better ones come late. */
const EARLY = 64;
/** An incarnation that does not connect within this is replaced. */
const CONNECT_MS = 15_000;
const FIRST_WAIT_MS = 1_000, LONGEST_WAIT_MS = 15_000;

/** H.264 constrained baseline in packetization mode 1 first, as Hearth's client has it; where there is none, VP8 does. */
function preferCodecs(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities?.("video")?.codecs;
  if (!codecs || transceiver.receiver.track.kind !== "video") return;
  const rank = ({ mimeType, sdpFmtpLine = "" }) =>
    !/h264/i.test(mimeType) ? 2 : /packetization-mode=1/.test(sdpFmtpLine) && /level-id=42/i.test(sdpFmtpLine) ? 0 : 1;
  transceiver.setCodecPreferences?.(codecs.sort((a, b) => rank(a) - rank(b)));
}

/**
 * One connection through all its incarnations. `offers`: the first offer is ours, and we mend; `mayOffer`: later ones may
 * be; `polite`: we give way. `fill(pc)` fills a first offer, `attach(pc)` puts our tracks into the places that there are.
 */
function link({ offers, mayOffer, polite, configuration, signal, changed, fill, attach, channel }) {
  let pc = null, sid = null, replaced, early = [], jobs = Promise.resolve(), timer, attempt = 0, offered, restarted, connected, closed;

  /** One thing after the other, in the order in which it was asked for. */
  const run = (job) => {
    jobs = jobs.then(() => closed || job()).catch((error) => closed || console.warn("peer", error));
  };
  const say = (body) => signal({ sid, ...body });
  const describe = () => say({ desc: pc.localDescription.toJSON() });

  function dismantle() {
    clearTimeout(timer);
    pc?.close();
    pc = self.audio = self.video = null;
  }

  function build(newSid) {
    dismantle();
    replaced = sid;
    sid = newSid;
    offered = restarted = false;
    const own = pc = new RTCPeerConnection(configuration());
    const mine = (act) => (event) => pc === own && act(event);
    own.onicecandidate = mine(({ candidate }) => {
      if (candidate?.candidate) say({ cand: candidate.toJSON() });
      else if (!candidate) say({ end: /^a=ice-ufrag:(\S+)/m.exec(own.localDescription?.sdp)?.[1] ?? "" });
    });
    own.ontrack = mine(({ track }) => {
      self[track.kind] = track;
      track.onunmute = track.onmute = changed;
      changed();
    });
    own.ondatachannel = mine((event) => channel(event.channel));
    own.onnegotiationneeded = mine(() => run(() => offer(own)));
    own.oniceconnectionstatechange = own.onconnectionstatechange = mine(onState);
    timer = setTimeout(onStuck, CONNECT_MS);
    changed();
  }

  /** A new incarnation of ours. `negotiationneeded` makes the offer. */
  function rebuild() {
    early = [];
    build(crypto.getRandomValues(new Uint32Array(1))[0]);
    fill(pc);
    pc.getTransceivers().forEach(preferCodecs);
  }

  async function offer(own) {
    if (own !== pc || pc.signalingState !== "stable" || !mayOffer) return; // it fires again once stable
    await own.setLocalDescription();
    if (own.localDescription.type !== "offer") return;
    offered = true;
    describe();
  }

  async function hearDescription(theirs, desc) {
    const isOffer = desc.type === "offer";
    if (theirs !== sid) {
      if (!isOffer || theirs === replaced) return; // said of what is gone
      if (offered && !pc?.remoteDescription && !polite) return; // ours is new and stands: they give way
      build(theirs);
    } else if (isOffer ? pc.signalingState !== "stable" && !polite : pc.signalingState !== "have-local-offer") return;
    await pc.setRemoteDescription(desc); // rolls our own offer back if need be
    if (isOffer) {
      await attach(pc);
      pc.getTransceivers().forEach(preferCodecs);
      await pc.setLocalDescription();
      describe();
    }
    await useEarly();
  }

  async function useEarly() {
    const ready = early.filter((kept) => kept.sid === sid);
    early = early.filter((kept) => kept.sid !== sid);
    // One that cannot be used (of another generation, or a kind unknown here) must not cost the others.
    for (const { cand } of ready) await pc.addIceCandidate(cand).catch(() => {});
  }

  function onState() {
    if (pc.connectionState === "connected") {
      clearTimeout(timer);
      connected = true;
      restarted = false;
      attempt = 0;
    } else if (offers && [pc.iceConnectionState, pc.connectionState].includes("failed")) {
      // ICE first, which keeps the keys, then everything anew.
      if (restarted || !connected) onStuck();
      else {
        clearTimeout(timer);
        restarted = true;
        pc.restartIce();
        timer = setTimeout(onStuck, CONNECT_MS);
      }
    }
    changed();
  }

  function onStuck() {
    if (!offers || closed) return;
    clearTimeout(timer);
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt++);
    timer = setTimeout(() => run(() => pc?.connectionState !== "connected" && rebuild()), wait);
  }

  const self = {
    audio: null,
    video: null,
    get pc() { return pc; },
    get sid() { return sid; },
    get state() {
      if (pc?.iceConnectionState === "failed") return "failed";
      if (pc?.iceConnectionState === "disconnected") return "faltering";
      if (pc?.connectionState === "connected") return "connected";
      return connected ? "faltering" : "connecting";
    },
    hear(heard) {
      if (heard.desc) run(() => hearDescription(heard.sid, heard.desc));
      if (!heard.cand) return;
      run(async () => {
        early.push(heard);
        if (early.length > EARLY) early.shift();
        if (heard.sid === sid && pc?.remoteDescription) await useEarly();
      });
    },
    attach: () => run(() => pc && attach(pc)),
    close() {
      closed = true;
      dismantle();
    },
  };
  if (offers) run(rebuild);
  return self;
}

/**
 * Somebody in the room. `host` says what we send (`sends()`, `track(kind)`, `hand`, `chat`), takes what is for the server
 * (`signal(body)`), and hears of them: `changed()`, `raised()`, `bye()`, `heard(text)`.
 *
 * A `legacy` peer is a SimpleWebRTC page: it answers whom it found and offers to whom it finds, has no channel of ours, its
 * words come by the server, its screen by a connection of its own.
 */
export function Peer(entry, host) {
  const { id, polite } = entry, legacy = entry.kind === "legacy", hearing = new Hearing(host.chat.last);
  let channel = null;

  const tell = (message) => {
    try {
      if (channel?.readyState === "open") channel.send(JSON.stringify(message));
    } catch (error) {
      console.warn("channel", id, error); // full: it is repeated when the channel comes back
    }
  };
  const sayMedia = () => tell({ type: "media", ...host.sends() });
  const sayHand = () => tell({ type: "hand", up: host.hand });
  const through = (pc, more) => link({ ...host, ...more, signal: (body) => host.signal({ to: id, pc, ...body }) });
  const watch = (offers) => through("screen", {
    offers, mayOffer: offers, polite: false, fill: (pc) => pc.addTransceiver("video", { direction: "recvonly" }), attach() {}, channel() {},
  });

  function useChannel(opened) {
    if (legacy || opened.label !== "hearth") return;
    channel = opened;
    opened.onopen = () => {
      if (channel !== opened) return;
      sayMedia();
      tell({ type: "chat_seen", n: hearing.open() });
      if (host.hand) sayHand();
    };
    opened.onmessage = ({ data }) => {
      if (channel === opened && typeof data === "string" && data.length <= TEXT) hearDirect(parse(data));
    };
  }

  function hearDirect({ type, n, text, up, ...media }) {
    if (type === "bye") host.bye();
    if (type === "chat") hearChat(n, text);
    if (type === "chat_seen" && isCount(n)) hearing.seen(n, (after) => host.chat.after(after).forEach(self.say));
    if (type === "hand") {
      if (up === true && !self.hand) host.raised();
      self.hand = up === true;
    }
    if (type === "media") for (const kind of ["audio", "video", "screen"]) if (kind in media) self.entry.media[kind] = media[kind] === true;
    host.changed();
  }

  function hearChat(n, text) {
    if (isCount(n) && typeof text === "string" && hearing.take(n)) host.heard(text);
  }

  const self = {
    id, entry, legacy, hand: false, quality: new Quality(), screen: null,
    /** The server knows something newer of them. */
    update(newer) {
      self.entry = newer;
      if (!legacy || newer.media.screen) return;
      self.screen?.close();
      self.screen = null;
    },
    mediaChanged() {
      self.main.attach();
      sayMedia();
    },
    sayHand,
    /** Says a message of ours. */
    say({ n, text }) {
      if (legacy) host.signal({ to: id, pc: "main", sid: self.main.sid ?? 0, chat: { text } });
      else tell({ type: "chat", n, text });
    },
    /** A signal of theirs. */
    hear(signal) {
      if (legacy && signal.chat) hearChat(hearing.heard + 1, signal.chat.text);
      else if (signal.pc !== "screen") self.main.hear(signal);
      else if (legacy) (self.screen ??= watch(false)).hear(signal);
    },
    /** Whether the two sides have no video in common. Firefox offers port 0 also where it means the port of another section. */
    get hasNoVideo() {
      const { currentRemoteDescription: theirs, currentLocalDescription: ours } = self.main.pc ?? {};
      const refused = (section) => section.startsWith("m=video 0 ") && !/^a=bundle-only/m.test(section);
      return [theirs, ours].some((one) => one?.sdp.split(/^(?=m=)/m).some(refused));
    },
    /** New servers, for the next restart of ICE. */
    configure() { for (const { pc } of [self.main, self.screen ?? {}]) pc?.setConfiguration(host.configuration()); },
    /** Ends it; with `bye`, the other side is told directly. */
    close(bye) {
      if (bye) tell({ type: "bye" });
      self.main.close();
      self.screen?.close();
    },
  };
  self.main = through("main", {
    offers: polite, mayOffer: polite || !legacy, polite: polite && !legacy, channel: useChannel,
    /** A first offer: audio, video, data, in this order. */
    fill(pc) {
      for (const kind of ["audio", "video"]) {
        const track = host.track(kind);
        pc.addTransceiver(track ?? kind, { direction: track ? "sendrecv" : "recvonly" });
      }
      useChannel(pc.createDataChannel(legacy ? "simplewebrtc" : "hearth"));
    },
    async attach(pc) {
      for (const transceiver of pc.getTransceivers()) {
        const track = host.track(transceiver.receiver.track.kind);
        if (transceiver.sender.track !== track) await transceiver.sender.replaceTrack(track);
        // A track that went away leaves its direction: muting must not negotiate. A page that only offers is promised one.
        if ((track || legacy) && transceiver.direction === "recvonly") transceiver.direction = "sendrecv";
      }
    },
  });
  if (legacy && polite && entry.media.screen) self.screen = watch(true);
  return self;
}

const isCount = (n) => Number.isSafeInteger(n) && n >= 0;
