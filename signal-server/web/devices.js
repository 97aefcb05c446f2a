// Camera, microphone, shared screen: what is wanted, what there is, why not, and how loud it is.

import { say } from "./words.js";

const WISHES = { audio: {}, video: { width: 1280, height: 720 }, screen: { width: { max: 1920 }, height: { max: 1200 }, frameRate: { max: 30 } } };
const CAUSES = { NotAllowedError: "no_access", NotReadableError: "in_use", AbortError: "in_use", TypeError: "insecure" };
const WINDOW = 8192; // samples: most of the time between two looks

const media = navigator.mediaDevices, faults = {}; // why there is no audio, no video

export const devices = {
	// Live tracks, or null. `ear` hears our microphone while it is muted, for the meter alone.
	audio: null, video: null, screen: null, ear: null,
	// What the person wants (a device may refuse), and which ones by id; where a phone's camera looks.
	wants: { audio: true, video: true }, chosen: {}, facing: "user",
	asked: false, // and answered
	faults,
	news() {}, // is called when anything here has changed

	// Asks for both at once, so that the person is asked once; then for each alone.
	async ask() {
		const kinds = devices.wants.video ? ["audio", "video"] : ["audio"];
		if (!(await open(...kinds))) for (const kind of kinds) await open(kind);
		devices.asked = true;
		devices.news();
	},

	// Turns a device on or off; off, the camera's light goes out. What a host ordered is not remembered.
	async set(kind, on, ordered) {
		devices.wants[kind] = on;
		if (kind === "video" && !on) drop(kind);
		else if (devices[kind]) devices[kind].enabled = on;
		else if (on) await open(kind);
		if (!ordered) keep();
		devices.news();
	},

	pick(kind, id) {
		devices.chosen[kind] = id;
		keep();
		if (devices.wants[kind]) reopen(kind);
		else devices.news();
	},

	flip() {
		devices.facing = devices.facing === "user" ? "environment" : "user";
		delete devices.chosen.video;
		reopen("video");
	},

	async share() {
		if (devices.screen) drop("screen");
		else {
			try {
				const [track] = (await media.getDisplayMedia({ video: WISHES.screen })).getVideoTracks();
				track.contentHint = "detail";
				track.onended = () => devices.screen && devices.share(); // the browser's own bar
				devices.screen = track;
			} catch { /* they thought better of it */ }
		}
		devices.news();
	},

	stop: () => ["audio", "video", "screen"].forEach(drop),
	isOn: (kind) => Boolean(devices[kind]?.enabled),
	track: (kind) => (kind === "video" ? devices.screen ?? devices.video : devices.audio),
	// What is really sent.
	get sends() { return { audio: devices.isOn("audio"), video: !!devices.track("video"), screen: !!devices.screen }; },
	// The sentence about what is missing, or "".
	faultOf(inCall) {
		const { audio, video } = faults, Device = say(audio ? (video ? "devices" : "audio") : "video");
		const why = audio && video && audio !== video ? "none" : audio || video;
		return say(inCall && why === "none" ? "lacks" : why, { Device, device: Device.toLowerCase() });
	},
};

const keep = () => { localStorage.devices = JSON.stringify({ wants: devices.wants, chosen: devices.chosen }); };

async function open(...kinds) {
	const wish = (kind) => {
		const deviceId = devices.chosen[kind];
		return { ...WISHES[kind], ...(deviceId ? { deviceId } : kind === "video" && { facingMode: devices.facing }) };
	};
	try {
		const stream = await media.getUserMedia(Object.fromEntries(kinds.map((kind) => [kind, wish(kind)])));
		stream.getTracks().forEach(take);
		return true;
	} catch ({ name }) {
		for (const kind of kinds) faults[kind] = CAUSES[name] ?? "none";
	}
}

async function reopen(kind) {
	drop(kind); // most phones open one camera at a time
	await open(kind);
	devices.news();
}

function take(track) {
	const { kind } = track;
	if (devices[kind] || (kind === "video" && !devices.wants.video)) return track.stop(); // asked for twice, or unwanted by now
	devices[kind] = track;
	faults[kind] = "";
	if (kind === "audio") devices.ear = track.clone();
	track.enabled = devices.wants[kind];
	track.onended = () => devices[kind] === track && reopen(kind); // unplugged: is there another one?
}

function drop(kind) {
	devices[kind]?.stop();
	devices[kind] = null;
	if (kind === "audio") drop("ear");
}

let context;
const meters = new WeakMap(), samples = new Float32Array(WINDOW);

// The loudness of `track`, 0 to 1: as the packets of `receiver` tell, else measured.
export function levelOf(track, receiver) {
	if (track?.readyState !== "live") return 0;
	const told = receiver?.getSynchronizationSources?.()[0]?.audioLevel;
	// A browser lets nobody listen in before the person has touched the page.
	if (told !== undefined || !(context || navigator.userActivation?.hasBeenActive)) return told ?? 0;
	try {
		context ??= new AudioContext();
		if (!meters.has(track)) {
			const source = context.createMediaStreamSource(new MediaStream([track]));
			meters.set(track, [source.connect(new AnalyserNode(context, { fftSize: WINDOW })), source]); // held, it lives
		}
		meters.get(track)[0].getFloatTimeDomainData(samples);
		return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / WINDOW);
	} catch {
		return 0; // no sound on this machine: no ring
	}
}

try {
	Object.assign(devices, JSON.parse(localStorage.devices));
} catch { /* nothing kept, or nothing that we know */ }
media?.addEventListener("devicechange", () => devices.news());
