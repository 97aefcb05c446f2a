// The guest page: from the link to the call and out again. Owns who is in the room and what we send.

import { Devices } from "./devices.js";
import { Peer } from "./peer.js";
import { Signalling } from "./signalling.js";
import * as ui from "./ui.js";
import { knows, say, translatePage } from "./words.js";

const $ = (id) => document.getElementById(id);
/** How often a lost room is asked for again while the media goes on. */
const REJOIN_MS = 10_000; // each try spends some of what the server grants to guesses
/** How long a missing device is mentioned. */
const MENTION_MS = 8_000;
const SPEAKING_MS = 200;
const SPEAKING_LEVEL = 0.02;
const SECRET = /^[A-Za-z0-9_-]{22}$/;

const link = readLink();
const relayOnly = new URLSearchParams(location.search).get("relay") === "1";
const devices = new Devices(onDevices);
/** The call of the moment: {signalling, room, nick, peers: Map(id -> {peer, tile}), own: Tile, ...}, or null. */
let call = null;

/** The room and the secret. The secret leaves the address bar at once, and lives as long as this tab. */
function readLink() {
  let room = "";
  try {
    room = decodeURIComponent(/^\/r\/([^/]+)$/.exec(location.pathname)?.[1] ?? "");
  } catch {
    return { room: "", wrong: true };
  }
  const given = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")).get("s");
  const wrong = given !== null && !SECRET.test(given);
  if (given !== null && !wrong) sessionStorage.setItem(`secret ${room}`, given);
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return { room, wrong };
}

function onDevices() {
  ui.drawDevices(devices, $("nick").value);
  if (!call) return;
  if (call.inRoom) call.signalling.send({ type: "update", media: devices.sends });
  for (const { peer } of call.peers.values()) peer.mediaChanged();
  drawOwn();
  mention(devices.fault);
}

function enterCall(room, nick) {
  ui.doorFault("");
  ui.joining(true);
  const url = `${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/ws`;
  const on = { session: onSession, message: onMessage, lost: onLost, end: onEnd };
  call = { room, nick, peers: new Map(), own: null, ice: [], inRoom: false, retry: 0, trouble: null, mention: 0 };
  call.signalling = new Signalling(url, on);
}

function askToJoin() {
  const invite = sessionStorage.getItem(`secret ${call.room}`) ?? undefined;
  call.signalling.send({ type: "join", id: 1, room: call.room, nick: call.nick, invite, media: devices.sends });
}

/** Shows the word on the banner: of the server as long as it holds, of the devices for a while. */
function mention(fault) {
  clearTimeout(call.mention);
  ui.banner(call.trouble ? say(call.trouble) : fault ? say(fault) : "");
  if (fault) call.mention = setTimeout(() => call && mention(null), MENTION_MS);
}

function trouble(word) {
  call.trouble = word;
  mention(null);
}

function onSession({ resumed }) {
  if (resumed) trouble(null);
  ui.doorFault("");
  clearTimeout(call.retry);
  if (resumed) return;
  call.inRoom = false;
  askToJoin();
}

function onLost(attempt) {
  if (call.own) trouble("server_lost");
  else if (attempt > 1) ui.doorFault(say("server_unreachable"));
}

function onEnd(code) {
  if (call.own) leave(code, knows(code) ? say(code) : say("refused", { code }));
  else refuse(code, {});
}

function onMessage(message) {
  switch (message.type) {
    case "joined": return onJoined(message);
    case "error": return onError(message);
    case "peer_joined": return meet(message.peer);
    case "peer_updated": return withPeer(message.peer.id, ({ peer }) => peer.update(message.peer));
    case "peer_away": return withPeer(message.id, ({ peer }) => peer.update({ ...peer.entry, away: true }));
    case "peer_left": return part(message.id);
    case "signal": return withPeer(message.from, ({ peer }) => peer.hear(message));
    case "ice_refresh": return onIce(message.ice_servers);
    case "room_ended": return leave("ended", say("ended"));
    case "server_draining": return trouble("server_draining");
  }
}

function onJoined(joined) {
  sessionStorage.setItem(`joined ${call.room}`, "1");
  for (const id of [...call.peers.keys()]) part(id); // after a new start everybody is met anew
  call.ice = joined.ice_servers ?? [];
  call.inRoom = true;
  clearTimeout(call.retry);
  call.signalling.send({ type: "update", media: devices.sends }); // it may have changed since we asked
  ui.joining(false);
  call.trouble = null;
  mention(devices.fault);
  ui.showRoom(call.room);
  ui.show("call");
  call.own ??= new ui.Tile(true);
  drawOwn();
  joined.peers.forEach(meet);
}

function onError(error) {
  if (error.id === undefined || call.inRoom) return console.warn("server", error.code, error.message);
  if (call.own && (error.code === "no_such_room" || error.code === "rate_limited")) {
    // The server was started anew and the room is not back yet. The media goes on: ask again.
    call.inRoom = false;
    trouble("server_lost");
    clearTimeout(call.retry);
    call.retry = setTimeout(() => call && askToJoin(), Math.max(REJOIN_MS, (error.retry_after ?? 0) * 1000));
    return;
  }
  refuse(error.code, { s: error.retry_after, n: call.signalling.limits.room_peers });
}

function refuse(code, values) {
  const sentence = knows(code) ? say(code, values) : say("refused", { code });
  endCall();
  ui.joining(false);
  ui.doorFault(sentence);
  ui.show("door");
}

function onIce(servers) {
  call.ice = servers;
  for (const { peer } of call.peers.values()) {
    try {
      peer.connection?.setConfiguration(configuration());
    } catch (error) {
      console.warn("ice servers", error);
    }
  }
}

const configuration = () => ({ bundlePolicy: "max-bundle", iceServers: call.ice, iceTransportPolicy: relayOnly ? "relay" : "all" });

function meet(entry) {
  part(entry.id);
  const tile = new ui.Tile(false, () => { $("hear").hidden = false; });
  const person = { tile, peer: null };
  call.peers.set(entry.id, person);
  person.peer = new Peer(entry, {
    signal: (signal) => call?.signalling.send({ type: "signal", ...signal }),
    sends: () => devices.sends,
    track: (kind) => devices[kind],
    configuration,
    changed: () => draw(entry.id),
    bye: (peer) => { if (call?.peers.get(peer.id)?.peer === peer) part(peer.id); },
  });
  draw(entry.id);
}

function part(id) {
  const person = call.peers.get(id);
  if (!person) return;
  call.peers.delete(id);
  person.peer.close();
  person.tile.remove();
}

function withPeer(id, act) {
  const person = call.peers.get(id);
  if (!person) return;
  act(person);
  draw(id);
}

function draw(id) {
  const person = call?.peers.get(id);
  if (!person?.peer) return;
  const { peer, tile } = person;
  const words = { connecting: "connecting", connected: null, faltering: "reconnecting", failed: "unreachable" };
  const absent = peer.entry.away && peer.state === "connecting"; // nobody there to answer
  const word = absent ? "reconnecting" : words[peer.state];
  const { nick, media } = peer.entry;
  const { audio, video } = peer;
  tile.draw({ id, nick: nick || say("guest"), audio, video, media, state: word && say(word), faltering: peer.state !== "connected" });
}

function drawOwn() {
  const nick = call.nick ? `${call.nick} (${say("you")})` : say("you");
  call.own?.draw({ id: "", nick, audio: null, video: devices.video, media: devices.sends });
}

function endCall() {
  if (!call) return;
  clearTimeout(call.retry);
  clearTimeout(call.mention);
  ui.banner("");
  for (const { peer, tile } of call.peers.values()) {
    peer.close(true);
    tile.remove();
  }
  call.own?.remove();
  if (call.inRoom) call.signalling.send({ type: "leave" });
  call.signalling.close();
  call = null;
}

function leave(code, sentence) {
  sessionStorage.removeItem(`joined ${call.room}`);
  endCall();
  devices.stop();
  ui.drawDevices(devices, "");
  ui.gone(sentence);
  $("gone-title").dataset.code = code;
}

function onJoinClick(event) {
  event.preventDefault();
  const room = link.room || $("room").value.replace(/[\s-]/g, "");
  if (!room) return ui.doorFault(say("need_room"));
  const nick = $("nick").value.trim();
  localStorage.setItem("nick", nick);
  enterCall(room, nick);
}

function onKey(event) {
  if (event.target instanceof HTMLInputElement || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const kind = { m: "audio", v: "video" }[event.key.toLowerCase()];
  if (kind) devices.set(kind, !devices.sends[kind]);
}

/** A ring round who speaks, by the level of what came in last. */
function markSpeakers() {
  for (const { peer, tile } of call?.peers.values() ?? []) {
    const receiver = peer.connection?.getReceivers().find((r) => r.track === peer.audio);
    const level = receiver?.getSynchronizationSources?.()[0]?.audioLevel ?? 0;
    tile.speaking(peer.entry.media.audio && level > SPEAKING_LEVEL);
  }
}

function start() {
  translatePage();
  ui.showRoom(link.room);
  $("nick").value = localStorage.getItem("nick") ?? "";
  $("leave").title = say("leave");
  $("leave").setAttribute("aria-label", say("leave"));
  ui.drawDevices(devices, $("nick").value);
  if (link.wrong) ui.doorFault(say("wrong_link"));
  if (!globalThis.RTCPeerConnection) {
    $("join-button").disabled = true;
    return ui.doorFault(say("no_rtc"));
  }
  $("join").addEventListener("submit", onJoinClick);
  $("nick").addEventListener("input", () => ui.drawDevices(devices, $("nick").value));
  $("leave").addEventListener("click", () => leave("left", say("left")));
  $("again").addEventListener("click", () => location.reload());
  $("hear").addEventListener("click", () => {
    $("hear").hidden = true;
    for (const { tile } of call?.peers.values() ?? []) tile.play();
  });
  for (const button of document.querySelectorAll("[data-toggle]")) {
    button.addEventListener("click", () => devices.set(button.dataset.toggle, !devices.sends[button.dataset.toggle]));
  }
  addEventListener("keydown", onKey);
  addEventListener("pagehide", () => endCall());
  setInterval(markSpeakers, SPEAKING_MS);
  devices.ask();
  // A reload comes straight back.
  if (link.room && sessionStorage.getItem(`joined ${link.room}`)) enterCall(link.room, $("nick").value.trim());
}

/** For tests and curious people: who is here and how they are connected. */
Object.defineProperty(window, "hearth", {
  value: Object.freeze({
    get peers() {
      return [...(call?.peers.values() ?? [])].map(({ peer }) => ({
        id: peer.id, nick: peer.entry.nick, kind: peer.entry.kind, media: peer.entry.media,
        away: Boolean(peer.entry.away), state: peer.state, sid: peer.sid,
      }));
    },
    stats: () => Promise.all([...(call?.peers.values() ?? [])].map(async ({ peer }) => ({ id: peer.id, ...(await peer.stats()) }))),
  }),
});

start();
