// One other person: the connections to them, how these are mended, and how good they are. Perfect negotiation (W3C webrtc-pc,
// section 10.7) with incarnations (`sid`), as PROTOCOL.md has it.

import { chat } from "./chat.js";
import { devices } from "./devices.js";
import { changed } from "./dom.js";
import { parse, server } from "./signalling.js";
import { say } from "./words.js";

const TEXT = 32 * 1024; // longest text of the channel that is read: the longest message in the widest letters
const EARLY = 64; // candidates kept until their description is there; full: the oldest goes, the better ones come late
const BURST = 250, PER_SECOND = 4; // messages of one peer; what is beyond is dropped
const CONNECT_MS = 15_000, FIRST_MS = 1_000, LONGEST_MS = 15_000;
const WHOLE = new MediaStream(); // sound and picture belong together; a legacy page shows no track that is of none

// How all connections are made. `iceServers` is what the server says.
export const ways = {
	bundlePolicy: "max-bundle", iceServers: [],
	iceTransportPolicy: new URLSearchParams(location.search).get("relay") === "1" ? "relay" : "all",
};

// H.264 constrained baseline in packetization mode 1 first, as Hearth's client has it; where there is none, VP8 does.
function prefer(place) {
	const rank = ({ mimeType, sdpFmtpLine }) => `${mimeType} ${sdpFmtpLine}`.match(/h264|mode=1|id=42/gi)?.length ?? 0;
	const codecs = place.receiver.track.kind === "video" && RTCRtpReceiver.getCapabilities?.("video")?.codecs;
	if (codecs) place.setCodecPreferences?.(codecs.sort((a, b) => rank(b) - rank(a)));
}

// One connection through all its incarnations. `offers`: the first offer is ours, and we mend; `mayOffer`: later ones may
// be; `polite`: we give way. `fill(pc)` fills a first offer, `attach(pc)` puts our tracks where there are places.
function link({ signal, offers, mayOffer, polite, fill, attach, channel }) {
	let pc, sid = null, gone, early = [], jobs = Promise.resolve(), timer, tries = 0, offered, restarted, connected, closed;
	// One thing after the other, in the order in which it was asked for.
	const run = (job) => { jobs = jobs.then(() => closed || job()).catch((e) => closed || console.warn("peer", e)); };
	const describe = () => signal({ sid, desc: pc.localDescription.toJSON() });

	function dismantle() {
		clearTimeout(timer);
		pc?.close();
		pc = self.audio = self.video = null;
	}

	function build(next) {
		dismantle();
		[gone, sid, offered, restarted] = [sid, next];
		const own = pc = new RTCPeerConnection(ways);
		const heard = {
			icecandidate({ candidate }) {
				if (candidate?.candidate) signal({ sid, cand: candidate.toJSON() });
				else if (!candidate) signal({ sid, end: /^a=ice-ufrag:(\S+)/m.exec(pc.localDescription?.sdp)?.[1] ?? "" });
			},
			track({ track }) {
				self[track.kind] = track;
				track.onunmute = track.onmute = changed;
				changed();
			},
			datachannel: (event) => channel(event.channel),
			negotiationneeded: () => run(async () => {
				if (own !== pc || pc.signalingState !== "stable" || !mayOffer) return; // it fires again once stable
				await pc.setLocalDescription();
				offered = pc.localDescription.type === "offer";
				if (offered) describe();
			}),
			connectionstatechange: onState,
		};
		for (const [type, act] of Object.entries(heard)) pc.addEventListener(type, (event) => pc === own && act(event));
		mendIn(CONNECT_MS);
		changed();
	}

	// A new incarnation of ours. `negotiationneeded` makes the offer.
	function rebuild() {
		early = [];
		build(crypto.getRandomValues(new Uint32Array(1))[0]);
		fill(pc);
		pc.getTransceivers().forEach(prefer);
	}

	function mendIn(ms) {
		clearTimeout(timer);
		if (offers) timer = setTimeout(run, ms, () => pc?.connectionState !== "connected" && rebuild());
	}

	function onState() {
		if (pc.connectionState === "connected") {
			clearTimeout(timer);
			[connected, restarted, tries] = [true, false, 0];
		} else if (pc.connectionState === "failed" && offers) {
			if (connected && !restarted) { // ICE first, which keeps the keys, then everything anew
				restarted = true;
				pc.restartIce();
				mendIn(CONNECT_MS);
			} else mendIn(Math.min(LONGEST_MS, FIRST_MS * 2 ** tries++));
		}
		changed();
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

	const self = {
		audio: null,
		video: null,
		get pc() { return pc; },
		get sid() { return sid; },
		get state() {
			const state = pc?.connectionState;
			return state === "failed" || state === "connected" ? state : connected || state === "disconnected" ? "faltering" : "connecting";
		},
		hear: ({ sid: theirs, desc, cand }) => run(() => {
			if (desc) return take(theirs, desc);
			if (!cand) return;
			early.push({ sid: theirs, cand });
			if (early.length > EARLY) early.shift();
			if (theirs === sid && pc?.remoteDescription) return useEarly();
		}),
		attach: () => run(() => pc && attach(pc)),
		close() {
			closed = true;
			dismantle();
		},
	};
	if (offers) run(rebuild);
	return self;
}

// Somebody in the room. `on`: `hand()` is whether ours is raised, `raised()` and `bye()` are what they did. A `legacy` peer is a
// SimpleWebRTC page: it answers whom it found and offers to whom it finds, has no channel of ours, its words come by the server,
// its screen by a connection of its own.
export function Peer(entry, on) {
	const { id, polite } = entry, legacy = entry.kind === "legacy", since = chat.last; // what was said before is not for them
	let channel, heard = 0, asked, tokens = BURST, filled = performance.now();
	const tell = (message) => {
		try {
			if (channel?.readyState === "open") channel.send(JSON.stringify(message));
		} catch (e) {
			console.warn("channel", e); // full: it is repeated when the channel comes back
		}
	};
	const sayMedia = () => tell({ type: "media", ...devices.sends });
	const signal = (body) => server.send({ type: "signal", to: id, ...body });
	const through = (name, more) => link({ ...more, signal: (body) => signal({ pc: name, ...body }) });
	const watch = (offers) => through("screen", {
		offers, mayOffer: offers, fill: (pc) => pc.addTransceiver("video", { direction: "recvonly" }), attach() {}, channel() {},
	});

	function use(opened) {
		if (legacy || opened.label !== "hearth") return;
		channel = opened;
		opened.onopen = () => {
			asked = false;
			sayMedia();
			tell({ type: "chat_seen", n: heard });
			if (on.hand()) self.sayHand();
		};
		opened.onmessage = ({ data }) => {
			const message = typeof data === "string" && data.length <= TEXT && parse(data);
			if (channel !== opened || !Object.hasOwn(hear, message.type)) return;
			hear[message.type](message);
			changed();
		};
	}

	// What comes by the channel.
	const hear = {
		bye: on.bye,
		chat({ n, text }) {
			const now = performance.now();
			tokens = Math.min(BURST, tokens + ((now - filled) / 1000) * PER_SECOND);
			filled = now;
			if (!isCount(n) || typeof text !== "string" || n <= heard || tokens < 1) return;
			tokens -= 1;
			heard = n;
			chat.hear(id, self.name, text);
		},
		// They have heard ours up to `n`: what came after is said again, once for each channel.
		chat_seen({ n }) {
			if (isCount(n) && !asked) chat.said.filter((said) => said.n > Math.max(n, since)).forEach(self.say);
			asked ||= isCount(n);
		},
		hand({ up }) {
			if (up === true && !self.hand) on.raised();
			self.hand = up === true;
		},
		media(media) {
			for (const kind of ["audio", "video", "screen"]) if (kind in media) self.entry.media[kind] = media[kind] === true;
		},
	};

	const self = {
		id, entry, legacy, hand: false, quality: null, screen: null,
		get name() { return self.entry.nick || say("guest"); },
		get role() { return self.entry.role; },
		get media() { return { ...self.entry.media, screen: self.entry.media.screen && !legacy }; },
		get audio() { return self.main.audio; },
		get video() { return self.main.video; },
		// What there is to say of the connection.
		get word() {
			const { state } = self.main, { away, media } = self.entry;
			if (state === "connected") return media.video && hasNoVideo(self.main.pc) ? "no_codec" : "";
			return away && state === "connecting" ? "faltering" : state; // nobody there to answer
		},
		update(newer) {
			Object.assign(self.entry, newer);
			if (!legacy || self.entry.media.screen) return;
			self.screen?.close();
			self.screen = null;
		},
		mediaChanged() {
			self.main.attach();
			sayMedia();
		},
		sayHand: () => tell({ type: "hand", up: on.hand() }),
		say({ n, text }) {
			if (legacy) signal({ pc: "main", sid: self.main.sid ?? 0, chat: { text } });
			else tell({ type: "chat", n, text });
		},
		hear(heardNow) {
			if (legacy && heardNow.chat) hear.chat({ n: heard + 1, text: heardNow.chat.text });
			else if (heardNow.pc !== "screen") self.main.hear(heardNow);
			else if (legacy) (self.screen ??= watch()).hear(heardNow);
		},
		async look() { self.quality = await look(self.main.pc, self.quality); },
		// New servers, for the next restart of ICE.
		configure: () => [self.main, self.screen].forEach((one) => one?.pc?.setConfiguration(ways)),
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
				const track = devices.track(kind);
				pc.addTransceiver(track ?? kind, { direction: track ? "sendrecv" : "recvonly", streams: [WHOLE] });
			}
			use(pc.createDataChannel(legacy ? "simplewebrtc" : "hearth"));
		},
		async attach(pc) {
			for (const place of pc.getTransceivers()) {
				const track = devices.track(place.receiver.track.kind);
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

// Whether the two sides have no video in common. Firefox offers port 0 also where it means the port of another section.
function hasNoVideo({ currentRemoteDescription: theirs, currentLocalDescription: ours }) {
	const refused = (section) => section.startsWith("m=video 0 ") && !section.includes("\na=bundle-only");
	return [theirs, ours].some((one) => one?.sdp.split(/^(?=m=)/m).some(refused));
}

// Share of packets lost, round trip in seconds, share of time that the picture stood: beyond the first fair, the second poor.
const LIMITS = { lost: [0.02, 0.08], trip: [0.25, 0.6], frozen: [0.02, 0.1] };

// Reads a connection and compares it with `last`: {grade: good, fair or poor, trip in ms, lost in %, relayed}.
async function look(pc, last) {
	const now = await read(pc), passed = (what) => Math.max(0, now[what] - (last?.now ?? now)[what]);
	const lost = passed("lost") / (passed("packets") + passed("lost") || 1), frozen = passed("frozen") / (passed("at") || 1);
	const beyond = (n) => Object.entries({ ...now, lost, frozen }).some(([what, value]) => value > LIMITS[what]?.[n]);
	const grade = now.pair && ["good", "fair", "poor"][beyond(0) + beyond(1)];
	return { now, grade, relayed: Object.values(now.pair ?? {}).includes("relay"), trip: Math.round(now.trip * 1000), lost: Math.round(lost * 100) };
}

export async function read(pc) {
	const found = { pair: null, codec: null, at: performance.now() / 1000, packets: 0, lost: 0, frozen: 0, trip: 0 };
	const report = (await pc?.getStats()) ?? new Map();
	for (const stat of report.values()) {
		// Firefox has no `transport`: there the pair says itself that it is the one.
		const pair = stat.selected ? stat : report.get(stat.selectedCandidatePairId), type = (end) => report.get(pair[`${end}CandidateId`])?.candidateType;
		if (pair) found.pair = { local: type("local"), remote: type("remote") };
		found.trip ||= pair?.currentRoundTripTime ?? stat.roundTripTime ?? 0;
		if (stat.type !== "inbound-rtp") continue;
		found.packets += stat.packetsReceived ?? 0;
		found.lost += stat.packetsLost ?? 0;
		found.frozen += stat.totalFreezesDuration ?? 0;
		if (stat.kind === "video") found.codec = report.get(stat.codecId)?.mimeType ?? null;
	}
	return found;
}
