// One other person: the connections to them, and how these are mended. Perfect negotiation (W3C webrtc-pc, section 10.7)
// with incarnations (`sid`), as PROTOCOL.md has it.

import { Hearing } from "./chat.js";
import { parse } from "./signalling.js";

const TEXT = 32 * 1024; // longest text of the channel that is read: the longest message in the widest letters
const EARLY = 64; // candidates kept until their description is there; full: the oldest goes, the better ones come late
const WHOLE = new MediaStream(); // sound and picture belong together; a legacy page shows no track that is of none
const CONNECT_MS = 15_000, FIRST_MS = 1_000, LONGEST_MS = 15_000;

// H.264 constrained baseline in packetization mode 1 first, as Hearth's client has it; where there is none, VP8 does.
function prefer(place) {
	const rank = ({ mimeType, sdpFmtpLine: line = "" }) => (!/h264/i.test(mimeType) ? 2 : /mode=1/.test(line) && /id=42/i.test(line) ? 0 : 1);
	const { codecs } = RTCRtpReceiver.getCapabilities?.("video") ?? {};
	if (codecs && place.receiver.track.kind === "video") place.setCodecPreferences?.(codecs.sort((a, b) => rank(a) - rank(b)));
}

// One connection through all its incarnations. `offers`: the first offer is ours, and we mend; `mayOffer`: later ones may
// be; `polite`: we give way. `fill(pc)` fills a first offer, `attach(pc)` puts our tracks where there are places.
function link({ offers, mayOffer, polite, configuration, signal, changed, fill, attach, channel }) {
	let pc, sid = null, gone, early = [], jobs = Promise.resolve(), timer, tries = 0, offered, restarted, connected, closed;
	// One thing after the other, in the order in which it was asked for.
	const run = (job) => { jobs = jobs.then(() => closed || job()).catch((e) => closed || console.warn("peer", e)); };
	const say = (body) => signal({ sid, ...body });
	const describe = () => say({ desc: pc.localDescription.toJSON() });
	const later = (act, ms) => {
		clearTimeout(timer);
		timer = setTimeout(act, ms);
	};

	function dismantle() {
		clearTimeout(timer);
		pc?.close();
		pc = self.audio = self.video = null;
	}

	function build(next) {
		dismantle();
		[gone, sid, offered, restarted] = [sid, next];
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
		own.onnegotiationneeded = mine(() => run(async () => {
			if (own !== pc || pc.signalingState !== "stable" || !mayOffer) return; // it fires again once stable
			await own.setLocalDescription();
			offered = own.localDescription.type === "offer";
			if (offered) describe();
		}));
		own.oniceconnectionstatechange = own.onconnectionstatechange = mine(onState);
		later(onStuck, CONNECT_MS);
		changed();
	}

	// A new incarnation of ours. `negotiationneeded` makes the offer.
	function rebuild() {
		early = [];
		build(crypto.getRandomValues(new Uint32Array(1))[0]);
		fill(pc);
		pc.getTransceivers().forEach(prefer);
	}

	async function take(theirs, desc) {
		const isOffer = desc.type === "offer", state = pc?.signalingState;
		if (theirs !== sid) {
			if (!isOffer || theirs === gone) return; // said of what is gone
			if (offered && !pc?.remoteDescription && !polite) return; // ours is new and stands: they give way
			build(theirs);
		} else if (isOffer ? state !== "stable" && !polite : state !== "have-local-offer") return;
		await pc.setRemoteDescription(desc); // rolls our own offer back if need be
		if (isOffer) {
			await attach(pc);
			pc.getTransceivers().forEach(prefer);
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
			[connected, restarted, tries] = [true, false, 0];
		} else if (offers && [pc.iceConnectionState, pc.connectionState].includes("failed")) {
			if (restarted || !connected) onStuck();
			else { // ICE first, which keeps the keys, then everything anew
				restarted = true;
				pc.restartIce();
				later(onStuck, CONNECT_MS);
			}
		}
		changed();
	}

	function onStuck() {
		if (!offers || closed) return;
		later(() => run(() => pc?.connectionState !== "connected" && rebuild()), Math.min(LONGEST_MS, FIRST_MS * 2 ** tries++));
	}

	const self = {
		audio: null,
		video: null,
		get pc() { return pc; },
		get sid() { return sid; },
		get state() {
			const ice = pc?.iceConnectionState, shaky = ice === "disconnected";
			if (ice === "failed") return ice;
			return !shaky && pc?.connectionState === "connected" ? "connected" : shaky || connected ? "faltering" : "connecting";
		},
		hear(heard) {
			if (heard.desc) run(() => take(heard.sid, heard.desc));
			else if (heard.cand) {
				run(() => {
					early.push(heard);
					if (early.length > EARLY) early.shift();
					if (heard.sid === sid && pc?.remoteDescription) return useEarly();
				});
			}
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

// Somebody in the room. `host` is the call: what it sends, and who hears of them. A `legacy` peer is a SimpleWebRTC page: it
// answers whom it found and offers to whom it finds, has no channel of ours, its words come by the server, its screen by a
// connection of its own.
export function Peer(entry, host) {
	const { id, polite } = entry, legacy = entry.kind === "legacy", hearing = new Hearing(host.chat.last);
	let channel;
	const tell = (message) => {
		try {
			if (channel?.readyState === "open") channel.send(JSON.stringify(message));
		} catch (e) {
			console.warn("channel", e); // full: it is repeated when the channel comes back
		}
	};
	const sayMedia = () => tell({ type: "media", ...host.sends() });
	const sayHand = () => tell({ type: "hand", up: host.hand() });
	const through = (pc, more) => link({ ...host, ...more, signal: (body) => host.signal({ to: id, pc, ...body }) });
	const watch = (offers) => through("screen", {
		offers, mayOffer: offers, fill: (pc) => pc.addTransceiver("video", { direction: "recvonly" }), attach() {}, channel() {},
	});
	const hearChat = (n, text) => isCount(n) && typeof text === "string" && hearing.take(n) && host.heard(text);

	function use(opened) {
		if (legacy || opened.label !== "hearth") return;
		channel = opened;
		opened.onopen = () => {
			if (channel !== opened) return;
			sayMedia();
			tell({ type: "chat_seen", n: hearing.open() });
			if (host.hand()) sayHand();
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

	const self = {
		id, entry, legacy, sayHand,
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
		say({ n, text }) {
			if (legacy) host.signal({ to: id, pc: "main", sid: self.main.sid ?? 0, chat: { text } });
			else tell({ type: "chat", n, text });
		},
		hear(signal) {
			if (legacy && signal.chat) hearChat(hearing.heard + 1, signal.chat.text);
			else if (signal.pc !== "screen") self.main.hear(signal);
			else if (legacy) (self.screen ??= watch()).hear(signal);
		},
		// Whether the two sides have no video in common. Firefox offers port 0 also where it means the port of another section.
		get hasNoVideo() {
			const { currentRemoteDescription: theirs, currentLocalDescription: ours } = self.main.pc ?? {};
			const refused = (section) => section.startsWith("m=video 0 ") && !/^a=bundle-only/m.test(section);
			return [theirs, ours].some((one) => one?.sdp.split(/^(?=m=)/m).some(refused));
		},
		// New servers, for the next restart of ICE.
		configure: () => [self.main, self.screen].forEach((one) => one?.pc?.setConfiguration(host.configuration())),
		close(bye) {
			if (bye) tell({ type: "bye" });
			self.main.close();
			self.screen?.close();
		},
	};
	self.main = through("main", {
		offers: polite, mayOffer: polite || !legacy, polite: polite && !legacy, channel: use,
		fill(pc) { // audio, video, data, in this order
			for (const kind of ["audio", "video"]) {
				const track = host.track(kind);
				pc.addTransceiver(track ?? kind, { direction: track ? "sendrecv" : "recvonly", streams: [WHOLE] });
			}
			use(pc.createDataChannel(legacy ? "simplewebrtc" : "hearth"));
		},
		async attach(pc) {
			for (const place of pc.getTransceivers()) {
				const track = host.track(place.receiver.track.kind);
				place.sender.setStreams?.(WHOLE);
				if (place.sender.track !== track) await place.sender.replaceTrack(track);
				// A track that went away leaves its direction: muting must not negotiate. A page that only offers is promised one.
				if ((track || legacy) && place.direction === "recvonly") place.direction = "sendrecv";
			}
		},
	});
	if (legacy && polite && entry.media.screen) self.screen = watch(true);
	return self;
}

const isCount = (n) => Number.isSafeInteger(n) && n >= 0;
