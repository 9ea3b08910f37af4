// The page: what the user does, and what the user sees. Sound is the player's, messages the link's.

import { Link } from "./link.js";
import { Orb } from "./orb.js";
import { parse, Player } from "./player.js";

const at = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const orb = Orb.on(at.orb);
const FLOOR = -60; // decibels at which the meter begins
const HELD = 900; // milliseconds that it shows a peak

let player; // from the first click on: browsers want one
let broadcast = false;
let speaking = false; // from Start until all has been heard
let whole = false; // the server has sent everything
let ended = ""; // what to say when all has been heard
let asked = 0; // streams that the server has not yet said it has begun
let session; // of the stream that is heard
let started = 0;
let arrived = 0;
let peak = { value: 0, until: 0 };

const link = new Link({
  open: () => show("Connected"),
  status,
  stream_started: begun,
  sound,
  stream_complete: complete,
  stream_stopped: stopped,
  error: failed,
  again: () => show("Connecting again"),
  lost,
});

async function connect() {
  trouble("");
  if (connected()) return disconnect();
  at.connect.textContent = "Cancel";
  show("Connecting");
  try {
    player ??= await Player.open();
    Object.assign(player, { onreport: report, onbegun: first });
    await player.context.resume();
  } catch (problem) {
    trouble(sentence(problem.message));
    return lost("");
  }
  if (connected()) link.open();
}

function disconnect() {
  link.close();
  finish("");
  lost("");
}

const connected = () => at.connect.textContent !== "Connect";

function status(message) {
  broadcast = Boolean(message.broadcast);
  at.say.hidden = at.who.hidden = broadcast;
  at.model.textContent = broadcast ? "live" : (message.model_path ?? "");
  at.pace.hidden = broadcast || !message.speeds;
  if (message.speeds) [at.speed.min, at.speed.max] = message.speeds;
  const chosen = at.voice.value;
  at.voice.replaceChildren(...(message.voices ?? []).map((name) => new Option(name)));
  if ((message.voices ?? []).includes(chosen)) at.voice.value = chosen;
  at.connect.textContent = "Disconnect";
  if (!speaking) show(broadcast ? "Waiting for sound" : "Ready");
  enable();
}

async function start(event) {
  event?.preventDefault();
  if (!link.isOpen || !player) return;
  trouble("");
  await begin();
  if (broadcast) return;
  asked++;
  const speed = at.pace.hidden ? {} : { speed: Number(at.speed.value) };
  link.send("start", { text: at.text.value, voice: at.voice.value, ...speed });
}

async function begin() {
  speaking = true;
  whole = false;
  session = broadcast ? session : undefined;
  ended = "";
  arrived = 0;
  started = performance.now();
  for (const name of ["first", "played", "waiting"]) at[name].textContent = "–";
  at.underflows.textContent = "0";
  show(broadcast ? "Waiting for sound" : "Thinking");
  enable();
  await player.begin(Number(at.buffer.value));
}

function begun(message) {
  broadcast = Boolean(message.broadcast);
  asked = Math.max(0, asked - 1);
  session = asked ? undefined : message.session_id; // what is still on its way is of an older one
  if (broadcast && !speaking && player) begin();
}

function stopped(message) {
  if (message.session_id === session) finish("Stopped");
}

function stop() {
  if (!speaking) return;
  if (!broadcast && !whole) link.send("stop_stream");
  finish("Stopped");
}

function sound(data) {
  if (!speaking || !session || !player) return;
  try {
    const frame = parse(data);
    if (!arrived && frame.samples[0].length) arrived = performance.now();
    player.play(frame);
  } catch (problem) {
    trouble(problem.message);
    stop();
  }
}

function complete(message) {
  if (!speaking || message.session_id !== session) return;
  whole = true;
  player?.end();
  const length = message.seconds === undefined ? "" : ` ${message.seconds.toFixed(1)} s`;
  ended = broadcast ? "The broadcast is over" : `Spoken,${length}`;
  const cut = message.truncated ? "The text was cut short: the model did not come to an end. " : "";
  const unknown = (message.left_out ?? []).join(", ");
  if (cut || unknown) trouble(cut + (unknown && `Left out, since the model does not know it: ${unknown}`));
}

function failed(message) {
  const again = message.retry_after === undefined ? "" : ` Try again in ${Math.ceil(message.retry_after)} s.`;
  trouble(`${sentence(message.message ?? message.code)}${again}`);
  const refused = !message.session_id && asked > 0;
  if (refused) asked--;
  if (refused || message.session_id === session) finish("Ready");
}

function lost(reason) {
  if (reason) trouble(sentence(reason));
  at.connect.textContent = "Connect";
  asked = 0;
  if (!whole) finish("");
  if (!speaking) show(resting());
  enable();
}

/** What to say when nothing is heard and nobody is connected. */
const resting = () => (broadcast && whole ? ended : "Not connected");

/** Nothing more is to be heard. */
function finish(state) {
  player?.clear();
  speaking = false;
  if (state) show(state);
  enable();
}

/** The first sound leaves. */
function first() {
  const seconds = (performance.now() - started) / 1000;
  at.first.textContent = `${seconds.toFixed(2)} s`;
  at.first.title = `arrived after ${((arrived - started) / 1000).toFixed(2)} s`;
  if (speaking) show(broadcast ? "Live" : "Speaking");
}

function report({ played, samples, waiting, underflows, silence, idle, peak: loudest, rms }) {
  meter(loudest);
  if (orb) orb.level = Math.min(1, Math.max(0, 1 + decibels(rms) / 42));
  if (!speaking && !ended) return;
  at.played.textContent = `${played.toFixed(1)} s`;
  at.played.dataset.samples = samples;
  at.waiting.textContent = `${waiting.toFixed(1)} s`;
  at.underflows.textContent = underflows;
  at.underflows.title = `${silence.toFixed(2)} s of silence`;
  if (whole && idle && speaking) {
    speaking = false;
    show(connected() ? ended : resting());
    enable();
  }
}

const decibels = (amplitude) => 20 * Math.log10(Math.max(amplitude, 1e-6));

function meter(loudest) {
  const level = Math.min(1, Math.max(0, 1 - decibels(loudest) / FLOOR));
  const now = performance.now();
  if (level >= peak.value || now > peak.until) peak = { value: level, until: now + HELD };
  at.meter.style.setProperty("--level", level.toFixed(3));
  at.meter.style.setProperty("--peak", peak.value.toFixed(3));
  at.meter.style.setProperty("--held", peak.value > 0.02 ? 1 : 0);
  at.meter.setAttribute("aria-valuenow", Math.round(Math.max(FLOOR, decibels(loudest))));
}

function enable() {
  at.start.disabled = !link.isOpen || (broadcast && speaking);
  at.start.textContent = broadcast ? "Listen" : "Start";
  at.stop.disabled = !speaking;
  at.voice.disabled = !link.isOpen;
  at.desk.toggleAttribute("data-speaking", speaking);
}

const show = (state) => (at.state.textContent = state);
const trouble = (problem) => (at.trouble.textContent = problem);
const sentence = (text) => text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

at.connect.addEventListener("click", connect);
at.desk.addEventListener("submit", start);
at.stop.addEventListener("click", stop);
at.buffer.addEventListener("input", () => {
  at.seconds.textContent = `${Number(at.buffer.value).toFixed(2)} s`;
  if (player) player.buffer = Number(at.buffer.value);
});
at.speed.addEventListener("input", () => {
  at.times.textContent = `${Number(at.speed.value).toFixed(2)} ×`;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start(event);
  if (event.key === "Escape") stop();
});
