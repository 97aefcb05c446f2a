// What is seen: screens, tiles, buttons. It is told everything and decides nothing of the call.

import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
const GAP = 12;
const RATIO = 16 / 9;

export const show = (screen) => { document.body.dataset.screen = screen; };

/** The sentence under the join button. */
export const doorFault = (sentence) => { $("door-fault").textContent = sentence; };
export const banner = (sentence) => { $("banner").textContent = sentence; };
export const joining = (busy) => {
  $("join-button").disabled = busy;
  $("join-button").firstElementChild.textContent = say(busy ? "joining" : "join");
};
/** The call is over. `code` is for tests. */
export const gone = (code, sentence) => {
  $("gone-title").textContent = sentence;
  $("gone-title").dataset.code = code;
  show("gone");
  $("again").focus();
};
/** Back to the door, with the reason. */
export const backToDoor = (sentence) => {
  doorFault(sentence);
  show("door");
  $("join-button").focus();
};
/** At the door: the host decides. */
export const wait = (room, nick) => {
  waitTrouble("");
  $("wait-line").textContent = [room && say("room", { room: roomText(room) }), nick].filter(Boolean).join(" · ");
  show("wait");
  $("cancel").focus();
};
export const waitTrouble = (sentence) => { $("wait-trouble").textContent = sentence; };
/** In the room. */
export const enterRoom = (room) => {
  joining(false);
  showRoom(room);
  show("call");
  arrange();
};
/** The browser wants a click before it plays sound. */
export const offerSound = () => { $("hear").hidden = false; };

/** Those who wait, where we are the host: a card each, the ones that stand keep their place and the focus. */
export function drawLobby(entries) {
  const list = $("knocks");
  for (const card of [...list.children]) {
    if (!entries.some(({ id }) => id === card.dataset.peer)) card.remove();
  }
  for (const { id, nick } of entries) {
    if ([...list.children].some((card) => card.dataset.peer === id)) continue;
    const name = nick || say("guest");
    const card = $("knock").content.firstElementChild.cloneNode(true);
    card.dataset.peer = id;
    setAvatar(card.querySelector(".avatar"), name, id);
    card.querySelector("p").textContent = say("knocks", { name });
    for (const button of card.querySelectorAll("button")) {
      button.textContent = say(button.dataset.word);
      button.setAttribute("aria-label", say(`${button.dataset.word}_name`, { name }));
    }
    list.append(card);
  }
}

/** A room's number in groups of three; a name as it is. */
export const roomText = (room) => (/^\d{9}$/.test(room) ? room.replace(/(\d{3})(?=\d)/g, "$1 ") : room);

export function showRoom(room) {
  $("room-field").hidden = Boolean(room);
  $("room-line").textContent = room ? say("room", { room: roomText(room) }) : "";
  $("bar-room").textContent = room ? say("room", { room: roomText(room) }) : "";
}

/** Buttons and preview as the devices are. */
export function drawDevices(devices, nick) {
  $("leave").title = say("leave");
  $("leave").setAttribute("aria-label", say("leave"));
  const sends = devices.sends;
  for (const button of document.querySelectorAll("[data-toggle]")) {
    const kind = button.dataset.toggle;
    const word = `${kind === "audio" ? "mic" : "camera"}_${sends[kind] ? "off" : "on"}`;
    button.setAttribute("aria-pressed", String(sends[kind]));
    button.setAttribute("aria-label", say(word));
    button.title = say(word);
  }
  setVideo($("preview"), devices.video);
  document.querySelector(".preview").classList.toggle("live", sends.video);
  setAvatar($("preview-avatar"), nick, "");
  $("preview-note").textContent = devices.fault ? say(devices.fault) : devices.asked ? say("preview_off") : say("preview_wait");
}

/** One person's tile. Sound has an element of its own, so that it never waits for a picture. */
export class Tile {
  #root; #video; #audio = new Audio(); #blocked;

  constructor(own, blocked = () => {}) {
    this.#root = $("tile").content.firstElementChild.cloneNode(true);
    this.#root.classList.toggle("own", own);
    this.#root.querySelector(".badge").textContent = say("host");
    this.#video = this.#root.querySelector("video");
    this.#audio.autoplay = true;
    this.#blocked = blocked;
    $("grid").append(this.#root);
    arrange();
  }

  /** `person`: {id, nick, audio, video: tracks, media, host, state: a sentence, faltering}. */
  draw(person) {
    const root = this.#root;
    root.dataset.peer = person.id;
    root.querySelector(".name").textContent = person.nick;
    root.querySelector(".state").textContent = person.state ?? "";
    const marks = [
      person.host && say("host"), !person.media.audio && say("is_muted"), !person.media.video && say("is_unseen"), person.state,
    ];
    root.setAttribute("aria-label", [person.nick, ...marks].filter(Boolean).join(", "));
    root.querySelector(".badge").hidden = !person.host;
    root.classList.toggle("silent", !person.media.audio);
    root.classList.toggle("unseen", !person.media.video);
    root.classList.toggle("seen", person.media.video && Boolean(person.video));
    root.classList.toggle("faltering", Boolean(person.faltering));
    setAvatar(root.querySelector(".avatar"), person.nick, person.id);
    setVideo(this.#video, person.video);
    if (person.audio && setStream(this.#audio, person.audio)) this.play();
  }

  speaking(is) {
    this.#root.classList.toggle("speaking", is);
  }

  /** Starts the sound; a browser that wants a click first says no. */
  play() {
    this.#audio.play().catch((error) => { if (error.name === "NotAllowedError") this.#blocked(); });
  }

  remove() {
    this.#root.remove();
    this.#audio.srcObject = this.#video.srcObject = null;
    arrange();
  }
}

function setVideo(element, track) {
  if (!track) element.srcObject = null;
  else if (setStream(element, track)) element.play().catch(() => {}); // muted: it plays once it has a picture
}

/** True when the element shows something new. */
function setStream(element, track) {
  if (element.srcObject?.getTracks()[0] === track) return false;
  element.srcObject = new MediaStream([track]);
  return true;
}

function setAvatar(element, nick, id) {
  const hue = [...`${id}${nick}`].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 70, 7);
  element.textContent = ([...nick.trim()][0] ?? "").toUpperCase();
  element.style.setProperty("--hue", String(hue < 48 ? hue : hue + 280)); // embers, with some rose among them
}

/** The columns that make the tiles largest. */
function arrange() {
  const grid = $("grid");
  const count = grid.childElementCount;
  $("alone").hidden = count > 1;
  const style = getComputedStyle(grid);
  const width = grid.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const height = grid.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
  if (!count || width <= 0 || height <= 0) return;
  let best = 0;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const byWidth = (width - GAP * (columns - 1)) / columns;
    const byHeight = ((height - GAP * (rows - 1)) / rows) * RATIO;
    best = Math.max(best, Math.min(byWidth, byHeight));
  }
  grid.style.setProperty("--tile-width", `${Math.floor(best)}px`);
}

new ResizeObserver(arrange).observe($("grid"));
