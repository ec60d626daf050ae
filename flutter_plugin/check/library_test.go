package check

import (
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core/config"
)

// TestSymbols builds the library and looks for every function that Dart calls.
func TestSymbols(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIP: the built library is looked at on Linux")
	}
	if testing.Short() {
		t.Skip("SKIP: -short, and the library takes a while to build")
	}
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("SKIP: there is no C compiler to build the library with")
	}
	library := filepath.Join(t.TempDir(), "libvoile.so")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", library, "../../bind/clib")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the library: %v\n%s", err, out)
	}
	f, err := elf.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string]bool{}
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF && elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			exported[s.Name] = true
		}
	}
	native, _ := externals(t)
	for symbol := range native {
		if !exported[symbol] {
			t.Errorf("the library does not export %s", symbol)
		}
	}
}

// ask asks the API for something that needs no node.
func ask(t *testing.T, op string, value any) {
	t.Helper()
	call, err := bind.New(nil, bind.Options{}).NewClient().Parse([]byte(`{"op":"` + op + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer := struct {
		Value any `json:"value"`
	}{value}
	if err := json.Unmarshal(call.Run(t.Context(), nil), &answer); err != nil {
		t.Fatal(err)
	}
}

// What Dart answers without asking must be what the library would say.
func TestAnswersOfDart(t *testing.T) {
	var version string
	var features, kinds []string
	ask(t, "VeilidVersionString", &version)
	ask(t, "VeilidFeatures", &features)
	ask(t, "ValidCryptoKinds", &kinds)

	list := tokens(files(t)["lib/src/version.dart"])
	constants := map[string][]string{}
	for i := range list {
		if is(list, i, "const") {
			name := ""
			for j := i; j < len(list) && list[j].text != ";"; j++ {
				if is(list, j+1, "=") && name == "" {
					name = list[j].text
				}
				if list[j].kind == text {
					constants[name] = append(constants[name], list[j].text)
				}
			}
		}
	}
	if got := constants["apiVersion"]; !slices.Equal(got, []string{version}) {
		t.Errorf("apiVersion is %q, the library has %q", got, version)
	}
	if got := constants["apiFeatures"]; !slices.Equal(got, features) {
		t.Errorf("apiFeatures are %q, the library has %q", got, features)
	}
	kind := files(t)["lib/src/types/crypto_kind.dart"]
	for _, k := range kinds {
		if !strings.Contains(kind, "supportedCryptoKinds = [cryptoKind"+k+"]") {
			t.Errorf("supportedCryptoKinds are not %q", kinds)
		}
	}
	if !strings.Contains(kind, "cryptoKindVLD0 = CryptoKind(0x564C4430)") {
		t.Error("cryptoKindVLD0 is another number")
	}
}

// The default configuration of browsers is a constant in Dart, since it is asked for
// before the module is loaded. It differs from that of devices where the
// specification says so (07 §6.1, column "wasm").
func TestWebDefaults(t *testing.T) {
	source := tokens(files(t)["lib/src/link/web_default_config.dart"])
	var got, want map[string]any
	if err := json.Unmarshal([]byte(source[len(source)-2].text), &got); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	n, off := &c.Network, false
	n.RoutingTable.Bootstrap = []string{"ws://bootstrap-v1.veilid.net:5150/ws"}
	n.DHT.LocalSubkeyCacheSize, n.DHT.RemoteSubkeyCacheSize, n.DHT.RemoteMaxRecords = 128, 64, 64
	n.DHT.RemoteMaxStorageSpaceMB = 128
	n.UPnP, n.DetectAddressChanges = false, &off
	n.Protocol.UDP.Enabled, n.Protocol.TCP.Connect, n.Protocol.TCP.Listen, n.Protocol.WS.Listen = false, false, false, false
	whole, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(whole, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("webDefaultConfig differs from\n%s", whole)
	}
}
