// Who this tab is. Each ?who= is a node of its own, with its own storage; the first
// four have names and colours.

const names = { a: 'Ada', b: 'Ben', c: 'Cleo', d: 'Dora' };

/** whoOf reads ?who= of an address; anything odd is the first tab. */
export function whoOf(search) {
  const who = new URLSearchParams(search).get('who') ?? 'a';
  return /^[a-z][a-z0-9]{0,11}$/.test(who) ? who : 'a';
}

export function nameOf(who) {
  return names[who] ?? who[0].toUpperCase() + who.slice(1);
}

/** anotherThan is who the next tab should be. */
export function anotherThan(who) {
  const all = Object.keys(names);
  return all[(all.indexOf(who) + 1) % all.length];
}
