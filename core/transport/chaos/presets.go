package chaos

import "fmt"

// Preset is a known bad network.
type Preset struct {
	Name     string   `json:"-"`
	About    string   `json:"about"`
	Settings []string `json:"settings"` // PATH=VALUE each
}

// Presets lists the presets (spec 07 §9).
func Presets() []Preset {
	mobile := func(up, down, every, lasts int) []string {
		return []string{
			fmt.Sprintf("net.self.send.rate=%d", up), "net.self.send.queue_ms=800",
			fmt.Sprintf("net.self.recv.rate=%d", down), "net.self.recv.queue_ms=800",
			"net.self.weather.drift=50", "net.self.weather.drift_s=10",
			fmt.Sprintf("net.self.weather.collapse_every_s=%d", every), fmt.Sprintf("net.self.weather.collapse_s=%d", lasts),
			"net.self.weather.collapse_cut=30", "net.self.weather.collapse_loss=85",
		}
	}
	return []Preset{
		{"mobile", "a phone on a fair day: half a megabyte a second up, a little more down, and every ten minutes 45 bad seconds",
			mobile(500000, 800000, 600, 45)},
		{"mobile-bad", "a phone on a bad day: half of that, and more bad time than good",
			mobile(250000, 600000, 70, 100)},
		{"mtu-blackhole", "packets above 1380 bytes vanish without a word on IPv4, as behind a 464XLAT",
			[]string{
				"net.ip['0.0.0.0/0'].send.max_size=1380", "net.ip['0.0.0.0/0'].recv.max_size=1380",
				"net.stall_close_ms=70000",
			}},
	}
}
