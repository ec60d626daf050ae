package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// MaxSize is the largest configuration text that is read.
const MaxSize = 1 << 20

// KeyError names the key that is wrong, and what is wrong with it.
type KeyError struct {
	Path string // as in "network.protocol.tcp.listen_address"
	Msg  string
}

func (e *KeyError) Error() string { return fmt.Sprintf("config: %s: %s", e.Path, e.Msg) }

// Parse reads a whole configuration as the original does (spec 07 §2.1,
// api_startup_json): every key that is not optional must be present, unknown
// keys are skipped and returned by their paths. The result is not validated.
func Parse(text []byte) (c Config, unknown []string, err error) { return parse(text, Default(), true) }

// ParseOver reads a configuration that may leave keys out; what it does not
// name keeps the value of base.
func ParseOver(text []byte, base Config) (c Config, unknown []string, err error) {
	return parse(text, base, false)
}

func parse(text []byte, base Config, whole bool) (Config, []string, error) {
	if len(text) > MaxSize {
		return Config{}, nil, &KeyError{"(text)", fmt.Sprintf("%d bytes, at most %d are read", len(text), MaxSize)}
	}
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return Config{}, nil, &KeyError{"(text)", "not a JSON object: " + err.Error()}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Config{}, nil, &KeyError{"(text)", "text after the end of the object"}
	}
	w := walker{whole: whole}
	if err := w.object("", reflect.TypeFor[Config](), tree); err != nil {
		return Config{}, nil, err
	}
	c := base
	if err := json.Unmarshal(text, &c); err != nil {
		var te *json.UnmarshalTypeError
		if errors.As(err, &te) {
			return Config{}, nil, &KeyError{te.Field, fmt.Sprintf("a JSON %s does not fit (want %s)", te.Value, kindName(te.Type))}
		}
		return Config{}, nil, &KeyError{"(text)", err.Error()}
	}
	slices.Sort(w.unknown)
	return c, w.unknown, nil
}

// walker compares the keys of a JSON object with those of a struct, since
// encoding/json neither misses a key nor tells of one too many.
type walker struct {
	whole   bool
	unknown []string
}

func (w *walker) object(path string, t reflect.Type, have map[string]any) error {
	known := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[name] = true
		at := join(path, name)
		v, present := have[name]
		rule := f.Tag.Get("voile") // opt: may be missing or null; omit: may be missing
		switch {
		case !present && w.whole && rule == "":
			return &KeyError{at, "missing"}
		case !present:
			continue
		case v == nil && rule != "opt":
			return &KeyError{at, "null is not allowed here"}
		case v == nil:
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			m, ok := v.(map[string]any)
			if !ok {
				return &KeyError{at, "must be an object"}
			}
			if err := w.object(at, f.Type, m); err != nil {
				return err
			}
		}
	}
	for name := range have {
		if !known[name] {
			w.unknown = append(w.unknown, join(path, name))
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Uint8:
		return "a number 0..255"
	case reflect.Uint32:
		return "a number 0..4294967295"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
