package lab

import (
	"testing"
	"time"
)

func seedFrom(first byte) (seed [32]byte) {
	for i := range seed {
		seed[i] = first + byte(i)
	}
	return seed
}

// The signed record of spec 04 §17.
func TestRecord1(t *testing.T) {
	const want = "1|0|VLD0:zRSzf5VulTGU_3-3Oz2B3MVh1hp1OAlLfD4aZD7l86o|bootstrap-1.example.net|T5150,U5150,W5150/ws|1746308366|" +
		"VLD0:M57VFRx5xyD5zoiZSZJj1yZ8JsMsk2g5GGxy_48nYD4OCCpxi8B6te7osYuWVkeaNAPiXTHfgOdY0KJrT9LwDw"
	signer, node := identityOf(seedFrom(0x40)), identityOf(seedFrom(0x80))
	if got := signer.Public(); got != "VLD0:JUO5L_EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0" {
		t.Errorf("signer %s", got)
	}
	got, err := node.Record1("bootstrap-1.example.net", signer, time.Unix(1746308366, 0))
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("record\n%s\nwant\n%s", got, want)
	}
}

func TestRecord0(t *testing.T) {
	const want = "0|0|VLD0:zRSzf5VulTGU_3-3Oz2B3MVh1hp1OAlLfD4aZD7l86o|n1.lab|T5150,U5150,W5150/ws"
	if got := identityOf(seedFrom(0x80)).Record0("n1.lab"); got != want {
		t.Errorf("record %s, want %s", got, want)
	}
}

func TestIdentitiesFollowFromNames(t *testing.T) {
	a, again, b := NewIdentity("a"), NewIdentity("a"), NewIdentity("b")
	if a.Secret() != again.Secret() || a.Public() != again.Public() {
		t.Error("one name has two identities")
	}
	if a.Public() == b.Public() {
		t.Error("two names have one identity")
	}
}
