// Runs the worker until it is told to stop, for tests in other languages:
//   node run.mjs SETTINGS CERTIFICATE KEY
// It prints the URL of the gateway on its first line.
import { miniflare } from "./harness.mjs";

const [settings, httpsCertPath, httpsKeyPath] = process.argv.slice(2);
const mf = miniflare(JSON.parse(settings), { https: true, httpsCertPath, httpsKeyPath });
process.on("SIGINT", async () => { await mf.dispose(); process.exit(0); });
const url = await mf.ready;
console.log(`wss://127.0.0.1:${url.port}`);
