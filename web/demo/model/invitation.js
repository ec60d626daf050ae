// An invitation is the key of a record, with what decrypts it, and the key pair that
// may write it: four times 32 bytes as text. It stands behind the # of a link, which
// browsers do not send to servers.

const kind = 'VLD0:';
const form = /^[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{43}){3}$/;

/** @param {{key: string, writer: string}} record texts of the API @returns {string} */
export function write({ key, writer }) {
  const text = [key, writer].map((t) => t.replace(kind, '').replace(':', '.')).join('.');
  if (!form.test(text)) throw new Error(`no invitation can be made of ${key}`);
  return text;
}

/** read takes an invitation or a link with one. It gives null for anything else. */
export function read(text) {
  const body = text.trim().replace(/^.*#join=/s, '');
  if (!form.test(body)) return null;
  const [id, secret, pub, sec] = body.split('.');
  return { key: `${kind}${id}:${secret}`, writer: `${kind}${pub}:${sec}` };
}

/** link is the address that a second tab opens. */
export function link(page, who, invitation) {
  const url = new URL(page);
  url.search = `?who=${who}`;
  url.hash = `join=${invitation}`;
  return url.href;
}
