// The guest page: from the door to the call and out again. Owns the devices and the call of the moment.

import { Call } from "./call.js";
import { clearChat, readChat, startChat } from "./chat.js";
import { Devices } from "./devices.js";
import { $, all, dress, el, label, on, setAvatar, setTrack } from "./dom.js";
import { keepMeters, levelOf } from "./levels.js";
import { drawSecret, forgetIn, hashOf, linkOf, readLink, readTyped, secretOf, wasIn } from "./link.js";
import { read } from "./quality.js";
import { askFeatures } from "./signalling.js";
import { hearBy, playAll } from "./tiles.js";
import { say } from "./words.js";

const TICK_MS = 200;
const KEYS = { m: "audio", v: "video", d: "share", r: "hand", c: "chat", p: "people", "?": "settings" };
const KINDS = { audio: "audioinput", video: "videoinput", speaker: "audiooutput" };

const link = readLink();
const relayOnly = new URLSearchParams(location.search).get("relay") === "1";
const devices = Devices(() => onDevices());
/** The call of the moment, or null; whether this server lets anybody make rooms; the lock that keeps the screen lit; a key that is held to talk. */
let call = null, mayCreate = false, awake = null, talking = false;

const isScreen = (name) => document.body.dataset.screen === name;
const fault = (sentence) => { $(isScreen("wait") ? "wait-trouble" : "door-fault").textContent = sentence; };

function show(screen) {
  document.body.dataset.screen = screen;
  if (screen === "door") $("pickers-door").append($("pickers"));
  if (screen === "call") navigator.wakeLock?.request("screen").then((lock) => { awake = lock; }).catch(() => {});
  else awake?.release();
}

/** A room's number in groups of three; a name as it is. */
const roomText = (room) => (/^\d{9}$/.test(room) ? room.replace(/(\d{3})(?=\d)/g, "$1 ") : room);

function showRoom(room) {
  $("room-field").hidden = Boolean(room);
  for (const element of all(".room")) element.textContent = room && say("room", { room: roomText(room) });
}

function joining(busy) {
  $("join-button").disabled = $("create").disabled = busy;
  $("join-button").textContent = say(busy ? "joining" : "join");
}

async function onDevices() {
  const { fault: missing, sends, screen } = devices;
  call?.mediaChanged();
  for (const button of all('[data-do=audio], [data-do=video]')) {
    const is = devices.isOn(button.dataset.do);
    button.ariaPressed = is;
    label(button, say(button.dataset.do + (is ? "_off" : "_on")));
  }
  setTrack($("preview"), devices.video);
  $("preview").classList.toggle("mirrored", devices.facing === "user");
  document.querySelector(".preview").classList.toggle("live", Boolean(devices.video));
  setAvatar($("preview-avatar"), $("nick").value, "");
  $("preview-note").textContent = missing || say(devices.asked ? "unseen" : "preview_wait");
  $("share-button").ariaPressed = sends.screen;
  label($("share-button"), `${say(screen ? "stop" : "share")} (D)`);
  $("sharing").hidden = !screen;
  hearBy(devices.chosen.speaker);
  await fillPickers();
}

async function fillPickers() {
  const found = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  for (const select of all("[data-pick]")) {
    const kind = select.dataset.pick, some = found.filter((one) => one.kind === KINDS[kind] && one.deviceId);
    select.parentElement.hidden = !some.length || (kind === "speaker" && !HTMLMediaElement.prototype.setSinkId);
    select.replaceChildren(...some.map(({ deviceId, label }, n) => new Option(label || `${say(select.dataset.name)} ${n + 1}`, deviceId)));
    const used = devices.chosen[kind] ?? devices[kind]?.getSettings().deviceId;
    if (some.some(({ deviceId }) => deviceId === used)) select.value = used;
  }
  const cameras = found.filter(({ kind }) => kind === KINDS.video).length;
  for (const button of all("[data-do=flip]")) button.hidden = !(devices.video && cameras > 1 && matchMedia("(pointer: coarse)").matches);
}

function enter(room, create) {
  const nick = $("nick").value.trim();
  localStorage.setItem("nick", nick);
  $("door-fault").textContent = "";
  joining(true);
  clearChat();
  call = Call({ room, nick, password: $("password").value || undefined, create, devices, relayOnly }, {
    fault, end: onEnd,
    blocked: () => { $("hear").hidden = false; },
    waiting() {
      $("wait-line").textContent = [room && say("room", { room: roomText(room) }), nick].filter(Boolean).join(" · ");
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

/** The call was refused: back to the door, which says why. Or it is over. */
function onEnd(code, sentence, over) {
  mayCreate ||= call.server.features.includes("create");
  call = null;
  joining(false);
  panel("");
  for (const dialog of all("dialog")) dialog.close();
  if (over) {
    devices.stop();
    onDevices();
    $("gone-title").textContent = sentence;
    $("gone-title").dataset.code = code;
    show("gone");
    return $("again").focus();
  }
  $("password-field").hidden &&= code !== "bad_password";
  $("start").hidden = !mayCreate || (Boolean(link.room) && code !== "no_such_room");
  show("door");
  $(code === "bad_password" ? "password" : "join-button").focus();
  fault(sentence);
}

/** Opens one of the panels beside the tiles, or none. */
function panel(name) {
  const hadFocus = document.activeElement?.closest("aside");
  for (const id of ["chat", "people"]) {
    $(id).hidden = id !== name;
    $(`${id}-button`).ariaExpanded = id === name;
  }
  if (name === "chat") {
    readChat();
    $("chat-text").focus();
  } else if (hadFocus?.hidden) $(`${hadFocus.id}-button`).focus();
}

/** Asks before something that cannot be taken back; each of `words` is an answer. */
function ask(sentence, words, act) {
  const close = (word) => () => {
    $("ask").close();
    act(word);
  };
  $("ask").replaceChildren(el("p", {}, sentence), ...words.map((word) => el("button", { className: "quiet", onclick: close(word) }, say(word))));
  $("ask").showModal();
}

function leave() {
  forgetIn(call.room);
  call.close();
  onEnd("left", say("left"), true);
}

async function create() {
  const room = link.room || undefined, secret = $("open").checked ? undefined : secretOf(room) ?? drawSecret();
  enter(room, { secret, hash: secret && (await hashOf(secret)) });
}

/** What buttons do (`data-do`), and keys. */
const acts = {
  audio: () => devices.set("audio", !devices.isOn("audio")),
  video: () => devices.set("video", !devices.isOn("video")),
  flip: () => devices.flip(),
  share: () => call && devices.share(),
  hand() {
    if (!call) return;
    call.raise(!call.hand);
    $("hand-button").ariaPressed = call.hand;
    label($("hand-button"), `${say(call.hand ? "lower" : "hand")} (R)`);
  },
  chat: () => call && panel($("chat").hidden ? "chat" : ""),
  people: () => call && panel($("people").hidden ? "people" : ""),
  close: () => panel(""),
  settings() {
    if ($("settings").open) return $("settings").close();
    if (isScreen("call")) $("pickers-call").append($("pickers"));
    $("settings").showModal();
  },
  done: () => $("settings").close(),
  create,
  again: () => location.reload(),
  cancel() {
    call?.close();
    onEnd("cancelled", "", false);
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
  leave() {
    if (call.role !== "host" || !call.peers.size) return leave();
    ask(say("ask_leave"), ["end_room", "leave", "cancel"], (word) => (word === "leave" ? leave() : word === "end_room" && call.order(word)));
  },
  end_room: () => ask(say("ask_end"), ["end_room", "cancel"], (word) => word === "end_room" && call.order(word)),
  kick({ dataset: { peer, name } }) {
    ask(say("ask_kick", { name }), ["kick", "cancel"], (word) => word === "kick" && call.order(word, { peer }));
  },
};
for (const order of ["mute_all", "lock", "unlock"]) acts[order] = () => call.order(order);
for (const order of ["admit", "deny", "make_host"]) acts[order] = (button) => call.order(order, { peer: button.closest("[data-peer]").dataset.peer });

function onJoin(event) {
  event.preventDefault();
  if (call) return;
  const typed = link.room ? link : readTyped($("room").value.trim());
  if (typed.url) location.href = typed.url;
  else if (typed.room) enter(typed.room);
  else fault(say(typed.room === "" ? "need_room" : "wrong_link"));
}

function onKey(event) {
  const { target, key, type } = event, down = type === "keydown";
  if (key === "Escape" && down) panel("");
  if (target.closest?.("input, textarea, select, dialog") || event.ctrlKey || event.altKey || event.metaKey) return;
  if (key === " " && isScreen("call")) {
    event.preventDefault(); // held, it talks; it never fires the button that has the focus
    if (down && !event.repeat && !devices.isOn("audio")) talking = true;
    else if (down || !talking) return;
    else talking = false;
    return devices.set("audio", talking);
  }
  const act = acts[KEYS[key.toLowerCase()]];
  if (!act || !down || event.repeat) return;
  event.preventDefault(); // or the letter lands in the text
  act();
}

function start() {
  dress(document);
  showRoom(link.room);
  startChat((text) => call?.say(text));
  for (const button of all("[data-key]")) label(button, `${say(button.dataset.do)} (${button.dataset.key})`);
  $("nick").value = localStorage.getItem("nick") ?? "";
  $("open").checked = $("open").disabled = !globalThis.crypto?.subtle; // without it no secret can be told
  $("share-button").hidden = !navigator.mediaDevices?.getDisplayMedia;
  show("door");
  onDevices();
  if (link.wrong) fault(say("wrong_link"));
  if (!globalThis.RTCPeerConnection) {
    $("join-button").disabled = true;
    return fault(say("no_rtc"));
  }
  on("join", "submit", onJoin);
  on("nick", "input", () => setAvatar($("preview-avatar"), $("nick").value, ""));
  on("password-form", "submit", (event) => {
    event.preventDefault();
    call.order("set_password", { password: $("room-password").value || undefined });
    $("room-password").value = "";
  });
  on(document, "click", ({ target }) => {
    const button = target.closest("[data-do]");
    if (button) acts[button.dataset.do](button);
  });
  on(document, "change", ({ target }) => { if (target.dataset.pick) devices.pick(target.dataset.pick, target.value); });
  for (const type of ["keydown", "keyup"]) on(document, type, onKey);
  on(document, "visibilitychange", () => { if (!document.hidden && isScreen("call")) show("call"); });
  addEventListener("pagehide", () => call?.close());
  setInterval(() => {
    const level = levelOf(devices.ear);
    $("level").style.setProperty("--level", Math.min(1, level * 6));
    if (call) call.tick(level);
    else keepMeters([devices.ear]);
  }, TICK_MS);
  devices.ask();
  // A reload comes straight back.
  if (link.room && wasIn(link.room)) return enter(link.room);
  if (!link.room) lookForServer();
}

/** Without a room in the link: may rooms be made here? */
async function lookForServer() {
  const features = await askFeatures();
  if (!features) return setTimeout(lookForServer, 5000);
  mayCreate = features.includes("create");
  $("start").hidden = !mayCreate;
}

/** For tests and curious people: who is here, how they are connected, what was said. */
const people = () => [...(call?.peers.values() ?? [])].map(({ peer }) => peer);
Object.defineProperty(window, "hearth", {
  value: Object.freeze({
    get peers() {
      return people().map(({ id, entry: { nick, kind, media, role, away }, main: { state, sid }, hand, quality: { grade, relayed } }) => (
        { id, nick, kind, media, role, away: Boolean(away), state, sid, hand, grade, relayed }));
    },
    get chat() { return (call?.chat.lines ?? []).map(({ from, nick, text }) => ({ from, nick, text })); },
    get lobby() { return [...(call?.lobby.values() ?? [])].map(({ id, nick }) => ({ id, nick })); },
    get role() { return call?.role ?? null; },
    get waiting() { return Boolean(call?.waiting); },
    get link() { return call?.inRoom ? linkOf(call.room) : null; },
    stats: () => Promise.all(people().map(async ({ id, main }) => ({ id, ...(await read(main.pc)) }))),
  }),
});

start();
