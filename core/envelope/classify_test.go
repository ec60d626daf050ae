package envelope

import "testing"

func TestClassify(t *testing.T) {
	for _, test := range []struct {
		msg  string
		want MessageKind
	}{
		{"", Empty}, {"B", Short}, {"BOO", Short},
		{"BOOT", BootstrapV0}, {"BOOT and more", BootstrapV0},
		{"B01T", BootstrapV1}, {"BOIT", Sealed}, {"boot", Sealed},
		{"RCP0", OutOfBand}, {"RCP1", Sealed}, {"ENV0", Sealed}, {"ENV1", Sealed}, {"\x00\x00\x00\x00", Sealed},
	} {
		if got := Classify([]byte(test.msg)); got != test.want {
			t.Errorf("Classify(%q) = %v, want %v", test.msg, got, test.want)
		}
	}
}
