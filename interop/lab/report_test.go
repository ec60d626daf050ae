package lab

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestParseEntries(t *testing.T) {
	const a, b = "VLD0:osmCNjuN1oFX1QJ3nqR1Tr7IRZ3ux6IIJTTRx_4aYfQ", "VLD0:-ksWsZS7QcWK7mbb-OxFrjTmikLj6m61kpZ06qjWfoc"
	got, err := parseEntries(sample(t, "entries.txt"))
	if err != nil || len(got) != 5 || got[a] != Reliable || got[b] != Reliable {
		t.Errorf("entries %v, %v; want five reliable ones", got, err)
	}
	got, err = parseEntries("Entries: 1\n VLD0 Bucket #0:\n    " + a + " [PSHORT][r-] ??? []\n")
	if want := map[string]string{a: "PSHORT"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("entries %v, %v; want %v", got, err, want)
	}
	if got, err := parseEntries("Entries: 0\n"); err != nil || len(got) != 0 {
		t.Errorf("no entries: %v, %v", got, err)
	}
	if _, err := parseEntries(""); err == nil {
		t.Error("an empty answer is taken for a list")
	}
}

func TestParsePunishments(t *testing.T) {
	none := sample(t, "punish-none.txt")
	if got, err := parsePunishments(none); err != nil || len(got) != 0 {
		t.Errorf("punishments %q, %v; want none", got, err)
	}
	one := strings.Replace(none, "punishments_by_node_id: {}",
		"punishments_by_node_id: {\n    NodeId(x): Punishment {\n        reason: Manual,\n    },\n}", 1)
	want := []string{"punishments_by_node_id: NodeId(x): Punishment { reason: Manual, },"}
	if got, err := parsePunishments(one); err != nil || !slices.Equal(got, want) {
		t.Errorf("punishments %q, %v; want %q", got, err, want)
	}
	for name, text := range map[string]string{
		"empty":         "",
		"table missing": strings.Replace(none, "punishments_by_ip4", "other", 1),
		"table cut":     none[:strings.Index(none, "punishments_by_node_id: {")+len("punishments_by_node_id: {")],
	} {
		if got, err := parsePunishments(text); err == nil {
			t.Errorf("%s: %q, want an error", name, got)
		}
	}
}

func TestParseContactMethods(t *testing.T) {
	got, err := parseContactMethods(sample(t, "network-stats.txt"))
	if want := map[string]int{"Direct": 41512}; err != nil || !maps.Equal(got, want) {
		t.Errorf("methods %v, %v; want %v", got, err, want)
	}
	got, err = parseContactMethods("Contact methods:\n  Direct: 3/4 75.00%\n  SignalReverse: 0/2 0.00%\n")
	if want := map[string]int{"Direct": 4, "SignalReverse": 2}; err != nil || !maps.Equal(got, want) {
		t.Errorf("methods %v, %v; want %v", got, err, want)
	}
	got, err = parseContactMethods("Contact methods:\n  NoContactMethod: 0/1 0.00% sent, 20.00% of all\n  Direct: 3/4 75.00% sent, 80.00% of all\n\nRPC:\n")
	if want := map[string]int{"NoContactMethod": 1, "Direct": 4}; err != nil || !maps.Equal(got, want) {
		t.Errorf("methods %v, %v; want %v", got, err, want)
	}
	if _, err := parseContactMethods("Transfer stats:\n"); err == nil {
		t.Error("an answer without methods is taken for a list")
	}
}

func TestParseRouteHops(t *testing.T) {
	got, err := parseRouteHops(sample(t, "route-list.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if hops := got["VLD0:fyiN0c2-djNNCX6XXeEA1sdjhoy8xEIwGtMqXBGezcc"]; !slices.Equal(hops, []string{"VLD0:QNw5teZdkqdEE0By7Z4GDPh_-n9S-zjl-LIMrAIrXOI"}) {
		t.Errorf("hops %q", hops)
	}
	if len(got) != 7 {
		t.Errorf("%d routes, want 7", len(got))
	}
	if _, err := parseRouteHops("Unknown"); err == nil {
		t.Error("an answer without routes is taken for a list")
	}
}
