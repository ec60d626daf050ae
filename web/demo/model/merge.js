// Two edits of one text. Each side's edit is taken as one changed stretch; two
// stretches that do not touch are both kept.

/** change is the stretch that differs: text[from, to) became put. */
export function change(before, after) {
  let from = 0;
  const most = Math.min(before.length, after.length);
  while (from < most && before[from] === after[from]) from++;
  let same = 0;
  while (same < most - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  return { from, to: before.length - same, put: after.slice(from, after.length - same) };
}

/**
 * merge is the text with both edits in it, or null if they touch the same place.
 * @param {string} base what both began with
 */
export function merge(base, mine, theirs) {
  if (mine === theirs || theirs === base) return mine;
  if (mine === base) return theirs;
  let a = change(base, mine);
  let b = change(base, theirs);
  if (a.from > b.from || (a.from === b.from && a.to > b.to)) [a, b] = [b, a];
  if (b.from < a.to || (b.from === a.to && b.from === a.from)) return null;
  return base.slice(0, a.from) + a.put + base.slice(a.to, b.from) + b.put + base.slice(b.to);
}

/** moved is where a place in a text is after the text has changed. */
export function moved(place, before, after) {
  const c = change(before, after);
  if (place <= c.from) return place;
  if (place >= c.to) return place + c.put.length - (c.to - c.from);
  return c.from + c.put.length;
}
