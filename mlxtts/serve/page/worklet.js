// The thread that plays: a ring of samples, and silence when it is empty. Knows no network, and
// samples only at the rate of the device.

const REPORTS = 30; // a second
const FADE = 0.005; // seconds, where sound stops or begins in the middle

/** Samples of two channels. Grows, because a server may send faster than sound is played. */
class Ring {
  constructor() {
    this.length = 0;
    this.read = 0;
    this.data = [new Float32Array(1 << 16), new Float32Array(1 << 16)];
  }

  write(left, right) {
    if (this.length + left.length > this.data[0].length) this.#grow(this.length + left.length);
    [left, right].forEach((samples, channel) => {
      const data = this.data[channel];
      const at = (this.read + this.length) % data.length;
      const fits = Math.min(samples.length, data.length - at);
      data.set(samples.subarray(0, fits), at);
      data.set(samples.subarray(fits));
    });
    this.length += left.length;
  }

  /** Fill as much of `out` as there is, and say how much that was. */
  take(out) {
    const count = Math.min(this.length, out[0].length);
    const size = this.data[0].length;
    out.forEach((samples, channel) => {
      const data = this.data[Math.min(channel, 1)];
      const fits = Math.min(count, size - this.read);
      samples.set(data.subarray(this.read, this.read + fits));
      samples.set(data.subarray(0, count - fits), fits);
    });
    this.read = (this.read + count) % size;
    this.length -= count;
    return count;
  }

  clear() {
    this.length = 0;
  }

  #grow(wanted) {
    let size = this.data[0].length;
    while (size < wanted) size *= 2;
    this.data = this.data.map((old) => {
      const data = new Float32Array(size);
      const fits = Math.min(this.length, old.length - this.read);
      data.set(old.subarray(this.read, this.read + fits));
      data.set(old.subarray(0, this.length - fits), fits);
      return data;
    });
    this.read = 0;
  }
}

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Ring();
    this.buffer = 0; // samples to have before playing begins
    this.flowing = false; // until then, only silence is played
    this.filling = false; // between utterances an empty ring is no underflow
    this.broken = false; // sound stopped in the middle: what comes next fades in
    this.last = [0, 0];
    this.peak = this.power = this.measured = 0;
    this.#reset();
    this.port.onmessage = ({ data }) => this.#obey(data);
  }

  #reset() {
    this.played = this.underflows = this.silence = 0;
  }

  #obey({ samples, end, buffer, clear, reset }) {
    if (reset) this.#reset();
    if (buffer !== undefined) this.buffer = buffer;
    if (samples) {
      this.ring.write(samples[0], samples[1] ?? samples[0]);
      this.filling = true;
    }
    if (end) this.filling = false;
    if (clear) {
      this.ring.clear();
      this.filling = this.flowing = this.broken = false;
      this.#report();
    }
  }

  process(_, [out]) {
    const enough = this.ring.length >= Math.max(1, this.buffer);
    if (!this.flowing && (enough || (!this.filling && this.ring.length))) this.#begin();
    const size = out[0].length;
    const count = this.flowing ? this.ring.take(out) : 0;
    if (this.broken && count) this.#fadeIn(out, count);
    if (this.flowing && count < size) this.#runDry();
    this.played += count;
    this.#fadeOut(out, count);
    this.#measure(out[0]);
    return true;
  }

  #begin() {
    this.flowing = true;
    if (!this.played) this.port.postMessage({ begun: true });
  }

  #runDry() {
    this.flowing = false;
    if (!this.filling) return;
    this.underflows++;
    this.broken = true;
  }

  /** After the last sample there is no step to silence. */
  #fadeOut(out, count) {
    const decay = Math.exp(-1 / (FADE * sampleRate));
    out.forEach((samples, channel) => {
      let value = count ? samples[count - 1] : this.last[channel];
      for (let at = count; at < samples.length; at++) samples[at] = value *= decay;
      this.last[channel] = Math.abs(samples.at(-1)) > 1e-6 ? samples.at(-1) : 0;
    });
    if (this.filling && !this.flowing && this.played) this.silence += out[0].length - count;
  }

  #fadeIn(out, count) {
    for (const samples of out) {
      for (let at = 0; at < count; at++) samples[at] *= at / count;
    }
    this.broken = false;
  }

  #measure(samples) {
    for (const sample of samples) {
      this.peak = Math.max(this.peak, Math.abs(sample));
      this.power += sample * sample;
    }
    this.measured += samples.length;
    if (this.measured >= sampleRate / REPORTS) this.#report();
  }

  #report() {
    const rms = Math.sqrt(this.power / Math.max(1, this.measured));
    const { played, underflows, silence, flowing, peak } = this;
    this.port.postMessage({ played, underflows, silence, flowing, peak, rms, waiting: this.ring.length });
    this.peak = this.power = this.measured = 0;
  }
}

registerProcessor("player", Player);
