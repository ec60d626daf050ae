// Formats Dart files with the real dart_style, compiled to WebAssembly:
//
//   node format.mjs <folder with node_modules> check|write <file>…
//
// check prints one line of JSON per file that is not formatted or does not parse
// and ends with status 1 if there is one; write writes the files.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, mode, ...files] = process.argv.slice(2);
const entry = join(modules, "node_modules", "@wasm-fmt", "dart_fmt", "dart_fmt_node.js");
const { format } = await import(pathToFileURL(entry).href);
// The language version that pubspec.yaml asks for.
const options = { language_version: "3.10.0" };

let bad = 0;
for (const file of files) {
  const source = readFileSync(file, "utf8");
  try {
    const formatted = format(source, file, options);
    if (formatted === source) continue;
    if (mode === "write") writeFileSync(file, formatted);
    else console.log(JSON.stringify({ file, line: firstDifference(source, formatted) }));
  } catch (error) {
    console.log(JSON.stringify({ file, error: String(error) }));
    bad++;
    continue;
  }
  if (mode !== "write") bad++;
}
process.exit(bad ? 1 : 0);

function firstDifference(a, b) {
  const [x, y] = [a.split("\n"), b.split("\n")];
  let i = 0;
  while (x[i] === y[i]) i++;
  return i + 1;
}
