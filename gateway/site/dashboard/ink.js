/** Colours of the style sheets for what is drawn on a canvas, in light and in dark. */

const probe = document.createElement("span");
const dark = matchMedia("(prefers-color-scheme: dark)");

export function ink(name) {
  if (!probe.isConnected) {
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** A colour as `ink` gives it, seen through. */
export const faint = (colour, share) => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);

/** @param {() => void} redraw */
export const whenInkChanges = (redraw) => dark.addEventListener("change", redraw);
