// Sample rate conversion of a stream: a windowed sinc, looked up in a table.
// Knows arrays of samples, one channel each; knows no audio device.

const CROSSINGS = 24; // of the sinc, on either side
const STEPS = 512; // of the table, from one to the next
const BETA = 9; // of the Kaiser window: aliases some 90 dB down

function bessel(x) {
  let sum = 1;
  for (let k = 1, term = 1; term > sum * 1e-12; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

const TABLE = new Float32Array(CROSSINGS * STEPS + 2).map((_, at) => {
  const x = at / STEPS;
  if (x >= CROSSINGS) return 0;
  const window = bessel(BETA * Math.sqrt(1 - (x / CROSSINGS) ** 2)) / bessel(BETA);
  return x === 0 ? 1 : (window * Math.sin(Math.PI * x)) / (Math.PI * x);
});

function kernel(x) {
  const at = Math.abs(x) * STEPS;
  const low = Math.floor(at);
  return low > CROSSINGS * STEPS ? 0 : TABLE[low] + (TABLE[low + 1] - TABLE[low]) * (at - low);
}

/** `push` samples at one rate, get them at another; `flush` gives the rest and begins anew. Of n
 * samples come exactly ceil(n * target / source). */
export class Resampler {
  constructor(source, target, channels) {
    Object.assign(this, { source, target, channels });
    this.scale = Math.min(1, target / source); // of the pass band
    this.reach = Math.ceil(CROSSINGS / this.scale);
    this.#begin();
  }

  #begin() {
    this.held = Array.from({ length: this.channels }, () => new Float32Array(this.reach));
    this.start = -this.reach; // the index in the stream of the first sample held
    this.length = 0; // samples that came
    this.made = 0; // samples that went
  }

  push(samples) {
    if (this.source === this.target) return samples;
    this.length += samples[0].length;
    return this.#take(samples, this.length - this.reach);
  }

  flush() {
    const silence = Array.from({ length: this.channels }, () => new Float32Array(this.reach));
    const rest = this.source === this.target ? silence.map(() => new Float32Array()) : this.#take(silence, this.length);
    this.#begin();
    return rest;
  }

  /** What lies before sample `end` of the source. */
  #take(samples, end) {
    const count = Math.max(0, Math.ceil((end * this.target) / this.source) - this.made);
    const made = [];
    for (let channel = 0; channel < this.channels; channel++) {
      const all = new Float32Array(this.held[channel].length + samples[channel].length);
      all.set(this.held[channel]);
      all.set(samples[channel], this.held[channel].length);
      made.push(this.#convert(all, count));
      this.held[channel] = all;
    }
    this.made += count;
    const keep = Math.floor((this.made * this.source) / this.target) - this.reach;
    for (let channel = 0; channel < this.channels; channel++) {
      this.held[channel] = this.held[channel].slice(keep - this.start);
    }
    this.start = keep;
    return made;
  }

  #convert(all, count) {
    const out = new Float32Array(count);
    for (let at = 0; at < count; at++) {
      const place = ((this.made + at) * this.source) / this.target - this.start;
      const first = Math.max(0, Math.ceil(place - this.reach));
      const last = Math.min(all.length - 1, Math.floor(place + this.reach));
      let sum = 0;
      for (let tap = first; tap <= last; tap++) sum += all[tap] * kernel((tap - place) * this.scale);
      out[at] = sum * this.scale;
    }
    return out;
  }
}
