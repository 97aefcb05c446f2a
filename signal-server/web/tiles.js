// The tiles. One may be featured: pinned, a shared screen, or who speaks.

import { devices } from "./devices.js";
import { $, avatar, changed, dress, label, one, setTrack } from "./dom.js";
import { say } from "./words.js";

const GAP = 10;
const HOLD = 5; // looks (five a second) for which somebody speaks before the others make room

const tiles = new Set();
let pinned, speaker;

export const sound = { blocked: false }; // the browser wants a click before it lets the others be heard

// One picture and one sound, which has an element of its own: it waits for no picture.
export function Tile(own) {
	const root = dress($("tile").content.cloneNode(true)).firstElementChild, find = (selector) => one(selector, root);
	const video = find("video"), audio = Object.assign(new Audio(), { autoplay: true });
	let loud = 0, sink = "";
	video.onresize = changed;
	root.onclick = () => {
		pinned = pinned !== self && self;
		changed();
	};
	root.ondblclick = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen?.());
	$("grid").insertBefore(root, own ? null : one("#grid > .own")); // ours is the last
	root.classList.toggle("own", !!own);

	const self = {
		root, own, sharing: false,
		// A picture in a window of its own is seen while the page is hidden; Firefox, which has those too, tells of none.
		get lines() { return document.hidden && document.pictureInPictureElement !== video ? ("pictureInPictureEnabled" in document ? 0 : 180) : Math.min(root.clientWidth, root.clientHeight) * devicePixelRatio; },

		// Shows somebody: what they say they send (`media`), tracks, marks, what there is to say of them (`word`).
		draw({ id, name, media, audio: heard, video: track, role, hand, quality, mirrored, word = "" }) {
			self.sharing = media.screen;
			const flags = {
				mirrored, host: role === "host", silent: !media.audio, unseen: !media.video, raised: hand,
				seen: media.video && track, sharing: media.screen, tall: video.videoHeight > video.videoWidth,
			};
			for (const [flag, is] of Object.entries(flags)) root.classList.toggle(flag, Boolean(is));
			Object.assign(root.dataset, { peer: id, word });
			const title = media.screen && !own ? say("screen_of", { name }) : name;
			find(".name").textContent = title;
			find(".state").textContent = say(word);
			root.ariaLabel = [title, ...["host", "silent", "unseen", "raised"].filter((flag) => flags[flag]).concat(word || []).map((key) => say(key))].join(", ");
			const { grade, way, now, lost } = quality ?? {}, mark = find(".quality");
			mark.dataset.grade = grade ?? "";
			if (grade) label(mark, [say(grade), say(way), `${Math.round(now.trip * 1000)} ms`, say("lost", { n: lost })].join(" · "));
			avatar(find(".avatar"), name, id);
			setTrack(video, track);
			if (heard && setTrack(audio, heard)) self.play();
			const { speaker: wanted = "" } = devices.chosen;
			if (sink !== wanted) audio.setSinkId?.(sink = wanted).catch(() => {});
		},

		// A ring round who speaks; who goes on becomes the one that is seen largest.
		speaking(is) {
			root.classList.toggle("speaking", is);
			loud = is ? loud + 1 : 0;
			if (loud !== HOLD || own) return;
			speaker = self;
			changed();
		},

		play() {
			audio.play().catch(({ name }) => {
				sound.blocked ||= name === "NotAllowedError";
				changed();
			});
		},

		remove() {
			tiles.delete(self);
			if (pinned === self) pinned = null;
			if (speaker === self) speaker = null;
			root.remove();
			audio.srcObject = null;
		},
	};
	tiles.add(self);
	return self;
}

export function playAll() {
	sound.blocked = false;
	for (const tile of tiles) tile.play();
}

// Says to the style sheet which tile is featured, and how large the others are in the columns that suit them best: as wide
// as pictures are, taller where the place is.
export function arrange() {
	const grid = $("grid"), some = [...tiles], wide = grid.clientWidth > grid.clientHeight;
	const crowded = some.length > (Math.min(grid.clientWidth, grid.clientHeight) < 500 ? 2 : 4);
	const star = some.length > 1 && (pinned || some.find((tile) => tile.sharing && !tile.own) || (crowded && speaker));
	grid.className = star ? (wide ? "beside" : "below") : some.length === 2 ? "pair" : ""; // of two, ours floats
	for (const tile of some) {
		const pin = one(".pin", tile.root);
		tile.root.classList.toggle("featured", tile === star);
		pin.ariaPressed = tile === pinned;
	}
	const style = getComputedStyle(grid), count = some.length - Boolean(star), least = wide && !star ? 16 / 9 : 3 / 4;
	const width = grid.clientWidth - parseFloat(style.paddingLeft), height = grid.clientHeight - parseFloat(style.paddingTop);
	let w = 0, h = 0;
	for (let across = 1; across <= count; across += 1) {
		const room = (height + GAP) / Math.ceil(count / across) - GAP, broad = Math.min((width + GAP) / across - GAP, (room * 16) / 9);
		const high = Math.min(room, broad / least);
		if (broad * high > w * h) [w, h] = [broad, high];
	}
	grid.style.setProperty("--w", `${Math.floor(w)}px`);
	grid.style.setProperty("--h", `${Math.floor(h)}px`);
}

new ResizeObserver(changed).observe($("grid"));
