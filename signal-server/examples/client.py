#!/usr/bin/env python3
"""A client of Hearth's protocol (PROTOCOL.md) in a hundred lines, on aiortc: joins a room by its link, sends and receives.

    pip install aiortc==1.16.0 websockets
    HEARTH_LINK='https://HOST:8443/r/123456789#s=...&k=...' python3 client.py [SECONDS]

Each second it prints, as JSON, how many pictures and blocks of sound it has decoded of each person; at the end it leaves.
"""
import asyncio, base64, contextlib, hashlib, json, os, random, ssl, sys
from urllib.parse import parse_qs, urlsplit

import websockets
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

peers, counts = {}, {}


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Room:
    def __init__(self, socket):
        self.socket, self.seq = socket, 0

    async def say(self, **message):
        self.seq += 1
        await self.socket.send(json.dumps({"seq": self.seq, **message}))


class Peer:
    """One connection to one person; another `sid` begins another one."""

    def __init__(self, room, peer, sid):
        self.room, self.id, self.sid, self.pc = room, peer, sid, RTCPeerConnection()
        self.pc.addTrack(AudioStreamTrack())
        self.pc.addTrack(VideoStreamTrack())
        self.pc.on("track", lambda track: asyncio.ensure_future(self.count(track)))

    async def count(self, track):
        try:
            while await track.recv():
                counts.setdefault(self.id, {"audio": 0, "video": 0})[track.kind] += 1
        except Exception:  # the end of the track
            pass

    async def describe(self, description):
        await self.pc.setLocalDescription(description)  # gathers, too: all candidates stand in the description
        desc = {"type": self.pc.localDescription.type, "sdp": self.pc.localDescription.sdp}
        await self.room.say(type="signal", to=self.id, pc="main", sid=self.sid, desc=desc)

    async def offer(self):
        self.pc.createDataChannel("hearth")
        await self.describe(await self.pc.createOffer())

    async def hear(self, signal):
        if "desc" in signal:
            await self.pc.setRemoteDescription(RTCSessionDescription(**signal["desc"]))
            if signal["desc"]["type"] == "offer":
                await self.describe(await self.pc.createAnswer())
        elif "cand" in signal and signal["cand"]["candidate"]:
            candidate = candidate_from_sdp(signal["cand"]["candidate"].removeprefix("candidate:"))
            candidate.sdpMid, candidate.sdpMLineIndex = "0", 0
            await self.pc.addIceCandidate(candidate)


async def on_message(room, message):
    kind = message["type"]
    if kind == "joined":
        for entry in message["peers"]:  # who comes later offers
            peers[entry["id"]] = Peer(room, entry["id"], random.getrandbits(32))
            await peers[entry["id"]].offer()
    elif kind == "signal":
        who, sid = message["from"], message["sid"]
        if message.get("desc", {}).get("type") == "offer" and (who not in peers or peers[who].sid != sid):
            if who in peers:
                await peers.pop(who).pc.close()
            peers[who] = Peer(room, who, sid)
        if "refused" in message:
            sys.exit(f"{who} does not take what we offer: {message['refused']['message']}")
        if who in peers and peers[who].sid == sid:
            await peers[who].hear(message)
    elif kind == "peer_left" and message["id"] in peers:
        await peers.pop(message["id"]).pc.close()
    elif kind in ("error", "kicked", "room_ended"):
        sys.exit(json.dumps(message))


async def report(seconds):
    for _ in range(seconds):
        await asyncio.sleep(1)
        print(json.dumps(counts), flush=True)


async def main(link, seconds):
    url = urlsplit(link)
    secret = {key: values[0] for key, values in parse_qs(url.fragment).items()}
    context = ssl.create_default_context()
    if "k" in secret:  # the link vouches for the server's key; no authority needs to
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with websockets.connect(f"wss://{url.netloc}/ws", subprotocols=["hearth.v1"], ssl=context) as socket:
        der = socket.transport.get_extra_info("ssl_object").getpeercert(True)
        key = x509.load_der_x509_certificate(der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if "k" in secret and hashlib.sha256(key).digest() != unpadded(secret["k"]):
            sys.exit("This is not the server of the link.")
        await socket.recv()  # welcome
        await socket.send(json.dumps({"type": "hello", "v": [1], "client": "client.py/1", "kind": "native"}))
        room = Room(socket)
        media = {"audio": True, "video": True, "screen": False}
        await room.say(type="join", id=1, room=url.path.split("/")[-1], nick="Python", invite=secret.get("s"), media=media)
        reporting = asyncio.ensure_future(report(seconds))
        try:
            while not reporting.done():
                hearing = asyncio.ensure_future(socket.recv())
                await asyncio.wait([hearing, reporting], return_when=asyncio.FIRST_COMPLETED)
                if hearing.done():
                    await on_message(room, json.loads(hearing.result()))
        finally:  # after Ctrl-C, too
            with contextlib.suppress(websockets.ConnectionClosed):  # the server may have gone first
                await room.say(type="leave")
            await asyncio.gather(*(peer.pc.close() for peer in peers.values()))


asyncio.run(main(os.environ["HEARTH_LINK"], int(sys.argv[1]) if len(sys.argv) > 1 else 3600))
