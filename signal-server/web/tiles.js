// The tiles: what each shows, and where it stands. One may be featured: pinned, a shared screen, or who speaks.

import { $, copy, flag, label, one, setAvatar, setTrack } from "./dom.js";
import { say } from "./words.js";

const GAP = 10;
const HOLD = 5; // looks (five a second) for which somebody speaks before the others make room
const tiles = new Set();
// `sink` is where the others are heard; "" for the system's choice.
let pinned, speaker, sink = "";

// One picture and one sound. Sound has an element of its own, so that it never waits for a picture.
export class Tile {
	root = copy("tile"); sharing = false; #audio = new Audio(); #blocked; #loud = 0;

	constructor(own, blocked) {
		const { root } = this, video = this.find("video");
		this.own = own;
		this.#blocked = blocked;
		this.#audio.autoplay = true;
		this.hear();
		flag(root, "own", own);
		video.onresize = () => flag(root, "tall", video.videoHeight > video.videoWidth);
		root.onclick = () => {
			pinned = pinned === this ? null : this;
			arrange();
		};
		root.ondblclick = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen?.());
		tiles.add(this);
		$("grid").append(root);
		arrange();
	}

	find(selector) { return one(selector, this.root); }

	// `nick`, tracks `audio` and `video`, what they say they send (`media`), their marks, and a sentence (`state`).
	draw({ id = "", nick, audio, video, media, host, hand, quality, mirrored, state = "", faltering }) {
		const { root } = this, { audio: heard, video: filmed, screen } = media;
		root.dataset.peer = id;
		this.find(".name").textContent = nick;
		this.find(".state").textContent = state;
		this.find(".badge").hidden = !host;
		this.find(".hand").hidden = !hand;
		const marks = [host && "host", !heard && "muted", !filmed && "unseen", hand && "hand_up"].filter(Boolean).map((word) => say(word));
		root.ariaLabel = [nick, ...marks, state].filter(Boolean).join(", ");
		for (const [name, is] of Object.entries({ silent: !heard, unseen: !filmed, seen: filmed && video, sharing: screen, mirrored, faltering })) flag(root, name, is);
		const { grade, relayed, trip, lost } = quality ?? {}, mark = this.find(".quality");
		mark.hidden = !grade;
		mark.dataset.grade = grade;
		if (grade) label(mark, [say(grade), say(relayed ? "relayed" : "direct"), `${trip} ms`, say("lost", { n: lost })].join(" · "));
		setAvatar(this.find(".avatar"), nick, id);
		setTrack(this.find("video"), video);
		if (audio && setTrack(this.#audio, audio)) this.play();
		if (this.sharing === Boolean(screen)) return;
		this.sharing = !this.sharing;
		arrange();
	}

	// A ring round who speaks; who goes on becomes the one that is seen largest.
	speaking(is) {
		flag(this.root, "speaking", is);
		this.#loud = is ? this.#loud + 1 : 0;
		if (this.#loud !== HOLD || this.own) return;
		speaker = this;
		arrange();
	}

	// Starts the sound; a browser that wants a click first says no.
	play() { this.#audio.play().catch(({ name }) => name === "NotAllowedError" && this.#blocked?.()); }

	hear() { this.#audio.setSinkId?.(sink).catch(() => {}); }

	remove() {
		tiles.delete(this);
		if (pinned === this) pinned = null;
		if (speaker === this) speaker = null;
		this.root.remove();
		this.#audio.srcObject = null;
		arrange();
	}
}

export const playAll = () => tiles.forEach((tile) => tile.play());

export function hearBy(id = "") {
	sink = id;
	tiles.forEach((tile) => tile.hear());
}

function arrange() {
	const all = [...tiles], { clientWidth: w, clientHeight: h } = $("grid"), wide = w > h;
	$("alone").hidden = all.length > 1;
	const crowded = all.length > (Math.min(w, h) < 500 ? 2 : 4);
	const star = all.length > 1 && (pinned ?? all.find((tile) => tile.sharing && !tile.own) ?? (crowded && speaker));
	for (const tile of all) {
		flag(tile.root, "featured", tile === star);
		const pin = tile.find(".pin");
		label(pin, say(tile === pinned ? "unpin" : "pin"));
		pin.ariaPressed = tile === pinned;
	}
	if (!star) return pack(all, 0, 0, w, h);
	const strip = wide ? Math.min(240, w * 0.22) : Math.min(170, h * 0.24), [x, y] = wide ? [w - strip, 0] : [0, h - strip];
	pack([star], 0, 0, x ? x - GAP : w, y ? y - GAP : h);
	pack(all.filter((tile) => tile !== star), x, y, w - x, h - y);
}

// Puts tiles into a rectangle, in the columns that make them largest: as wide as pictures are; taller where the place is.
function pack(some, left, top, width, height) {
	const count = some.length, least = width > height || some[0]?.sharing ? 16 / 9 : 3 / 4;
	let w = 0, h = 0, columns, rows;
	for (let across = 1; across <= count; across += 1) {
		const down = Math.ceil(count / across), room = (height + GAP) / down - GAP;
		const wide = Math.min((width + GAP) / across - GAP, (room * 16) / 9), high = Math.min(room, wide / least);
		if (wide * high > w * h) [w, h, columns, rows] = [wide, high, across, down];
	}
	some.forEach(({ root }, n) => {
		const row = Math.floor(n / columns), inRow = Math.min(columns, count - row * columns);
		root.style.left = `${left + (width - inRow * (w + GAP) + GAP) / 2 + (n % columns) * (w + GAP)}px`;
		root.style.top = `${top + (height - rows * (h + GAP) + GAP) / 2 + row * (h + GAP)}px`;
		root.style.width = `${w}px`;
		root.style.height = `${h}px`;
		flag(root, "small", w < 220);
	});
}

new ResizeObserver(arrange).observe($("grid"));
