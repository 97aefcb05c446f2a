"""A peer on GStreamer's webrtcbin (ICE by libnice, DTLS by OpenSSL): VP8 or H.264, and Opus.

    /usr/bin/python3 webrtcbin.py VP8|H264
"""

import array, sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC

from room import attend, counts

Gst.init(None)

CODEC = sys.argv[1]
ENCODE = {
    "VP8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=15 ! rtpvp8pay pt=96 picture-id-mode=15-bit",
    "H264": "openh264enc gop-size=15 ! rtph264pay pt=96 config-interval=-1 aggregate-mode=zero-latency"
    " ! application/x-rtp,profile-level-id=(string)42e01f,packetization-mode=(string)1",
}[CODEC]
DECODE = {"VP8": "rtpvp8depay ! vp8dec", "H264": "rtph264depay ! h264parse ! openh264dec"}[CODEC]
SINK = "fakesink sync=false async=false signal-handoffs=true"
# webrtcbin does not bundle unless told to.
PIPELINE = f"""
  webrtcbin name=peer bundle-policy=max-bundle latency=100
  audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=1 ! opusenc ! rtpopuspay pt=97 ! queue ! peer.
  videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=15/1
    ! {ENCODE} ! queue ! peer.
  peer.src_0 ! rtpopusdepay ! opusdec ! audioconvert ! audio/x-raw,format=S16LE,channels=1 ! {SINK} name=audio
  peer.src_1 ! {DECODE} ! {SINK} name=video
"""


def on_error(_, message):
    # Not the end: the other side's goodbye ends SCTP, which is one to webrtcbin.
    print(*message.parse_error(), file=sys.stderr, flush=True)


class Peer:
    def __init__(self, tell):
        self.tell, self.channel = tell, None
        self.pipeline = Gst.parse_launch(PIPELINE)
        bus = self.pipeline.get_bus()
        bus.enable_sync_message_emission()
        bus.connect("sync-message::error", on_error)
        self.peer = self.pipeline.get_by_name("peer")
        for index in range(2):
            transceiver = self.peer.emit("get-transceiver", index)
            transceiver.set_property("do-nack", True)  # without it, neither NACK nor RTX
        self.peer.connect("on-ice-candidate", self.on_candidate)
        self.peer.connect("on-data-channel", lambda _, channel: setattr(self, "channel", channel))
        self.pipeline.get_by_name("audio").connect("handoff", self.on_audio)
        self.pipeline.get_by_name("video").connect("handoff", self.on_video)
        self.pipeline.set_state(Gst.State.READY)

    def offer(self):
        self.channel = self.peer.emit("create-data-channel", "hearth", None)
        # What is sent is known once the payloaders have said it: an offer before has sections without it, or none.
        self.needed = self.peer.connect("on-negotiation-needed", self.on_negotiation_needed)
        self.pipeline.set_state(Gst.State.PLAYING)

    def on_negotiation_needed(self, _):
        self.peer.disconnect(self.needed)
        self.describe("offer")

    def describe(self, kind):
        def on_created(promise):
            reply = promise.get_reply()  # which owns the description
            description = reply.get_value(kind)
            # Candidates come after their description.
            self.tell(desc={"type": kind, "sdp": description.sdp.as_text()})
            self.peer.emit("set-local-description", description, Gst.Promise.new())

        self.peer.emit(f"create-{kind}", None, Gst.Promise.new_with_change_func(on_created))

    def take(self, description):
        _, sdp = GstSdp.SDPMessage.new_from_text(description["sdp"])
        kind = GstWebRTC.WebRTCSDPType.OFFER if description["type"] == "offer" else GstWebRTC.WebRTCSDPType.ANSWER
        description = GstWebRTC.WebRTCSessionDescription.new(kind, sdp)
        self.pipeline.set_state(Gst.State.PLAYING)
        promise = Gst.Promise.new()
        self.peer.emit("set-remote-description", description, promise)
        promise.wait()  # candidates and the answer come after it
        if kind == GstWebRTC.WebRTCSDPType.OFFER:
            self.describe("answer")

    def add(self, candidate):
        self.peer.emit("add-ice-candidate", candidate.get("sdpMLineIndex") or 0, candidate["candidate"])

    def on_candidate(self, _, index, candidate):
        self.tell(cand={"candidate": candidate, "sdpMLineIndex": index})

    def on_video(self, *_):
        counts["video"] += 1

    def on_audio(self, _, buffer, __):
        samples = array.array("h", buffer.extract_dup(0, buffer.get_size()))
        if max(samples) > 1000:  # more than silence: the other side sends a chirp each second
            counts["audio"] += 1

    def bye(self):
        if self.channel and self.channel.get_property("ready-state") == GstWebRTC.WebRTCDataChannelState.OPEN:
            self.channel.emit("send-string", '{"type":"bye"}')

    def close(self):
        self.pipeline.set_state(Gst.State.NULL)


attend("webrtcbin", Peer)
