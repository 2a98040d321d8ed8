/** The recorder: all traces on one strip of time that ends now, so that what happened together stands one below the other. */

import { CHANNELS, strips } from "./channels.js";
import { faint, ink, whenInkChanges } from "./ink.js";
import { Strip } from "./strip.js";
import { clock, make, write } from "./words.js";

/** How much time the paper shows: enough for what there is. */
const SPANS = [
  { seconds: 300, title: "The last five minutes" },
  { seconds: 900, title: "The last quarter of an hour" },
  { seconds: 1_800, title: "The last half hour" },
];
const SYNC = "moment";
const AXIS = 40;
/** Width of the figures left of a plot, in pixels; strips begin there too. */

export class Recorder {
  constructor(home, title, moment) {
    this.home = home;
    this.title = title;
    this.moment = moment;
    this.rows = [];
    this.plots = [];
    this.strips = new Map();
    this.state = null;
    this.index = null;
    for (const channel of CHANNELS) this.rows.push(this.row(channel));
    new ResizeObserver(() => this.resize()).observe(home);
    home.addEventListener("keydown", (event) => this.key(event));
    whenInkChanges(() => this.rebuild());
  }

  row(channel) {
    const value = make("p", { className: "says figures" });
    const plot = make("div", { className: "plot", role: "img", "aria-label": `${channel.title} over time` });
    const title = make("h3", { text: channel.title });
    const label = make("div", { className: "label" }, title, make("p", { className: "soft", text: channel.note ?? "" }));
    this.home.append(make("div", { className: "channel" }, label, plot, value));
    return { channel, plot, value };
  }

  show(state, grown) {
    const first = this.state === null;
    this.state = state;
    write(this.title, this.span.title);
    if (first || this.plots.length === 0) this.rebuild();
    else if (grown) this.plots.forEach((plot, index) => plot.setData(this.data(this.rows[index].channel)));
    if (first || grown) this.showStrips();
    this.values();
  }

  rebuild() {
    if (this.state === null || !this.width()) return;
    for (const plot of this.plots) plot.destroy();
    this.plots = this.rows.map(({ channel, plot }, index) => {
      return new uPlot(this.options(channel, index === this.rows.length - 1), this.data(channel), plot);
    });
  }

  get span() {
    const { at } = this.state.history;
    return SPANS.find(({ seconds }) => this.state.at - at[0] < seconds) ?? SPANS.at(-1);
  }

  width() {
    return this.rows[0].plot.clientWidth;
  }

  resize() {
    const width = this.width();
    if (this.plots.length === 0) this.rebuild();
    for (const plot of this.plots) if (plot.width !== width) plot.setSize({ width, height: plot.height });
  }

  /** Columns as they are, or each upon the ones before it. */
  data({ traces, stacked }) {
    const { history } = this.state;
    const columns = traces.map(({ column }) => history[column] ?? history.at.map(() => null));
    if (!stacked) return [history.at, ...columns];
    const sums = history.at.map(() => 0);
    const upon = columns.map((column) => column.map((value, index) => (value == null ? null : (sums[index] += value))));
    // The tallest is drawn first, and the others over it.
    return [history.at, ...upon.reverse()];
  }

  options(channel, last) {
    const { traces, stacked, height, least, whole, limits } = channel;
    const { fixed } = this.state;
    const drawn = stacked ? [...traces].reverse() : traces;
    const grid = { stroke: ink("grid"), width: 1 };
    const axis = { stroke: ink("soft"), font: "11px system-ui", grid, ticks: { show: false } };
    return {
      width: this.width(),
      height: height + (last ? 24 : 0),
      padding: [8, 0, last ? 0 : 8, 0],
      legend: { show: false },
      cursor: { sync: { key: SYNC }, y: false, drag: { x: false, y: false }, points: { size: 5 } },
      scales: {
        x: { range: () => [this.state.at - this.span.seconds, this.state.at] },
        y: { range: (_, __, most) => [0, Math.max(least(fixed), (most ?? 0) * 1.08)] },
      },
      axes: [
        { ...axis, size: last ? 24 : 0, space: 50, incrs: [60, 120, 300, 600], values: (_, times) => times.map((at) => (last ? this.time(at) : "")) },
        { ...axis, size: AXIS, space: 28, incrs: whole ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] : undefined },
      ],
      series: [{}, ...drawn.map((trace) => this.series(trace))],
      hooks: {
        setCursor: [(plot) => this.point(plot.cursor.idx ?? null, plot.cursor.left >= 0)],
        draw: limits ? [(plot) => drawLimits(plot, fixed)] : [],
      },
    };
  }

  /** Of a line across the paper; what stands at its very end would be cut off. */
  time(at) {
    return this.state.at - at > this.span.seconds / 40 ? clock(at, false) : "";
  }

  series({ ink: name, width = 1.5, fill, stepped, dash }) {
    const colour = ink(name);
    return {
      stroke: colour,
      width,
      dash,
      fill: fill ? faint(colour, fill) : undefined,
      paths: stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: { show: false },
    };
  }

  // What the traces say at a moment: where somebody points, or now

  point(index, inside) {
    const wanted = inside ? index : null;
    if (wanted === this.index) return;
    this.index = wanted;
    this.values();
  }

  /** Arrows point too; Escape goes back to now. */
  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, Escape: 0 }[event.key];
    if (step === undefined || this.plots.length === 0) return;
    event.preventDefault();
    const last = this.state.history.at.length - 1;
    const index = Math.max((this.index ?? last) + step, 0);
    const inside = step !== 0 && index <= last;
    for (const plot of this.plots) {
      plot.setCursor({ left: inside ? plot.valToPos(this.state.history.at[index], "x") : -10, top: inside ? 0 : -10 });
    }
  }

  values() {
    const { history } = this.state;
    const index = this.index ?? history.at.length - 1;
    const at = (column) => history[column]?.[index] ?? null;
    const now = this.index === null ? this.state.now : null;
    for (const { channel, value } of this.rows) {
      write(value, now && channel.title === "People talking" ? String(now.talking.now) : channel.value(at));
    }
    for (const strip of this.strips.values()) strip.say(at);
    write(this.moment, this.index === null ? "point at a moment, or move with the arrow keys" : `at ${clock(history.at[index])}`);
  }

  showStrips() {
    for (const provider of strips(this.state.history)) {
      if (!this.strips.has(provider.column)) this.strips.set(provider.column, new Strip(this.home, provider));
      this.strips.get(provider.column).show(this.state, this.span.seconds);
    }
  }
}

function drawLimits(plot, { target_ms, ceiling_ms }) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.font = `${11 * devicePixelRatio}px system-ui`;
  ctx.textAlign = "left";
  for (const [name, value, colour] of [["target", target_ms, ink("good")], ["ceiling", ceiling_ms, ink("bad")]]) {
    const y = Math.round(plot.valToPos(value, "y", true)) + 0.5;
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(name, bbox.left + 4 * devicePixelRatio, y - 4 * devicePixelRatio);
  }
  ctx.restore();
}
