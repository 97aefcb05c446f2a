"""The example client with a moving, grainy picture as its camera, so that its encoder needs all the rate that it is allowed.

Beside what the example prints, each second: what its video has sent since the last one, in kbit/s.

    HEARTH_LINK=... python noise.py VP8|H264
"""

import asyncio, json, os, runpy, signal, sys

import aiortc, av

EXAMPLE = os.path.join(os.path.dirname(__file__), "../../../../signal-server/examples/client.py")
CODEC = sys.argv.pop(1)
# Faint enough that the encoder can bring it down to any rate.
GRAIN = bytes(112 + value % 32 for value in range(256))


class Noise(aiortc.VideoStreamTrack):
    async def recv(self):
        frame = av.VideoFrame(320, 240, "yuv420p")
        for plane in frame.planes:
            plane.update(os.urandom(plane.buffer_size).translate(GRAIN))
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


class Connection(aiortc.RTCPeerConnection):
    def __init__(self):
        super().__init__()
        asyncio.ensure_future(self.report())

    def addTrack(self, track):
        sender = super().addTrack(track)
        if track.kind == "video":
            codecs = aiortc.RTCRtpSender.getCapabilities("video").codecs
            only = [codec for codec in codecs if codec.mimeType == f"video/{CODEC}"]
            self.getTransceivers()[-1].setCodecPreferences(only)
        return sender

    async def report(self):
        sent = 0
        while self.connectionState != "closed":
            await asyncio.sleep(1)
            video = [sender for sender in self.getSenders() if sender.kind == "video"]
            stats = [report for sender in video for report in (await sender.getStats()).values()]
            before, sent = sent, sum(report.bytesSent for report in stats if report.type == "outbound-rtp")
            print(json.dumps({"sent_kbps": (sent - before) * 8 // 1000}), flush=True)


aiortc.RTCPeerConnection, aiortc.VideoStreamTrack = Connection, Noise
signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
try:
    runpy.run_path(EXAMPLE, run_name="__main__")
except KeyboardInterrupt:  # the example has left
    pass
