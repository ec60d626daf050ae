//go:build !js

package igd

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeIGD is a gateway on loopback: it answers searches and speaks SOAP.
type fakeIGD struct {
	service  string // such as WANIPConnection:1
	external string
	control  string // URL of the service; empty: its own
	location string // of the description; empty: its own
	status   int    // of the answer to the search; 0: 200
	silent   bool   // answers no search
	redirect bool   // the description is elsewhere
	refuse   func(action string, args map[string]string) int

	http *httptest.Server
	udp  *net.UDPConn
	done chan struct{}

	mu       sync.Mutex
	actions  []string
	mappings map[string]map[string]string // by protocol and outside port
}

func (f *fakeIGD) start(t *testing.T) *fakeIGD {
	t.Helper()
	f.mappings = map[string]map[string]string{}
	f.http = httptest.NewServer(f)
	var err error
	if f.udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	f.done = make(chan struct{})
	go f.answerSearches()
	t.Cleanup(func() {
		f.udp.Close()
		<-f.done
		f.http.Close()
	})
	return f
}

func (f *fakeIGD) answerSearches() {
	defer close(f.done)
	buf := make([]byte, 2048)
	for {
		n, from, err := f.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if f.silent || !strings.HasPrefix(string(buf[:n]), "M-SEARCH * HTTP/1.1\r\n") {
			continue
		}
		location, status := f.location, f.status
		if location == "" {
			location = f.http.URL + "/description.xml"
		}
		if status == 0 {
			status = 200
		}
		answer := fmt.Sprintf("HTTP/1.1 %d OK\r\nCACHE-CONTROL: max-age=120\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"+
			"USN: uuid:1::urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nEXT:\r\nLOCATION: %s\r\n\r\n", status, location)
		f.udp.WriteToUDPAddrPort([]byte(answer), from)
	}
}

func (f *fakeIGD) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/description.xml" && f.redirect:
		http.Redirect(w, r, "/elsewhere.xml", http.StatusFound)
	case r.URL.Path == "/description.xml", r.URL.Path == "/elsewhere.xml":
		control := f.control
		if control == "" {
			control = "/control"
		}
		fmt.Fprintf(w, `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>box</friendlyName>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType>
<serviceList><service><serviceType>urn:schemas-upnp-org:service:%s</serviceType>
<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><controlURL>%s</controlURL><SCPDURL>/scpd.xml</SCPDURL></service></serviceList>
</device></deviceList></device></deviceList></device></root>`, f.service, control)
	case r.URL.Path == "/control":
		f.serveControl(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (f *fakeIGD) serveControl(w http.ResponseWriter, r *http.Request) {
	service, action, _ := strings.Cut(strings.Trim(r.Header.Get("SOAPACTION"), `"`), "#")
	args := arguments(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.actions = append(f.actions, action)
	if f.refuse != nil {
		if code := f.refuse(action, args); code != 0 {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>`+
				`<faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>`+
				`<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode></UPnPError>`+
				`</detail></s:Fault></s:Body></s:Envelope>`, code)
			return
		}
	}
	answer := ""
	key := args["NewProtocol"] + " " + args["NewExternalPort"]
	switch action {
	case "GetExternalIPAddress":
		answer = "<NewExternalIPAddress>" + f.external + "</NewExternalIPAddress>"
	case "AddPortMapping":
		f.mappings[key] = args
	case "AddAnyPortMapping":
		f.mappings[args["NewProtocol"]+" 6001"] = args
		answer = "<NewReservedPort>6001</NewReservedPort>"
	case "DeletePortMapping":
		delete(f.mappings, key)
	}
	fmt.Fprintf(w, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">`+
		`<s:Body><u:%sResponse xmlns:u="%s">%s</u:%sResponse></s:Body></s:Envelope>`, action, service, answer, action)
}

// arguments reads the leaves of a SOAP request.
func arguments(body io.Reader) map[string]string {
	args := map[string]string{}
	d, name := xml.NewDecoder(body), ""
	for {
		switch token, err := d.Token(); token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
		case xml.CharData:
			args[name] += string(token)
		case nil:
			if err != nil {
				return args
			}
		}
	}
}

func (f *fakeIGD) finder() *finder {
	return &finder{
		program: "test", client: newHTTPClient(),
		target: f.udp.LocalAddr().(*net.UDPAddr).AddrPort(),
	}
}

func (f *fakeIGD) mapped() map[string]map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]map[string]string{}
	for key, args := range f.mappings {
		all[key] = args
	}
	return all
}

func TestMapOverUPnP(t *testing.T) {
	only := func(action string, code int) func(string, map[string]string) int {
		return func(a string, _ map[string]string) int {
			if a == action {
				return code
			}
			return 0
		}
	}
	tests := []struct {
		name    string
		service string
		refuse  func(action string, args map[string]string) int
		lease   string
		port    uint16 // outside; 0: one of its own choice, not ours
		wantErr bool
	}{
		{name: "version 1", service: "WANIPConnection:1", lease: "120", port: 5150},
		{name: "PPP", service: "WANPPPConnection:1", lease: "120", port: 5150},
		{name: "version 2 picks a port", service: "WANIPConnection:2", lease: "120", port: 6001},
		{name: "version 2 without picking", service: "WANIPConnection:2", lease: "120", port: 5150, refuse: only("AddAnyPortMapping", 401)},
		{name: "only permanent leases", service: "WANIPConnection:1", lease: "0", port: 5150,
			refuse: func(action string, args map[string]string) int {
				if action == "AddPortMapping" && args["NewLeaseDuration"] != "0" {
					return 725
				}
				return 0
			}},
		{name: "our port is taken", service: "WANIPConnection:1", lease: "120",
			refuse: func(action string, args map[string]string) int {
				if action == "AddPortMapping" && args["NewExternalPort"] == "5150" {
					return 718
				}
				return 0
			}},
		{name: "every port is taken", service: "WANIPConnection:1", refuse: only("AddPortMapping", 718), wantErr: true},
		{name: "outside must be as inside, and is taken", service: "WANIPConnection:1", refuse: only("AddPortMapping", 724), wantErr: true},
		{name: "not allowed", service: "WANIPConnection:2", refuse: only("AddAnyPortMapping", 606), wantErr: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := (&fakeIGD{service: tt.service, external: "44.1.2.3", refuse: tt.refuse}).start(t)
			m := newMapper(f.finder().find, nil, nil)
			defer m.Close()
			got, err := m.Map(t.Context(), udpPort)
			if tt.wantErr {
				if err == nil {
					t.Fatalf("mapped to %v, want an error", got)
				}
				if len(f.mapped()) != 0 {
					t.Errorf("mappings left: %v", f.mapped())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Addr() != outside || tt.port != 0 && got.Port() != tt.port || tt.port == 0 && got.Port() < lowestPort {
				t.Errorf("mapped to %v, want %v and port %d", got, outside, tt.port)
			}
			args := f.mapped()[fmt.Sprintf("UDP %d", got.Port())]
			want := map[string]string{
				"NewInternalPort": "5150", "NewInternalClient": "127.0.0.1", "NewEnabled": "1", "NewLeaseDuration": tt.lease,
				"NewPortMappingDescription": "test map UDP for port 5150",
			}
			for name, value := range want {
				if args[name] != value {
					t.Errorf("%s is %q, want %q", name, args[name], value)
				}
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			if len(f.mapped()) != 0 {
				t.Errorf("after Close mappings are left: %v", f.mapped())
			}
		})
	}
}

func TestRenewOverUPnP(t *testing.T) {
	f := (&fakeIGD{service: "WANIPConnection:2", external: "44.1.2.3"}).start(t)
	g, err := f.finder().find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := &mapping{port: tcpPort, gateway: g, outside: netip.AddrPortFrom(outside, 6001)}
	if err := renew(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if args := f.mapped()["TCP 6001"]; args["NewInternalPort"] != "5150" {
		t.Errorf("renewed as %v, want outside port 6001 to 5150", args)
	}
	f.mu.Lock()
	f.external = "44.1.2.4"
	f.mu.Unlock()
	if err := renew(t.Context(), n); !errors.Is(err, errMoved) {
		t.Errorf("outside address changed: %v, want errMoved", err)
	}
}

// TestSearchBelievesLittle: whatever answers a search, nobody else is spoken to.
func TestSearchBelievesLittle(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { elsewhere++ }))
	defer other.Close()
	tests := []struct {
		name string
		igd  *fakeIGD
	}{
		{"silent", &fakeIGD{service: "WANIPConnection:1", external: "44.1.2.3", silent: true}},
		{"an error", &fakeIGD{service: "WANIPConnection:1", external: "44.1.2.3", status: 500}},
		{"description at another host", &fakeIGD{service: "WANIPConnection:1", external: "44.1.2.3", location: "http://127.0.0.2/description.xml"}},
		{"description at a name", &fakeIGD{service: "WANIPConnection:1", external: "44.1.2.3", location: strings.Replace(other.URL, "127.0.0.1", "localhost", 1)}},
		{"description over TLS", &fakeIGD{service: "WANIPConnection:1", external: "44.1.2.3", location: "https://127.0.0.1/"}},
		{"description redirected", &fakeIGD{service: "WANIPConnection:1", external: "44.1.2.3", redirect: true}},
		{"control at another host", &fakeIGD{service: "WANIPConnection:1", external: "44.1.2.3", control: strings.Replace(other.URL, "127.0.0.1", "localhost", 1)}},
		{"not connected", &fakeIGD{service: "WANIPConnection:1", external: "0.0.0.0"}},
		{"no address", &fakeIGD{service: "WANIPConnection:1", external: "soon"}},
		{"another service", &fakeIGD{service: "Layer3Forwarding:1", external: "44.1.2.3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.igd.start(t)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if g, err := f.finder().find(ctx); !errors.Is(err, ErrNoGateway) {
				t.Errorf("found %v, %v; want ErrNoGateway", g, err)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, a := range f.actions {
				if a != "GetExternalIPAddress" {
					t.Errorf("action %s", a)
				}
			}
		})
	}
	if elsewhere != 0 {
		t.Errorf("another host was asked %d times", elsewhere)
	}
}

func TestParseAnswer(t *testing.T) {
	home := netip.MustParseAddr("192.168.1.1")
	good := "HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.1:5000/d.xml\r\nST: x\r\n\r\n"
	if u, err := parseAnswer([]byte(good), home); err != nil || u.String() != "http://192.168.1.1:5000/d.xml" {
		t.Fatalf("%v, %v", u, err)
	}
	for cut := range len(good) {
		u, err := parseAnswer([]byte(good[:cut]), home)
		if err == nil {
			t.Errorf("cut at %d: %v", cut, u)
		}
	}
	if _, err := parseAnswer([]byte(strings.ReplaceAll(good, "192.168.1.1", "44.1.2.3")), netip.MustParseAddr("44.1.2.3")); err == nil {
		t.Error("an answer from the internet was believed")
	}
	if _, err := parseAnswer([]byte(good), netip.MustParseAddr("192.168.1.2")); err == nil {
		t.Error("a place at another address than the sender's was believed")
	}
}

func FuzzParseAnswer(f *testing.F) {
	home := netip.MustParseAddr("192.168.1.1")
	f.Add([]byte("HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.1:5000/d.xml\r\nST: x\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.1@44.1.2.3/\r\n\r\n"))
	f.Add([]byte("M-SEARCH * HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		u, err := parseAnswer(datagram, home)
		if err == nil && (u.Scheme != "http" || u.Hostname() != "192.168.1.1" || u.User != nil) {
			t.Errorf("%q gave %v", datagram, u)
		}
	})
}

func TestLargeDescription(t *testing.T) {
	served := make(chan int64, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "<root>")
		var n int64
		block := strings.Repeat(" ", 64<<10)
		for range 4096 { // 256 MiB
			m, err := io.WriteString(w, block)
			n += int64(m)
			if err != nil {
				break
			}
		}
		served <- n
	}))
	defer server.Close()
	c := newHTTPClient()
	response, err := c.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if err != nil || n != maxDocument {
		t.Errorf("read %d bytes, %v; want %d", n, err, maxDocument)
	}
	if n := <-served; n == 4096*(64<<10) {
		t.Error("the whole document was taken from the server")
	}
}

func TestOpen(t *testing.T) {
	m, err := Open("test", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Lost() == nil || m.Lost() != m.Lost() {
		t.Error("Lost is not one channel")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
