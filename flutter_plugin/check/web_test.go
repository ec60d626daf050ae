package check

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What Dart uses of the npm package's module must be in it.
func TestWebModule(t *testing.T) {
	content := func(names ...string) string {
		var all strings.Builder
		for _, name := range names {
			source, err := os.ReadFile("../../web/src/" + name)
			if err != nil {
				t.Skipf("SKIP: the npm package is not here: %v", err)
			}
			all.Write(source)
		}
		return all.String()
	}
	raw, options, entry := content("raw.ts"), content("options.ts", "raw.ts"), content("browser.ts")
	list := tokens(files(t)["lib/src/link/web_link.dart"])
	for class, source := range map[string]string{"_RawNode": raw, "_Module": entry} {
		members := regexp.MustCompile(`external [\w<>?]+ (?:get )?(\w+)[(;]`).FindAllStringSubmatch(declared(files(t)["lib/src/link/web_link.dart"], class), -1)
		if len(members) == 0 {
			t.Errorf("%s has no members", class)
		}
		for _, m := range members {
			name := m[1]
			if name == "request" {
				name = "call"
			}
			if !regexp.MustCompile(`\b` + name + `\(|get ` + name + `\(`).MatchString(source) {
				t.Errorf("%s.%s is not in the npm package", class, name)
			}
		}
	}
	set := 0
	for i := range list {
		if is(list, i, "[") && list[i+1].kind == text && is(list, i+2, "]", "=") {
			set++
			if !regexp.MustCompile(`\b` + list[i+1].text + `\??[:(]`).MatchString(options) {
				t.Errorf("the option %s is not one of the npm package", list[i+1].text)
			}
		}
	}
	if set < 6 {
		t.Errorf("%d options were found", set)
	}
}

// declared is the part of a source from an extension type to its end.
func declared(source, class string) string {
	_, rest, _ := strings.Cut(source, "extension type "+class+"._(")
	part, _, _ := strings.Cut(rest, "\n}\n")
	return part
}

// The module takes the configuration as Dart writes it, and does what is asked over
// the functions that Dart calls.
func TestWebNode(t *testing.T) {
	dist, err := filepath.Abs("../../web/dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node.js", "voile.wasm"} {
		if _, err := os.Stat(filepath.Join(dist, name)); err != nil {
			t.Skipf("SKIP: the npm package is not built: %v", err)
		}
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("SKIP: there is no node to run the module with")
	}
	list := tokens(files(t)["lib/src/link/web_default_config.dart"])
	var config map[string]any
	if err := json.Unmarshal([]byte(list[len(list)-2].text), &config); err != nil {
		t.Fatal(err)
	}
	config["program_name"] = "dart"
	config["network"].(map[string]any)["private_network"] = false // Dart writes every field
	text, err := json.Marshal(camelKeys(config))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "ask.mjs")
	err = os.WriteFile(script, []byte(`
const [entry, config] = process.argv.slice(2);
const { startRawNode } = await import(entry);
let ended = false;
const raw = await startRawNode({ programName: "dart", namespace: "", config: JSON.parse(config), logLevel: "Error",
  onUpdate() {}, onTakeover() {}, onEnd(error) { ended = error === undefined; } });
const value = async (request, ...blobs) => {
  const { line, blobs: answer } = await raw.call(JSON.stringify(request), blobs);
  const { value } = JSON.parse(line);
  return typeof value === "string" && value[0] === "#" ? [...answer[+value.slice(1)]] : value;
};
const results = [await value({ op: "VeilidVersionString" })];
const db_id = await value({ op: "OpenTableDb", name: "t", column_count: 1 });
await value({ op: "TableDb", db_id, db_op: "Store", col: 0, key: "#0", value: "#1" }, new Uint8Array([1]), new Uint8Array([2, 3]));
results.push(await value({ op: "TableDb", db_id, db_op: "Load", col: 0, key: "#0" }, new Uint8Array([1])));
await raw.close();
results.push(ended, await raw.call('{"op":"Attach"}', []).catch((error) => error.toJSON().kind));
console.log(JSON.stringify(results));
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script, filepath.Join(dist, "node.js"), string(text))
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, problems.String())
	}
	if got, want := strings.TrimSpace(out.String()), `["0.5.8",[2,3],true,"Shutdown"]`; got != want {
		t.Errorf("the module gave %s, want %s", got, want)
	}
}

// camelKeys names the fields as applications see them.
func camelKeys(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range value {
			out[camel(k)] = camelKeys(v)
		}
		return out
	case []any:
		for i := range value {
			value[i] = camelKeys(value[i])
		}
	}
	return value
}
