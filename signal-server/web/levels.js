// Who speaks: the loudness of what came in, from the packets where they carry it, measured where they do not.

const LEVEL = 0.02;
// Samples that are looked at: at 48 kHz most of the time between two looks, so that a short word is not missed.
const WINDOW = 8192;

/** One track's measure. */
class Meter {
  #source; #analyser; #samples = new Float32Array(WINDOW);

  constructor(context, track) {
    this.#source = context.createMediaStreamSource(new MediaStream([track]));
    this.#analyser = new AnalyserNode(context, { fftSize: WINDOW });
    this.#source.connect(this.#analyser);
  }

  get level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return Math.sqrt(this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length);
  }

  close() {
    this.#source.disconnect();
  }
}

export class Levels {
  #context = null;
  #meters = new Map();

  /** Whether `track` is heard; `receiver` is what it comes through, if it comes from somebody else. */
  speaks(track, receiver) {
    if (!track || track.readyState !== "live") return false;
    const known = receiver?.getSynchronizationSources?.()[0]?.audioLevel;
    return (known ?? this.#measure(track)) > LEVEL;
  }

  /** Forgets the tracks that are no more. */
  keep(tracks) {
    for (const [track, meter] of this.#meters) {
      if (tracks.includes(track)) continue;
      meter.close();
      this.#meters.delete(track);
    }
  }

  #measure(track) {
    // A browser lets nobody listen in before the person has touched the page.
    if (!this.#context && !(navigator.userActivation?.hasBeenActive ?? true)) return 0;
    try {
      this.#context ??= new AudioContext();
      if (!this.#meters.has(track)) this.#meters.set(track, new Meter(this.#context, track));
      return this.#meters.get(track).level;
    } catch {
      return 0; // no sound on this machine: no ring
    }
  }
}
