// Numbers as people say them.

/** @param {number} n bytes */
export function bytes(n) {
  if (!(n >= 0)) return '–';
  const units = ['B', 'KB', 'MB', 'GB'];
  let i = 0;
  for (; n >= 999.5 && i < units.length - 1; i++) n /= 1000;
  return `${n < 9.95 && i > 0 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

/** @param {number} us microseconds */
export function latency(us) {
  if (!(us >= 0)) return 'not yet known';
  const ms = us / 1000;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** @param {number} then @param {number} now both in milliseconds of the clock */
export function ago(then, now) {
  const s = Math.max(0, Math.round((now - then) / 1000));
  if (s < 5) return 'just now';
  if (s < 60) return `${s - (s % 5)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  return `at ${clock(then)}`;
}

/** @param {number} then */
export function clock(then) {
  return new Date(then).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

/** @param {number} n @param {string} one @param {string} [many] */
export function count(n, one, many = one + 's') {
  const small = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
  return `${small[n] ?? n} ${n === 1 ? one : many}`;
}
