// The guest page: from the link to the call and out again. Owns the devices and the call of the moment.

import { Call } from "./call.js";
import { ChatPanel } from "./panel.js";
import { Devices } from "./devices.js";
import { forgetIn, readLink, wasIn } from "./link.js";
import * as ui from "./ui.js";
import { say, translatePage } from "./words.js";

const $ = (id) => document.getElementById(id);
const SPEAKING_MS = 200;

const link = readLink();
const relayOnly = new URLSearchParams(location.search).get("relay") === "1";
const devices = new Devices(onDevices);
/** The call of the moment, or null. */
let call = null;
const panel = new ChatPanel((text) => call?.say(text));

function onDevices() {
  ui.drawDevices(devices, $("nick").value);
  call?.mediaChanged();
}

function enter(room, nick) {
  ui.doorFault("");
  ui.joining(true);
  panel.clear();
  call = new Call({ room, nick, devices, relayOnly, end: onEnd, said: (line) => panel.add(line) });
}

/** The call was refused: back to the door, which says why. Or it is over. */
function onEnd(code, sentence, over) {
  call = null;
  ui.joining(false);
  panel.close();
  if (!over) return ui.backToDoor(sentence);
  devices.stop();
  ui.drawDevices(devices, "");
  ui.gone(code, sentence);
}

/** We go by ourselves. */
function leave() {
  forgetIn(call.room);
  call.close();
  onEnd("left", say("left"), true);
}

function cancel() {
  call?.close();
  onEnd("cancelled", "", false);
}

function onJoinClick(event) {
  event.preventDefault();
  if (call) return;
  const room = link.room || $("room").value.replace(/[\s-]/g, "");
  if (!room) return ui.doorFault(say("need_room"));
  const nick = $("nick").value.trim();
  localStorage.setItem("nick", nick);
  enter(room, nick);
}

function onKey(event) {
  if (event.key === "Escape" && panel.isOpen) return panel.close();
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
  if (typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const key = event.key.toLowerCase();
  const kind = { m: "audio", v: "video" }[key];
  if (kind) devices.set(kind, !devices.sends[kind]);
  if (key === "c" && call?.inRoom) {
    event.preventDefault(); // or the letter lands in the text
    panel.toggle();
  }
}

function start() {
  translatePage();
  ui.showRoom(link.room);
  $("nick").value = localStorage.getItem("nick") ?? "";
  ui.drawDevices(devices, $("nick").value);
  if (link.wrong) ui.doorFault(say("wrong_link"));
  if (!globalThis.RTCPeerConnection) {
    $("join-button").disabled = true;
    return ui.doorFault(say("no_rtc"));
  }
  $("join").addEventListener("submit", onJoinClick);
  $("nick").addEventListener("input", () => ui.drawDevices(devices, $("nick").value));
  $("leave").addEventListener("click", leave);
  $("cancel").addEventListener("click", cancel);
  $("again").addEventListener("click", () => location.reload());
  $("hear").addEventListener("click", () => {
    $("hear").hidden = true;
    call?.playAll();
  });
  for (const button of document.querySelectorAll("[data-toggle]")) {
    button.addEventListener("click", () => devices.set(button.dataset.toggle, !devices.sends[button.dataset.toggle]));
  }
  $("knocks").addEventListener("click", (event) => {
    const { answer } = event.target.closest("[data-answer]")?.dataset ?? {};
    if (answer) call?.answer(event.target.closest("li").dataset.peer, answer);
  });
  addEventListener("keydown", onKey);
  addEventListener("pagehide", () => call?.close());
  setInterval(() => call?.markSpeakers(), SPEAKING_MS);
  devices.ask();
  // A reload comes straight back.
  if (link.room && wasIn(link.room)) enter(link.room, $("nick").value.trim());
}

/** For tests and curious people: who is here, how they are connected, what was said. */
Object.defineProperty(window, "hearth", {
  value: Object.freeze({
    get peers() {
      return [...(call?.peers.values() ?? [])].map(({ peer }) => ({
        id: peer.id, nick: peer.entry.nick, kind: peer.entry.kind, media: peer.entry.media, role: peer.entry.role,
        away: Boolean(peer.entry.away), state: peer.state, sid: peer.sid,
      }));
    },
    get chat() { return (call?.chat.lines ?? []).map(({ from, nick, text }) => ({ from, nick, text })); },
    get lobby() { return [...(call?.lobby.values() ?? [])].map(({ id, nick }) => ({ id, nick })); },
    get role() { return call?.role ?? null; },
    get waiting() { return Boolean(call?.waiting); },
    stats: () => Promise.all([...(call?.peers.values() ?? [])].map(async ({ peer }) => ({ id: peer.id, ...(await peer.stats()) }))),
  }),
});

start();
