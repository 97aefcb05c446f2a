// Camera and microphone: what is wanted, what there is, and why not.

const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** The word for why a device was refused. */
function cause(kind, error) {
  const device = kind === "audio" ? "mic" : "camera";
  switch (error?.name) {
    case "NotAllowedError": case "SecurityError": return `${device}_denied`;
    case "NotReadableError": case "AbortError": return `${device}_in_use`;
    default: return `no_${device}`;
  }
}

export class Devices {
  /** Live tracks, or null. */
  audio = null;
  video = null;
  /** What the person wants: two words for each device, because it may refuse. */
  wants = { audio: true, video: true };
  /** The word for why there is none, or null. */
  faults = { audio: null, video: null };
  /** Whether the person was asked, and answered. */
  asked = false;
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  /** Asks for both at once, so that the person is asked once; then for each alone, if not both were to be had. */
  async ask() {
    await this.#askBoth();
    this.asked = true;
    this.#changed();
  }

  async #askBoth() {
    if (!navigator.mediaDevices?.getUserMedia) {
      this.faults = { audio: "insecure", video: "insecure" };
      return;
    }
    try {
      this.#take(await navigator.mediaDevices.getUserMedia({ audio: AUDIO, video: VIDEO }));
    } catch {
      await Promise.all([this.#askOne("audio"), this.#askOne("video")]);
    }
  }

  /** Turns a device on or off. Off, the camera is let go: its light goes out. */
  async set(kind, on) {
    this.wants[kind] = on;
    if (kind === "audio" && this.audio) this.audio.enabled = on;
    else if (kind === "video" && !on) this.#drop("video");
    else if (on && !this[kind]) await this.#askOne(kind);
    this.#changed();
  }

  /** What is really sent. */
  get sends() {
    return { audio: Boolean(this.audio?.enabled), video: Boolean(this.video) };
  }

  /** The one word about what is missing, or null. */
  get fault() {
    const { audio, video } = this.faults;
    if (audio && audio === video) return audio;
    if (audio?.endsWith("denied") && video?.endsWith("denied")) return "devices_denied";
    return audio && video ? "no_devices" : audio ?? video;
  }

  stop() {
    this.#drop("audio");
    this.#drop("video");
  }

  async #askOne(kind) {
    if (!navigator.mediaDevices?.getUserMedia) return;
    try {
      this.#take(await navigator.mediaDevices.getUserMedia(kind === "audio" ? { audio: AUDIO } : { video: VIDEO }));
    } catch (error) {
      this.faults[kind] = cause(kind, error);
    }
  }

  #take(stream) {
    for (const track of stream.getTracks()) {
      const kind = track.kind;
      if (this[kind] || (kind === "video" && !this.wants.video)) {
        track.stop(); // asked for twice, or unwanted by now
        continue;
      }
      this[kind] = track;
      this.faults[kind] = null;
      if (kind === "audio") track.enabled = this.wants.audio;
      else track.contentHint = "motion";
      track.onended = () => { // unplugged
        if (this[kind] !== track) return;
        this[kind] = null;
        this.faults[kind] = kind === "audio" ? "no_mic" : "no_camera";
        this.#changed();
      };
    }
  }

  #drop(kind) {
    this[kind]?.stop();
    this[kind] = null;
  }
}
