// A part of build.sh: makes the WebAssembly of a release, and the script that wasm-bindgen wrote for it, smaller.
// The argument is the folder of the build.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const run = (program, options, input) => execFileSync(program, options, { input, encoding: "utf8", maxBuffer: 1 << 26 });
const esbuild = (options, input) => run("esbuild", ["--charset=utf8", "--target=es2022", "--log-level=warning", ...options], input);

const stem = readdirSync(folder).find((file) => file.endsWith("_bg.wasm")).replace("_bg.wasm", "");
const wasm = join(folder, `${stem}_bg.wasm`);
const script = join(folder, `${stem}.js`);

// Leptos brings the classes that server functions need. Nothing here uses them, but they are exported, and have
// side effects as far as a bundler can see. The page only calls the function that starts the widget.
const marked = readFileSync(script, "utf8").replaceAll("new FinalizationRegistry", "/* @__PURE__ */ $&");
writeFileSync(script, marked);
const entry = `export { default } from ${JSON.stringify(script)};`;
let text = esbuild(["--bundle", "--format=esm", "--minify-syntax", "--define:Symbol.dispose=undefined"], entry);

// What the script does not call is not needed in the WebAssembly either.
const all = WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(wasm))).map(({ name }) => name);
const used = all.filter((name) => new RegExp(`\\bwasm\\.${name}\\b`).test(text));
const graph = `${wasm}.json`;
writeFileSync(graph, JSON.stringify([
  { name: "script", root: true, reaches: used },
  ...used.map((name) => ({ name, export: name })),
]));
run("wasm-metadce", [wasm, `--graph-file=${graph}`, "-o", wasm]);
rmSync(graph);
run("wasm-opt", [wasm, "-Oz", "--flatten", "--rereloop", "-Oz", "-Oz", "--converge", "-o", wasm]);

// wasm-bindgen's names contain hashes, which no compression makes smaller. wasm-opt prints the short names.
const names = JSON.parse(run("wasm-opt", [wasm, "-Oz", "--minify-imports-and-exports-and-modules", "-o", wasm]));
/** Replaces what must be there, or the script and the WebAssembly would not fit. */
function replace(pattern, replacement) {
  const replaced = text.replaceAll(pattern, () => replacement);
  if (replaced === text) throw new Error(`${script} does not contain ${pattern}`);
  text = replaced;
}
for (const [, name, short] of names.imports) replace(new RegExp(`(?<![\\w$.])${name}(?=:)`, "g"), short);
for (const [name, short] of names.exports) replace(new RegExp(`\\bwasm\\.${name}\\b`, "g"), `wasm.${short}`);
replace(`"${names.imports[0][0]}":`, "a:");
text = esbuild(["--minify"], text);
writeFileSync(script, text);

// Browsers keep the files for good: their names follow from what is in them now.
const hash = createHash("sha256").update(text).update(readFileSync(wasm)).digest("hex").slice(0, 16);
const name = stem.replace(/[0-9a-f]+$/, hash);
renameSync(wasm, join(folder, `${name}_bg.wasm`));
renameSync(script, join(folder, `${name}.js`));
const page = join(folder, "index.html");
writeFileSync(page, readFileSync(page, "utf8").replaceAll(stem, name));
