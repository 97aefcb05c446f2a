// One other person: the connections to them and how good they are. Perfect negotiation (W3C webrtc-pc, 10.7) with incarnations
// (`sid`), see PROTOCOL.md.

import { chat } from "./chat.js";
import { devices } from "./devices.js";
import { changed } from "./dom.js";
import { parse, server } from "./signalling.js";
import { say } from "./words.js";

const TEXT = 32 * 1024; // longest text of a channel that is read
const EARLY = 64; // candidates before their description; full: the oldest goes, the better ones come late
const BURST = 250, PER_MS = 0.004; // messages of one peer; what is beyond is dropped
const LIMITS = [{ lost: 0.02, trip: 0.25 }, { lost: 0.08, trip: 0.6 }]; // of packets, seconds: beyond them fair, poor
const LINES = [0, 180, 360]; // of a picture; what is larger gets all
const ALL = { camera: Infinity, screen: true }, PACE_MS = 300; // what is looked at, and between two changes: encoders follow
const FLOWS = ["stills", "nothing", "silence"];
const CONNECT_MS = 15_000, FIRST_MS = 1_000;
const WHOLE = new MediaStream(); // sound and picture belong together; legacy pages show no other track

// How all connections are made; the server says `iceServers`.
export const ways = { bundlePolicy: "max-bundle", iceServers: [], iceTransportPolicy: location.search.includes("relay=1") ? "relay" : "all" };

// H.264 constrained baseline in packetization mode 1 first, else VP8, as the client has it.
function prefer(place) {
	const rank = ({ mimeType, sdpFmtpLine }) => `${mimeType} ${sdpFmtpLine}`.match(/h264|mode=1|id=42/gi)?.length ?? 0;
	const codecs = place.receiver.track.kind === "video" && RTCRtpReceiver.getCapabilities?.("video")?.codecs;
	if (codecs) place.setCodecPreferences?.(codecs.sort((a, b) => rank(b) - rank(a)));
}

// The connection `name` through all its incarnations. `offers`: the first offer is ours, and we mend; `mayOffer`: later ones may
// be; `polite`: we give way. Over "main" goes what we send, and a channel; over "screen" nothing of ours.
function link(peer, name, offers, mayOffer, polite) {
	let pc, sid = null, gone, early = [], jobs = Promise.resolve(), timer, tries = 0, offered, restarted, connected, closed;
	const run = (job) => { jobs = jobs.then(() => closed || job()).catch((e) => closed || console.warn(name, e)); };
	const signal = (body) => peer.signal({ pc: name, sid: sid ?? 0, ...body });
	const describe = () => signal({ desc: pc.localDescription.toJSON() });

	function dismantle() {
		clearTimeout(timer);
		pc?.close();
		pc = self.audio = self.video = self.shared = null;
	}

	function build(next) {
		dismantle();
		[gone, sid, offered, restarted] = [sid, next];
		const own = pc = new RTCPeerConnection(ways);
		const heard = {
			icecandidate({ candidate }) {
				if (candidate?.candidate) signal({ cand: candidate.toJSON() });
				else if (!candidate) signal({ end: /^a=ice-ufrag:(\S+)/m.exec(pc.localDescription?.sdp)?.[1] ?? "" });
			},
			track({ track, streams }) {
				self[streams[0]?.id === "screen" ? "shared" : track.kind] = track;
				track.onunmute = track.onmute = changed;
				changed();
			},
			datachannel: ({ channel }) => peer.use(channel),
			negotiationneeded: () => run(async () => {
				if (own !== pc || pc.signalingState !== "stable" || !mayOffer) return; // it fires again once stable
				await pc.setLocalDescription();
				offered = pc.localDescription.type === "offer";
				if (offered) describe();
			}),
			connectionstatechange: onState,
		};
		for (const type in heard) pc.addEventListener(type, (event) => pc === own && heard[type](event));
		mend(CONNECT_MS);
		changed();
	}

	// A new incarnation of ours: audio, video, data, in this order. `negotiationneeded` makes the offer.
	async function rebuild() {
		early = [];
		build(crypto.getRandomValues(new Uint32Array(1))[0]);
		for (const kind of name === "main" ? ["audio", "video"] : ["video"]) pc.addTransceiver(kind, { direction: "recvonly" });
		if (name === "main") peer.use(pc.createDataChannel(peer.legacy ? "simplewebrtc" : "hearth"));
		await attach();
	}

	async function attach() {
		const seen = {};
		for (const place of pc?.getTransceivers() ?? []) {
			const { kind } = place.receiver.track, track = devices.track(kind);
			prefer(place);
			if (name !== "main" || seen[kind]) continue; // a screen
			seen[kind] = true;
			place.sender.setStreams?.(WHOLE);
			if (place.sender.track !== track) await place.sender.replaceTrack(track);
			if (track?.kind === "video") await limit(place.sender);
			// A track that went leaves its direction: muting must not negotiate. Who only offers is promised one.
			if ((track || peer.legacy) && place.direction === "recvonly") place.direction = "sendrecv";
		}
	}

	// They get no more than they look at; older browsers send it all.
	async function limit(sender) {
		const { camera, screen } = peer.looks, active = devices.screen ? screen : camera > 0;
		try {
			const parameters = sender.getParameters(), { width, height } = sender.track.getSettings();
			const scaleResolutionDownBy = active && !devices.screen ? Math.max(1, Math.min(width, height) / camera || 1) : 1;
			for (const encoding of parameters.encodings) Object.assign(encoding, { active, scaleResolutionDownBy });
			await sender.setParameters(parameters);
		} catch (e) {
			console.warn(e);
		}
	}

	// Begins again, unless all is well by then.
	function mend(ms) {
		clearTimeout(timer);
		if (offers) timer = setTimeout(run, ms, () => pc?.connectionState !== "connected" && rebuild());
	}

	function onState() {
		const state = pc.connectionState;
		if (state === "connected") {
			clearTimeout(timer);
			[connected, restarted, tries] = [true, false, 0];
		} else if (state === "failed" && connected && !restarted && offers) { // ICE first, which keeps the keys
			restarted = true;
			pc.restartIce();
			mend(CONNECT_MS);
		} else if (state === "failed") mend(Math.min(CONNECT_MS, FIRST_MS * 2 ** tries++));
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
			await attach();
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
		audio: null, video: null, shared: null,
		get pc() { return pc; },
		get state() {
			const state = pc?.connectionState;
			return state === "failed" || state === "connected" ? state : connected ? "faltering" : "connecting";
		},
		hear: (signal) => run(() => {
			if (signal.desc) return take(signal.sid, signal.desc);
			if (!signal.cand) return;
			early.push(signal);
			if (early.length > EARLY) early.shift();
			if (signal.sid === sid && pc?.remoteDescription) return useEarly();
		}),
		attach: () => run(attach),
		limit: () => run(() => Promise.all((pc?.getSenders() ?? []).filter(({ track }) => track?.kind === "video").map(limit))),
		signal,
		close() {
			closed = true;
			dismantle();
		},
	};
	if (offers) run(rebuild);
	return self;
}

// Somebody in the room. `on`: `hand()` is whether ours is raised, `raised()` and `bye()` are what they did. A `legacy` peer is a
// SimpleWebRTC page: it answers whom it found; its words come by the server, its screen by a connection of its own.
export function Peer(entry, on) {
	const { id, polite } = entry, legacy = entry.kind === "legacy", since = chat.last; // older words: not theirs
	let channel, heard = 0, asked, watched, limiting, tokens = BURST, filled = performance.now();
	const tell = (message) => {
		try {
			if (channel?.readyState === "open") channel.send(JSON.stringify(message));
		} catch (e) {
			console.warn(e); // full: it is repeated when the channel comes back
		}
	};
	const sayMedia = () => tell({ type: "media", ...devices.sends });

	const hear = {
		__proto__: null,
		bye: on.bye,
		chat({ n, text }) {
			const now = performance.now();
			tokens = Math.min(BURST, tokens + (now - filled) * PER_MS);
			filled = now;
			if (!isCount(n) || typeof text !== "string" || n <= heard || tokens < 1) return;
			tokens -= 1;
			heard = n;
			chat.hear(id, self.name, text);
		},
		// They have heard ours up to `n`: what came after is said again, once for each channel.
		chat_seen({ n }) {
			if (isCount(n) && !asked) chat.said.filter((said) => said.n > Math.max(n, since)).forEach(self.say);
			asked = true;
		},
		hand({ up }) {
			if (up === true && !self.hand) on.raised();
			self.hand = up === true;
		},
		pictures({ flow }) {
			self.flow = FLOWS.find((known) => known === flow) ?? "";
		},
		watching({ camera, screen }) {
			if (!isCount(camera)) return;
			self.looks = { camera, screen: screen === true };
			limiting ??= setTimeout(() => {
				limiting = null;
				self.main.limit();
			}, PACE_MS);
		},
		media(media) {
			for (const kind of ["audio", "video", "screen"]) if (kind in media) entry.media[kind] = media[kind] === true;
		},
	};

	const self = {
		id, entry, legacy, hand: false, quality: null, screen: null, flow: "", looks: ALL,
		get name() { return entry.nick || say("guest"); },
		get role() { return entry.role; },
		get media() { return { ...entry.media, screen: entry.media.screen && !legacy && !self.shared }; },
		get audio() { return self.main.audio; },
		get video() { return self.main.video; },
		get shared() { return entry.media.screen && self.main.shared; },
		get word() {
			const { state, pc } = self.main;
			if (state !== "connected") return entry.away && state === "connecting" ? "faltering" : state;
			const films = ({ receiver, currentDirection }) => receiver.track.kind === "video" && currentDirection !== "stopped";
			if (!entry.media.video) return self.flow === "silence" ? self.flow : "";
			return pc.getTransceivers().some(films) ? self.flow : "no_codec"; // refused, and so taken away
		},
		signal: (body) => server.send({ type: "signal", to: id, ...body }),
		use(opened) {
			if (legacy || opened.label !== "hearth") return;
			channel = opened;
			opened.onopen = () => {
				asked = watched = false;
				[self.flow, self.looks] = ["", ALL]; // until they say otherwise on this one
				self.main.limit();
				changed();
				sayMedia();
				tell({ type: "chat_seen", n: heard });
				if (on.hand()) self.sayHand();
			};
			opened.onmessage = ({ data }) => {
				const message = channel === opened && typeof data === "string" && data.length <= TEXT && parse(data);
				hear[message.type]?.(message);
				changed();
			};
		},
		update(newer) {
			Object.assign(entry, newer);
			if (legacy && !entry.media.screen) self.screen = self.screen?.close();
		},
		mediaChanged() {
			self.main.attach();
			sayMedia();
		},
		// So many lines of them are seen here: more is not sent.
		watch(lines) {
			const camera = LINES.find((most) => lines <= most) ?? 720;
			if (camera === watched || channel?.readyState !== "open") return;
			watched = camera;
			tell({ type: "watching", camera, screen: camera > 0 });
		},
		sayHand: () => tell({ type: "hand", up: on.hand() }),
		say({ n, text }) {
			if (legacy) self.main.signal({ chat: { text } });
			else tell({ type: "chat", n, text });
		},
		hear(signal) {
			if (legacy && signal.chat) hear.chat({ n: heard + 1, text: signal.chat.text });
			else if (signal.pc !== "screen") self.main.hear(signal);
			else if (legacy) (self.screen ??= link(self, "screen")).hear(signal);
		},
		configure: () => [self.main, self.screen].forEach((one) => one?.pc?.setConfiguration(ways)), // at the next restart
		async look() {
			const now = await read(self.main.pc), { packets, lost } = self.quality?.now ?? now;
			const share = Math.max(0, now.lost - lost) / Math.max(1, now.packets - packets + now.lost - lost);
			const beyond = LIMITS.filter((limits) => share > limits.lost || now.trip > limits.trip).length;
			const grade = now.pair && ["good", "fair", "poor"][beyond];
			self.quality = { now, grade, lost: Math.round(share * 100), way: Object.values(now.pair ?? {}).includes("relay") ? "relayed" : "direct" };
		},
		close(bye) {
			if (bye) tell({ type: "bye" });
			self.main.close();
			self.screen?.close();
		},
	};
	self.main = link(self, "main", polite, polite || !legacy, polite && !legacy);
	if (legacy && polite && entry.media.screen) self.screen = link(self, "screen", true, true);
	return self;
}

const isCount = (n) => Number.isSafeInteger(n) && n >= 0;

// What a connection says of itself: kinds of addresses, video's codec, packets so far, round trip in seconds.
export async function read(pc) {
	const found = { pair: null, codec: null, packets: 0, lost: 0, trip: 0 }, report = (await pc?.getStats()) ?? new Map();
	for (const stat of report.values()) {
		// Firefox has no `transport`: there the pair says itself that it is the one.
		const pair = stat.selected ? stat : report.get(stat.selectedCandidatePairId), kind = (id) => report.get(id)?.candidateType;
		if (pair) {
			found.pair = { local: kind(pair.localCandidateId), remote: kind(pair.remoteCandidateId) };
			found.trip = pair.currentRoundTripTime ?? 0;
		}
		if (stat.type !== "inbound-rtp") continue;
		found.packets += stat.packetsReceived;
		found.lost += stat.packetsLost;
		if (stat.kind === "video") found.codec = report.get(stat.codecId)?.mimeType ?? null;
	}
	return found;
}
