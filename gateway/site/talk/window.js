/** `window.parley`, for tests and the curious: what the page knows, and how loud it sounds. Nothing here changes anything. */

/** @param {() => import("./call.js").Call | null} current */
export function showTo(window, current) {
  window.parley = Object.freeze({
    get state() {
      return document.body.dataset.state;
    },
    get loudness() {
      return current()?.sound?.playback.loudness ?? 0;
    },
    get turns() {
      const turns = [...(current()?.conversation.turns.values() ?? [])];
      return structuredClone(turns.map((turn) => ({ ...turn, words: turn.words })));
    },
  });
}
