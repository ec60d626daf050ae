/** The private network of web/test/network, for tests. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Starts the network.
 * @returns {Promise<{networkKey: string, bootstrap: string[], friend: string, close(): Promise<void>}>}
 *   friend: a private route in base64url to a node that answers calls with what they say
 */
export async function startNetwork() {
  const program = spawn('go', ['run', './web/test/network'], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => program.once('exit', resolve));
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: program.stdout }).once('line', resolve);
    ended.then((code) => reject(new Error(`the network ended with ${code}`)));
    program.once('error', reject);
  });
  return {
    ...JSON.parse(line),
    async close() {
      program.stdin.end();
      await ended;
    },
  };
}

/** The options of a node in the network. */
export function optionsFor({ networkKey, bootstrap }, more = {}) {
  return { programName: 'test', networkKey, bootstrap, ...more, config: { ...more.config, network: { privateNetwork: true, ...more.config?.network } } };
}
