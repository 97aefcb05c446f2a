// Put into the guest page before its own scripts run: a camera that is a canvas with a stamp, a microphone that chirps,
// and a look at everything that arrives. The page itself is the one that guests get.
(() => {
  const SOURCE = __SOURCE__; // 1 to 255
  const WIDTH = 640, HEIGHT = 360, FPS = 15;
  const CELLS = 24, ACROSS = 40, TIME_BITS = 23, SOURCE_BITS = 8, NUMBER_BITS = 15;

  const probe = { sent: 0, seen: [], sound: [], candidates: [], errors: [], connections: [] };
  window.probe = probe;
  const realtime = () => performance.timeOrigin + performance.now();

  function bits(value, count) {
    return Array.from({ length: count }, (_, n) => Math.floor(value / 2 ** (count - 1 - n)) % 2);
  }

  function withParity(row) {
    return [...row, row.reduce((sum, bit) => sum + bit, 0) % 2];
  }

  function draw(context, number) {
    const hue = (number * 7) % 360;
    context.fillStyle = `hsl(${hue} 40% 40%)`;
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = `hsl(${(hue + 180) % 360} 60% 60%)`;
    context.fillRect((number * 11) % WIDTH, HEIGHT / 2, 80, 80);
    const time = Math.floor(realtime() * 4) % 2 ** TIME_BITS;
    const rows = [withParity(bits(time, TIME_BITS)),
      withParity([...bits(SOURCE, SOURCE_BITS), ...bits(number % 2 ** NUMBER_BITS, NUMBER_BITS)])];
    const edge = (n) => Math.floor((n * WIDTH) / ACROSS);
    rows.forEach((row, r) => row.forEach((bit, c) => {
      context.fillStyle = bit ? "#fff" : "#000";
      context.fillRect(edge(c), edge(r), edge(c + 1) - edge(c), edge(r + 1) - edge(r));
    }));
  }

  function camera() {
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    const context = canvas.getContext("2d");
    draw(context, 0);
    setInterval(() => draw(context, ++probe.sent), 1000 / FPS);
    return canvas.captureStream().getVideoTracks()[0]; // each picture once: with a rate of its own Firefox leaves out a third
  }

  let audio;
  function audioContext() {
    audio ??= new AudioContext({ sampleRate: 48000 });
    return audio;
  }

  // The chirp as the desktop client makes it (app/media/src/chirp): 50 ms of sweep in the source's own band.
  const CHIRP = Array.from({ length: 2400 }, (_, n) => {
    const t = n / 48000, low = 500 + 468.75 * (SOURCE % 16), edge = Math.min(t, 0.05 - t);
    const ramp = edge < 0.005 ? 0.5 - 0.5 * Math.cos((Math.PI * edge) / 0.005) : 1;
    return 0.5 * ramp * Math.sin(2 * Math.PI * (low * t + (468.75 / 0.1) * t * t));
  });

  function microphone() {
    const context = audioContext();
    const out = context.createMediaStreamDestination();
    const buffer = context.createBuffer(1, CHIRP.length, 48000);
    buffer.copyToChannel(Float32Array.from(CHIRP), 0);
    setInterval(() => {
      const player = context.createBufferSource();
      player.buffer = buffer;
      player.connect(out);
      player.start();
    }, 1000);
    return out.stream.getAudioTracks()[0];
  }

  const own = {};
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const tracks = [];
    if (wanted.video) tracks.push((own.video ??= camera()).clone());
    if (wanted.audio) tracks.push((own.audio ??= microphone()).clone());
    return new MediaStream(tracks);
  };

  function read(pixels, width, row) {
    const cells = [];
    for (let c = 0; c < CELLS; c++) {
      const from = (n) => Math.floor((n * width) / ACROSS);
      const x = Math.floor((from(c) + from(c + 1)) / 2), y = Math.floor((from(row) + from(row + 1)) / 2);
      const at = (y * width + x) * 4;
      cells.push((pixels[at] + pixels[at + 1] + pixels[at + 2]) / 3 > 127 ? 1 : 0);
    }
    if (cells.reduce((sum, bit) => sum + bit, 0) % 2) return null;
    return cells.slice(0, -1);
  }

  const number = (cells) => cells.reduce((sum, bit) => sum * 2 + bit, 0);

  function watch(track) {
    const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true });
    video.srcObject = new MediaStream([track]);
    video.play().catch((error) => probe.errors.push(String(error)));
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const onFrame = () => {
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      if (canvas.width >= 160) {
        context.drawImage(video, 0, 0);
        const rows = Math.ceil((canvas.width / ACROSS) * 2) + 1;
        const pixels = context.getImageData(0, 0, canvas.width, rows).data;
        const first = read(pixels, canvas.width, 0), second = read(pixels, canvas.width, 1);
        if (first && second) {
          const source = number(second.slice(0, SOURCE_BITS));
          if (source) probe.seen.push([source, number(second.slice(SOURCE_BITS)), realtime()]);
        }
      }
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  }

  const KEPT = 5 * 48000;
  function listen(track) {
    const context = audioContext();
    const samples = { samples: new Float32Array(KEPT), filled: 0 };
    probe.sound.push(samples);
    const node = context.createScriptProcessor(4096, 1, 1);
    node.onaudioprocess = (event) => {
      const block = event.inputBuffer.getChannelData(0);
      samples.samples.copyWithin(0, block.length);
      samples.samples.set(block, KEPT - block.length);
      samples.filled += block.length;
    };
    context.createMediaStreamSource(new MediaStream([track])).connect(node);
    node.connect(context.destination);
    samples.keep = node;
  }

  // What was heard of each remote track, the last 5 s, as 16-bit numbers in base64.
  probe.heard = () => probe.sound.filter((one) => one.filled >= KEPT).map((one) => {
    const words = Int16Array.from(one.samples, (sample) => Math.max(-1, Math.min(1, sample)) * 32767);
    let text = "";
    for (const byte of new Uint8Array(words.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  });

  // How the relay is reached in whose hands each connection's own end is: udp, tcp or tls; null where there is none.
  probe.ways = () => Promise.all(probe.connections.filter((one) => one.connectionState === "connected").map(async (one) => {
    const stats = await one.getStats();
    const transport = [...stats.values()].find((stat) => stat.type === "transport");
    const pair = stats.get(transport?.selectedCandidatePairId);
    return stats.get(pair?.localCandidateId)?.relayProtocol ?? null;
  }));

  // Of each connection how many reports by RFC 8888 came, and what the browser thinks that its path bears.
  probe.reports = () => Promise.all(probe.connections.filter((one) => one.connectionState === "connected").map(async (one) => {
    const stats = [...(await one.getStats()).values()];
    const { ccfbMessagesReceived } = stats.find((stat) => stat.type === "transport");
    return [ccfbMessagesReceived ?? 0, Math.max(...stats.map((stat) => stat.availableOutgoingBitrate ?? 0))];
  }));

  // Of each connection how many bytes the packets of sound have that came since this was asked last, of two seconds at least.
  const looked = new Map();
  probe.sizes = () => Promise.all(probe.connections.filter((one) => one.connectionState === "connected").map(async (one) => {
    const stats = [...(await one.getStats()).values()], [bytes, packets, size] = looked.get(one) ?? [0, 0, 0];
    const sound = stats.find((stat) => stat.type === "inbound-rtp" && stat.kind === "audio"), more = sound.packetsReceived - packets;
    if (more < 200) return size;
    looked.set(one, [sound.bytesReceived, sound.packetsReceived, (sound.bytesReceived - bytes) / more]);
    return looked.get(one)[2];
  }));

  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...rest) {
      super(...rest);
      probe.connections.push(this);
      this.addEventListener("icecandidate", ({ candidate }) => candidate && probe.candidates.push(candidate.candidate));
      this.addEventListener("track", ({ track }) => (track.kind === "video" ? watch(track) : listen(track)));
    }
  };
})();
