/** What is known of the cluster: sections of now, columns of the last half hour, and the last turns, newest first. */

const MOST_TURNS = 16;
const HISTORY_S = 1_800;

export class State {
  constructor() {
    this.fixed = { target_ms: 300, ceiling_ms: 500, links: {} };
    this.now = null;
    this.at = 0;
    /** @type {Record<string, (number | null)[]>} */
    this.history = { at: [] };
    this.turns = [];
  }

  /** Everything, at the beginning of a stream. */
  begin({ at, fixed, now, history, turns }) {
    this.fixed = fixed;
    this.now = now;
    this.history = { at: [], ...history };
    this.turns = turns.reverse().slice(0, MOST_TURNS);
    this.at = at;
  }

  /** What has changed; says whether the history has. */
  take({ at, now, turns, point }) {
    this.at = at;
    this.now = { ...this.now, ...now };
    if (turns) this.turns = [...turns.reverse(), ...this.turns].slice(0, MOST_TURNS);
    if (point) this.add(point);
    return Boolean(point);
  }

  add(point) {
    const { history } = this;
    const length = history.at.length;
    for (const name of Object.keys(point)) history[name] ??= Array(length).fill(null);
    const gone = history.at.findIndex((at) => at > point.at - HISTORY_S);
    for (const [name, column] of Object.entries(history)) {
      column.push(point[name] ?? null);
      if (gone > 0) column.splice(0, gone);
    }
  }

  /** Of the last seconds, what was counted under a name. */
  sum(name, seconds) {
    const { at, [name]: column = [] } = this.history;
    return column.reduce((sum, value, index) => (at[index] > this.at - seconds ? sum + (value ?? 0) : sum), 0);
  }
}
