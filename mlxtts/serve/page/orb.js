// A pearl that breathes with the sound. Knows WebGL and a level from 0 to 1; nothing else depends
// on it: where there is no WebGL, there is no pearl.

const VERTEX = `
attribute vec2 corner;
void main() { gl_Position = vec4(corner, 0.0, 1.0); }`;

const FRAGMENT = `
precision highp float;
uniform vec2 size;
uniform float phase, level, dark;

// Waves that bend one another: a slow silk, from -1 to 1.
float silk(vec3 p) {
  p += 0.55 * sin(p.yzx * 1.7 + phase * vec3(0.71, 0.53, 0.61));
  p += 0.40 * sin(p.zxy * 2.3 - phase * vec3(0.37, 0.59, 0.43));
  return (sin(p.x * 1.9 + phase * 0.3) + sin(p.y * 1.7) + sin(p.z * 2.1 - phase * 0.2)) / 3.0;
}

vec3 tint(float x) {
  vec3 apricot = vec3(1.00, 0.80, 0.65), rose = vec3(0.93, 0.64, 0.66);
  vec3 violet = vec3(0.58, 0.54, 0.82), sea = vec3(0.38, 0.60, 0.78);
  vec3 warm = mix(apricot, rose, smoothstep(0.08, 0.50, x));
  return mix(mix(warm, violet, smoothstep(0.40, 0.76, x)), sea, smoothstep(0.70, 1.0, x));
}

void main() {
  vec2 place = (2.0 * gl_FragCoord.xy - size) / min(size.x, size.y);
  float far = length(place);
  vec2 way = place / max(far, 1e-4);
  float soft = 2.5 / min(size.x, size.y);
  float swell = 0.006 + 0.018 * level;
  float radius = 0.67 + 0.010 * sin(phase * 0.9) + 0.060 * level + swell * silk(vec3(way * 1.1, 0.0));

  // The surface: a ball, dented by the silk.
  float depth = sqrt(max(0.0, 1.0 - far * far / (radius * radius)));
  vec3 ball = vec3(place / radius, depth);
  vec3 across = normalize(vec3(1.0, 0.0, -ball.x / max(depth, 0.15)));
  vec3 along = cross(normalize(ball + 1e-4), across);
  float here = silk(ball * 1.25), step = 0.06;
  float dx = silk((ball + across * step) * 1.25) - here, dy = silk((ball + along * step) * 1.25) - here;
  vec3 normal = normalize(ball - (0.11 + 0.15 * level) * (across * dx + along * dy) / step);

  // Its light: from above and the left, some through it, a rim.
  vec3 lamp = normalize(vec3(-0.5, 0.75, 0.65));
  float lit = 0.5 + 0.5 * dot(normal, lamp);
  float rim = pow(1.0 - depth, 3.0);
  float glint = pow(max(0.0, dot(normal, normalize(lamp + vec3(0.0, 0.0, 1.0)))), 48.0);
  vec3 colour = tint(clamp(0.52 - 0.34 * dot(normal, lamp) + 0.30 * here, 0.0, 1.0));
  colour *= mix(0.80, 1.12, lit * lit);
  colour = mix(colour, vec3(1.0, 0.95, 0.91), 0.42 * smoothstep(0.72, 1.0, lit) + 0.35 * glint);
  colour += (0.03 + 0.12 * level) * tint(0.1 + 0.2 * here) * depth;
  colour = mix(colour, mix(vec3(1.0, 0.97, 0.95), vec3(0.66, 0.66, 1.0), dark), 0.55 * rim);
  float inside = smoothstep(soft, -soft, far - radius);

  // Around it: a glow in the dark, a shadow by day.
  float beyond = max(0.0, far - radius);
  float glow = (0.16 + 0.30 * level) * exp(-beyond * 7.0) * smoothstep(1.0, 0.80, far);
  vec2 under = (place - vec2(0.0, -0.80)) / vec2(0.52, 0.085);
  float shadow = 0.20 * exp(-dot(under, under) * 1.4) * smoothstep(1.0, 0.92, -place.y);
  vec3 halo = mix(vec3(0.94, 0.72, 0.62), vec3(0.50, 0.48, 0.90), dark);
  vec4 around = mix(vec4(vec3(0.24, 0.18, 0.16) * shadow + halo * glow * 0.7, shadow + glow * 0.7), vec4(halo * glow, glow), dark);
  gl_FragColor = mix(around, vec4(colour, 1.0), inside);
}`;

const DENSEST = 2; // device pixels a pixel
const SLOW = 0.03; // seconds a picture: fewer pixels then
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const DARK = matchMedia("(prefers-color-scheme: dark)");

export class Orb {
  level = 0;
  #shown = 0;
  #phase = 2;
  #density = Math.min(devicePixelRatio || 1, DENSEST);
  #late = 0;

  /** The orb on this canvas, or undefined; the canvas is hidden then. */
  static on(canvas) {
    const gl = canvas.getContext("webgl", { alpha: true, antialias: false, powerPreference: "low-power" });
    const orb = new Orb();
    if (gl && orb.#build(gl)) {
      canvas.addEventListener("webglcontextlost", () => (canvas.hidden = true));
      orb.#run(canvas);
      return orb;
    }
    canvas.hidden = true;
    return undefined;
  }

  #build(gl) {
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return false;
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    this.gl = gl;
    this.at = Object.fromEntries(
      ["size", "phase", "level", "dark"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    return true;
  }

  #run(canvas) {
    let before = performance.now();
    let waiting = 0;
    const again = () => (waiting ||= requestAnimationFrame(paint));
    const paint = (now) => {
      waiting = 0;
      const passed = Math.min(0.1, Math.max(0, (now - before) / 1000));
      before = now;
      if (!STILL.matches) {
        this.#live(passed);
        again();
      }
      this.#draw(canvas);
    };
    new ResizeObserver(again).observe(canvas);
    STILL.addEventListener("change", again);
    DARK.addEventListener("change", again);
    again();
  }

  #live(passed) {
    const pace = this.level > this.#shown ? 0.07 : 0.35;
    this.#shown += (this.level - this.#shown) * (1 - Math.exp(-passed / pace));
    this.#phase += passed * (0.45 + 1.6 * this.#shown);
    this.#late = passed > SLOW ? this.#late + 1 : Math.max(0, this.#late - 1);
    if (this.#late > 10 && this.#density > 0.5) {
      this.#density /= 1.5;
      this.#late = 0;
    }
  }

  #draw(canvas) {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((x) => Math.round(x * this.#density));
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const { gl, at } = this;
    gl.viewport(0, 0, width, height);
    gl.uniform2f(at.size, width, height);
    gl.uniform1f(at.phase, this.#phase);
    gl.uniform1f(at.level, this.#shown);
    gl.uniform1f(at.dark, DARK.matches ? 1 : 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}
