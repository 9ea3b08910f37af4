// From PCM0 frames to the loudspeaker. Knows the AudioContext and the worklet; knows no server.

import { Resampler } from "./resample.js";

const HEADER = 16;
const MAGIC = 0x304d4350; // "PCM0", little-endian

/** A frame of mlxtts-pcm0(5): its rate, and an array of samples for each channel. */
export function parse(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEADER || view.getUint32(0, true) !== MAGIC) throw new Error("not a PCM0 frame");
  const [rate, count, channels] = [4, 8, 12].map((at) => view.getUint32(at, true));
  if (!channels || buffer.byteLength !== HEADER + 4 * count * channels) throw new Error("a PCM0 frame cut short");
  const all = new Float32Array(buffer, HEADER); // what browsers run on is little-endian, too
  const samples = Array.from({ length: channels }, (_, channel) =>
    channels === 1 ? all : Float32Array.from({ length: count }, (_, at) => all[at * channels + channel]),
  );
  return { rate, samples };
}

/** Plays what it is given. `onreport` gets `played`, `waiting` (seconds), `underflows`, `silence`
 * (seconds), `flowing`, `peak` and `rms`, some thirty times a second; `onbegun` is called when the
 * first sound leaves. */
export class Player {
  onreport = () => {};
  onbegun = () => {};
  #node;
  #resampler;
  #form = "";

  /** To be called when the user has done something: browsers play no sound before. */
  static async open() {
    if (!window.AudioWorklet) {
      throw new Error("a browser plays sound as it comes only on a page from https or from localhost");
    }
    const player = new Player();
    player.context = new AudioContext({ latencyHint: "interactive" });
    await player.context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
    player.#node = new AudioWorkletNode(player.context, "player", { numberOfInputs: 0, outputChannelCount: [2] });
    player.#node.connect(player.context.destination);
    player.#node.port.onmessage = ({ data }) => player.#hear(data);
    return player;
  }

  get rate() {
    return this.context.sampleRate;
  }

  /** Forget what was counted, and be sure that sound can be heard. */
  async begin(buffer) {
    this.clear();
    this.#form = "";
    this.#post({ reset: true, buffer: Math.round(buffer * this.rate) });
    await this.context.resume();
  }

  set buffer(seconds) {
    this.#post({ buffer: Math.round(seconds * this.rate) });
  }

  play({ rate, samples }) {
    if (!samples[0].length) return this.end();
    const heard = samples.slice(0, 2);
    if (`${rate} ${heard.length}` !== this.#form) this.#adapt(rate, heard.length);
    this.#write(this.#resampler.push(heard));
  }

  /** An utterance is over: what the resampler still holds is played, and silence is not missed. */
  end() {
    if (this.#resampler) this.#write(this.#resampler.flush());
    this.#post({ end: true });
  }

  /** Silence, now. */
  clear() {
    this.#resampler?.flush();
    this.#post({ clear: true });
  }

  #adapt(rate, channels) {
    if (this.#form) this.#write(this.#resampler.flush());
    this.#form = `${rate} ${channels}`;
    this.#resampler = new Resampler(rate, this.rate, channels);
  }

  #write(samples) {
    if (samples[0].length) this.#post({ samples }, [...new Set(samples.map((s) => s.buffer))]);
  }

  #post(message, transfer = []) {
    this.#node.port.postMessage(message, transfer);
  }

  #hear(data) {
    if (data.begun) return this.onbegun();
    const seconds = (samples) => samples / this.rate;
    this.onreport({
      ...data,
      samples: data.played,
      played: seconds(data.played),
      waiting: seconds(data.waiting),
      silence: seconds(data.silence),
    });
  }
}
