// The conversation with mlxtts-ws(1), as mlxtts-ws(7) has it. Knows the WebSocket and its messages;
// knows no sound and no page.

const PATIENCE = 5; // times that a broadcast is asked for again, a second apart and then longer
// A page is not told which.
const ABSENT = "The server is not there, is full, or wants a token: add ?token=... to the address.";

/** `on` holds functions: a message's type names the one that is called with it; `sound` is called
 * with the bytes of a frame, `open`, `lost` (and why) and `again` when that happens. */
export class Link {
  #socket;
  #on;
  #place; // in a broadcast: its session, and the number of the frame that comes next
  #tries = 0;
  #timer;
  #met = false; // whether the server has answered since it was asked for

  constructor(on) {
    this.#on = on;
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  open() {
    const socket = new WebSocket(this.#address());
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#met = true;
      this.#on.open?.();
      this.send("get_status");
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#read(JSON.parse(data)) : this.#sound(data));
    socket.onclose = (event) => this.#closed(socket, event);
    this.#socket = socket;
  }

  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = this.#place = undefined;
    this.#met = false;
    socket?.close();
  }

  send(type, more = {}) {
    if (this.isOpen) this.#socket.send(JSON.stringify({ type, ...more }));
  }

  #address() {
    const url = new URL("ws", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.search = location.search; // may bring a token
    if (this.#place) {
      url.searchParams.set("session", this.#place.session);
      url.searchParams.set("frame", this.#place.frame);
    }
    return url;
  }

  #read(message) {
    if (message.type === "stream_started" && message.broadcast) {
      this.#place = { session: message.session_id, frame: message.frame };
      this.#tries = 0;
    } else if (message.type === "stream_complete") {
      this.#place = undefined;
    }
    this.#on[message.type]?.(message);
  }

  #sound(data) {
    if (this.#place) this.#place.frame++;
    this.#on.sound(data);
  }

  /** Who listens to a broadcast and is cut off goes on where it was. */
  #closed(socket, { code, reason }) {
    if (socket !== this.#socket) return;
    if (this.#place && code !== 1000 && this.#tries < PATIENCE) {
      this.#on.again?.();
      this.#timer = setTimeout(() => this.open(), 1000 * 1.5 ** this.#tries++);
      return;
    }
    const lost = this.#met ? "The connection is lost." : ABSENT;
    this.#socket = this.#place = undefined;
    this.#met = false;
    this.#on.lost?.(reason || (code === 1000 ? "" : lost));
  }
}
