// Camera, microphone, shared screen: what is wanted, what there is, and why not.

import { say } from "./words.js";

const WISHES = {
	audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
	video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
	screen: { width: { max: 1920 }, height: { max: 1200 }, frameRate: { max: 30 } },
};
const CAUSES = { NotAllowedError: "no_access", NotReadableError: "in_use", AbortError: "in_use", TypeError: "insecure" };
const media = navigator.mediaDevices;

export function Devices(changed) {
	const faults = { audio: null, video: null };
	const self = {
		// Live tracks, or null. `ear` hears our microphone while it is muted, for the meter alone.
		audio: null, video: null, screen: null, ear: null,
		// What the person wants (two words for each device, because it may refuse), and which ones by id.
		wants: { audio: true, video: true }, chosen: {},
		// Whether the person was asked, and answered; where a phone's camera looks.
		asked: false, facing: "user",

		// Asks for both at once, so that the person is asked once; then for each alone, if not both were to be had.
		async ask() {
			if (!self.wants.video || !(await open("audio", "video"))) {
				await open("audio");
				if (self.wants.video) await open("video");
			}
			self.asked = true;
			changed();
		},

		// Turns a device on or off. Off, the camera is let go: its light goes out.
		async set(kind, on) {
			self.wants[kind] = on;
			if (kind === "video" && !on) drop(kind);
			else if (self[kind]) self[kind].enabled = on;
			else if (on) await open(kind);
			keep();
		},

		// The host wants it: it is not remembered.
		mute() {
			self.wants.audio = false;
			if (self.audio) self.audio.enabled = false;
			changed();
		},

		async pick(kind, id) {
			self.chosen[kind] = id;
			if (self.wants[kind]) await reopen(kind);
			keep();
		},

		async flip() {
			self.facing = self.facing === "user" ? "environment" : "user";
			delete self.chosen.video;
			await reopen("video");
			changed();
		},

		async share() {
			if (self.screen) drop("screen");
			else {
				try {
					const [track] = (await media.getDisplayMedia({ video: WISHES.screen })).getVideoTracks();
					track.contentHint = "detail";
					track.onended = () => self.screen && self.share(); // the browser's own bar
					self.screen = track;
				} catch { /* they thought better of it */ }
			}
			changed();
		},

		stop: () => ["audio", "video", "screen"].forEach(drop),
		isOn: (kind) => Boolean(self[kind]?.enabled),
		track: (kind) => (kind === "video" ? self.screen ?? self.video : self.audio),
		// What is really sent.
		get sends() { return { audio: self.isOn("audio"), video: Boolean(self.track("video")), screen: Boolean(self.screen) }; },
		// The sentence about what is missing, or "".
		get fault() {
			const { audio, video } = faults, Device = say(audio ? (video ? "devices" : "audio") : "video");
			return say(audio && video && audio !== video ? "none" : audio ?? video ?? "", { Device, device: Device.toLowerCase() });
		},
	};

	function keep() {
		localStorage.setItem("devices", JSON.stringify({ wants: self.wants, chosen: self.chosen }));
		changed();
	}

	function wish(kind) {
		const deviceId = self.chosen[kind];
		return { ...WISHES[kind], ...(deviceId ? { deviceId } : kind === "video" && { facingMode: self.facing }) };
	}

	async function open(...kinds) {
		try {
			take(await media.getUserMedia(Object.fromEntries(kinds.map((kind) => [kind, wish(kind)]))));
			return true;
		} catch ({ name }) {
			for (const kind of kinds) faults[kind] = CAUSES[name] ?? "none";
		}
	}

	function reopen(kind) {
		drop(kind); // most phones open one camera at a time
		return open(kind);
	}

	function take(stream) {
		for (const track of stream.getTracks()) {
			const { kind } = track;
			if (self[kind] || (kind === "video" && !self.wants.video)) {
				track.stop(); // asked for twice, or unwanted by now
				continue;
			}
			self[kind] = track;
			faults[kind] = null;
			if (kind === "audio") self.ear = track.clone();
			else track.contentHint = "motion";
			track.enabled = self.wants[kind];
			track.onended = async () => { // unplugged: perhaps there is another one
				if (self[kind] !== track) return;
				await reopen(kind);
				changed();
			};
		}
	}

	function drop(kind) {
		self[kind]?.stop();
		self[kind] = null;
		if (kind === "audio") drop("ear");
	}

	try {
		const { wants, chosen } = JSON.parse(localStorage.getItem("devices"));
		Object.assign(self.wants, wants);
		Object.assign(self.chosen, chosen);
	} catch { /* nothing kept, or nothing that we know */ }
	media?.addEventListener("devicechange", changed);
	return self;
}
