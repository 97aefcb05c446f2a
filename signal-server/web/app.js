// The guest page: from the door to the call and out again. Owns the devices and the call of the moment.

import { Call } from "./call.js";
import { clearChat, readChat, startChat } from "./chat.js";
import { Devices } from "./devices.js";
import { $, all, dress, el, flag, label, on, one, setAvatar, setTrack, write } from "./dom.js";
import { levelOf } from "./levels.js";
import { drawSecret, forgetIn, hashOf, linkOf, readLink, readTyped, secretOf, wasIn } from "./link.js";
import { read } from "./quality.js";
import { askFeatures } from "./signalling.js";
import { hearBy, playAll } from "./tiles.js";
import { say } from "./words.js";

const TICK_MS = 200;
const KEYS = { m: "audio", v: "video", d: "share", r: "hand", c: "chat", p: "people", "?": "settings" };
const KINDS = { audio: "audioinput", video: "videoinput", speaker: "audiooutput" };

const link = readLink(), devices = Devices(draw);
// The call of the moment; what this server can do; the lock that keeps the screen lit; whether a key is held to talk.
let call = null, features = [], awake = null, talking = false;

const isScreen = (name) => document.body.dataset.screen === name;
const fault = (sentence) => write(isScreen("wait") ? "wait-trouble" : "door-fault", sentence);
const press = (act, is) => { for (const button of all(`[data-do=${act}]`)) button.ariaPressed = is; };

function show(screen) {
	document.body.dataset.screen = screen;
	if (screen === "call") navigator.wakeLock?.request("screen").then((lock) => { awake = lock; }, () => {});
	else awake?.release();
}

const roomLine = (room) => room && say("room", { room: /^\d{9}$/.test(room) ? room.replace(/\d{3}(?=\d)/g, "$& ") : room });

function showRoom(room) {
	$("room-field").hidden = room;
	for (const element of all(".room")) element.textContent = roomLine(room);
}

function joining(busy) {
	$("join-button").disabled = $("create").disabled = busy;
	write("join-button", say(busy ? "joining" : "join"));
}

async function draw() {
	call?.mediaChanged();
	for (const kind of ["audio", "video"]) {
		const is = devices.isOn(kind);
		press(kind, is);
		for (const button of all(`[data-do=${kind}]`)) label(button, say(kind + (is ? "_off" : "_on")));
	}
	setTrack($("preview"), devices.video);
	flag($("preview"), "mirrored", devices.facing === "user");
	flag(one(".preview"), "live", devices.video);
	setAvatar($("preview-avatar"), $("nick").value);
	write("preview-note", devices.fault || say(devices.asked ? "unseen" : "preview_wait"));
	press("share", Boolean(devices.screen));
	$("sharing").hidden = !devices.screen;
	hearBy(devices.chosen.speaker);
	const found = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
	for (const select of all("select")) {
		const kind = select.dataset.pick, some = found.filter((device) => device.kind === KINDS[kind] && device.deviceId);
		select.parentElement.hidden = !some.length || (kind === "speaker" && !HTMLMediaElement.prototype.setSinkId);
		label(select, say(kind));
		select.replaceChildren(...some.map(({ deviceId, label }, n) => new Option(label || `${say(kind)} ${n + 1}`, deviceId)));
		const used = devices.chosen[kind] ?? devices[kind]?.getSettings().deviceId;
		if (some.some(({ deviceId }) => deviceId === used)) select.value = used;
	}
	const cameras = found.filter(({ kind }) => kind === KINDS.video).length;
	for (const button of all("[data-do=flip]")) button.hidden = !devices.video || cameras < 2 || !matchMedia("(pointer: coarse)").matches;
}

function enter(room, create) {
	const nick = $("nick").value.trim(), relayOnly = new URLSearchParams(location.search).get("relay") === "1";
	localStorage.setItem("nick", nick);
	write("door-fault", "");
	joining(true);
	clearChat();
	call = Call({ room, nick, password: $("password").value || undefined, create, devices, relayOnly }, {
		fault, end,
		blocked: () => { $("hear").hidden = false; },
		waiting() {
			write("wait-line", [roomLine(room), nick].filter(Boolean).join(" · "));
			show("wait");
			$("cancel").focus();
		},
		entered() {
			joining(false);
			history.replaceState(null, "", `/r/${encodeURIComponent(call.room)}${location.search}`);
			showRoom(call.room);
			show("call");
		},
	});
}

// The call was refused: back to the door, which says why. Or it is `over`.
function end(code, sentence, over) {
	features = call.server.features;
	call = null;
	joining(false);
	panel();
	for (const dialog of all("dialog")) dialog.close();
	if (over) {
		devices.stop();
		draw();
		write("gone-title", sentence);
		$("gone-title").dataset.code = code;
		show("gone");
		return $("again").focus();
	}
	show("door");
	if (code === "bad_password") $("password-field").hidden = false;
	$("start").hidden = !features.includes("create") || (link.room && code !== "no_such_room");
	$(code === "bad_password" ? "password" : "join-button").focus();
	fault(sentence);
}

function panel(name) {
	const left = document.activeElement?.closest("aside");
	for (const id of ["chat", "people"]) {
		$(id).hidden = id !== name;
		$(`${id}-button`).ariaExpanded = id === name;
	}
	if (left?.hidden) $(`${left.id}-button`).focus();
	if (name !== "chat") return;
	readChat();
	$("chat-text").focus();
}

const toggle = (name) => call && panel($(name).hidden && name);

// Asks before something that cannot be taken back: `answers` is {word: what it does}.
function ask(sentence, answers) {
	const answer = (word) => el("button", { className: "quiet", onclick: () => ($("ask").close(), answers[word]()) }, say(word));
	$("ask").replaceChildren(el("p", {}, sentence), ...Object.keys(answers).map(answer));
	$("ask").showModal();
}

function leave() {
	forgetIn(call.room);
	call.close();
	end("left", say("left"), true);
}

const cancel = () => {};
const endRoom = () => call.order("end_room");

const acts = {
	audio: () => devices.set("audio", !devices.isOn("audio")),
	video: () => devices.set("video", !devices.isOn("video")),
	flip: devices.flip,
	share: () => call && devices.share(),
	hand() {
		call?.raise(!call.hand);
		press("hand", Boolean(call?.hand));
	},
	chat: () => toggle("chat"),
	people: () => toggle("people"),
	close: () => panel(),
	settings() {
		if ($("settings").open) return $("settings").close();
		one("#settings h2").after($("pickers"));
		$("settings").showModal();
	},
	async create() {
		const secret = $("open").checked ? undefined : secretOf(link.room) ?? drawSecret();
		enter(link.room || undefined, { secret, hash: secret && (await hashOf(secret)) });
	},
	again: () => location.reload(),
	cancel() {
		call?.close();
		end("cancelled", "");
	},
	hear() {
		$("hear").hidden = true;
		playAll();
	},
	async copy(button) {
		await navigator.clipboard?.writeText(linkOf(call.room)).catch(() => {});
		button.textContent = say("copied");
		setTimeout(() => { button.textContent = say("copy"); }, 2000);
	},
	leave: () => (call.role === "host" && call.peers.size ? ask(say("ask_leave"), { end_room: endRoom, leave, cancel }) : leave()),
	end_room: () => ask(say("ask_end"), { end_room: endRoom, cancel }),
	kick: ({ dataset: { peer, name } }) => ask(say("ask_kick", { name }), { kick: () => call.order("kick", { peer }), cancel }),
};
for (const order of ["mute_all", "lock", "unlock"]) acts[order] = () => call.order(order);
for (const order of ["admit", "deny", "make_host"]) acts[order] = (button) => call.order(order, { peer: button.closest("[data-peer]").dataset.peer });

function join(event) {
	event.preventDefault();
	if (call) return;
	const { room, url } = link.room ? link : readTyped($("room").value.trim());
	if (url) location.href = url;
	else if (room) enter(room);
	else fault(say(room === "" ? "need_room" : "wrong_link"));
}

function onKey(event) {
	const { target, key, type, repeat } = event, down = type === "keydown";
	if (target.closest?.("dialog")) return;
	if (key === "Escape" && down) panel();
	if (target.closest?.("input, textarea, select") || event.ctrlKey || event.altKey || event.metaKey) return;
	const act = acts[KEYS[key.toLowerCase()]], space = key === " " && isScreen("call");
	if (!space && !act) return;
	event.preventDefault(); // or the letter lands in the text, and the space fires the button that has the focus
	if (!space) return down && !repeat && act();
	if (repeat || (down ? devices.isOn("audio") : !talking)) return;
	talking = down;
	devices.set("audio", down);
}

function start() {
	dress(document);
	showRoom(link.room);
	joining(false);
	startChat((text) => call?.say(text));
	$("nick").value = localStorage.getItem("nick") ?? "";
	$("open").checked = $("open").disabled = !globalThis.crypto.subtle; // without it no secret can be told
	one("nav [data-do=share]").hidden = !navigator.mediaDevices?.getDisplayMedia;
	draw();
	if (link.wrong) fault(say("wrong_link"));
	if (!globalThis.RTCPeerConnection) {
		$("join-button").disabled = true;
		return fault(say("no_rtc"));
	}
	on($("join"), "submit", join);
	on($("nick"), "input", () => setAvatar($("preview-avatar"), $("nick").value));
	on($("password-form"), "submit", (event) => {
		event.preventDefault();
		call.order("set_password", { password: $("room-password").value || undefined });
		$("room-password").value = "";
	});
	on(document, "click", ({ target }) => {
		const button = target.closest("[data-do]");
		if (button) acts[button.dataset.do]?.(button);
	});
	on(document, "change", ({ target: { dataset, value } }) => dataset.pick && devices.pick(dataset.pick, value));
	on(document, "keydown", onKey);
	on(document, "keyup", onKey);
	on(document, "visibilitychange", () => !document.hidden && show(document.body.dataset.screen)); // the lock went with the sight
	on(window, "pagehide", () => call?.close());
	on($("settings"), "close", () => $("join-button").before($("pickers")));
	setInterval(() => {
		const level = levelOf(devices.ear);
		$("level").style.setProperty("--level", Math.min(1, level * 6));
		call?.tick(level);
	}, TICK_MS);
	devices.ask();
	if (link.room && wasIn(link.room)) enter(link.room);
	else if (!link.room) lookForServer();
}

// Without a room in the link: may rooms be made here?
async function lookForServer() {
	const found = await askFeatures();
	if (!found) return setTimeout(lookForServer, 5000);
	$("start").hidden = !found.includes("create");
}

// For tests and curious people: who is here, how they are connected, what was said.
const people = () => [...(call?.peers.values() ?? [])].map(({ peer }) => peer);
Object.defineProperty(window, "hearth", {
	value: Object.freeze({
		get peers() {
			return people().map(({ id, entry, main: { state, sid }, hand = false, quality }) => (
				{ ...entry, id, away: Boolean(entry.away), state, sid, hand, grade: quality?.grade, relayed: quality?.relayed }));
		},
		get chat() { return call?.chat.lines ?? []; },
		get lobby() { return [...(call?.lobby.values() ?? [])]; },
		get role() { return call?.role ?? null; },
		get waiting() { return Boolean(call?.waiting); },
		get link() { return call?.inRoom ? linkOf(call.room) : null; },
		stats: () => Promise.all(people().map(async ({ id, main }) => ({ id, ...(await read(main.pc)) }))),
	}),
});

start();
