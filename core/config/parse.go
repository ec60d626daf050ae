package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/voile-net/voile/core/jsonread"
	"github.com/voile-net/voile/core/sorting"
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
	c := base
	w := walker{whole: whole}
	if err := w.object("", reflect.ValueOf(&c).Elem(), text); err != nil {
		return Config{}, nil, err
	}
	sorting.Ordered(w.unknown)
	return c, w.unknown, nil
}

// walker reads the keys of JSON objects into the fields of structs: one that is missed
// is an error, one too many is noted.
type walker struct {
	whole   bool
	unknown []string
}

func (w *walker) object(path string, into reflect.Value, raw []byte) error {
	members, err := jsonread.Object(nil, raw)
	switch {
	case err != nil && path == "":
		return &KeyError{"(text)", "not a JSON object: " + err.Error()}
	case err != nil: // the text as a whole was checked
		return &KeyError{path, "must be an object"}
	}
	have := map[string][]byte{} // of several of one name the last counts
	for _, m := range members {
		have[string(m.Name)] = m.Raw
	}
	t := into.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		at := join(path, name)
		v, present := have[name]
		delete(have, name)
		rule := f.Tag.Get("voile") // opt: may be missing or null; omit: may be missing
		switch {
		case !present && w.whole && rule == "":
			return &KeyError{at, "missing"}
		case !present:
			continue
		case string(v) == "null" && rule != "opt":
			return &KeyError{at, "null is not allowed here"}
		}
		if err := w.value(at, into.Field(i), v); err != nil {
			return err
		}
	}
	for name := range have {
		w.unknown = append(w.unknown, join(path, name))
	}
	return nil
}

// value reads one value. null takes away what a pointer points to and leaves others as
// they are.
func (w *walker) value(path string, into reflect.Value, raw []byte) error {
	if text, ok := into.Addr().Interface().(*json.RawMessage); ok {
		*text = slices.Clone(raw)
		return nil
	}
	if string(raw) == "null" {
		if into.Kind() == reflect.Pointer {
			into.SetZero()
		}
		return nil
	}
	good := true
	switch into.Kind() {
	case reflect.Struct:
		return w.object(path, into, raw)
	case reflect.Pointer:
		to := reflect.New(into.Type().Elem())
		if err := w.value(path, to.Elem(), raw); err != nil {
			return err
		}
		into.Set(to)
	case reflect.Slice:
		return w.list(path, into, raw)
	case reflect.Bool:
		good = string(raw) == "true" || string(raw) == "false"
		into.SetBool(raw[0] == 't')
	case reflect.Uint8, reflect.Uint32:
		n, err := strconv.ParseUint(string(raw), 10, into.Type().Bits())
		good = err == nil
		into.SetUint(n)
	case reflect.String:
		var text []byte
		text, good = jsonread.Text(raw)
		into.SetString(string(text))
	default:
		good = false
	}
	if !good {
		return misfit(path, into.Type(), raw)
	}
	return nil
}

func (w *walker) list(path string, into reflect.Value, raw []byte) error {
	var elements [][]byte
	if err := jsonread.List(raw, func(raw []byte) { elements = append(elements, raw) }); err != nil {
		return misfit(path, into.Type(), raw)
	}
	list := reflect.MakeSlice(into.Type(), len(elements), len(elements))
	for i, raw := range elements {
		at := fmt.Sprintf("%s[%d]", path, i)
		if string(raw) == "null" {
			return &KeyError{at, "null is not allowed here"}
		}
		if err := w.value(at, list.Index(i), raw); err != nil {
			return err
		}
	}
	into.Set(list)
	return nil
}

// misfit is the error of a value that is not of the type of its key. It does not show
// the value, which may be a secret.
func misfit(path string, want reflect.Type, raw []byte) error {
	kind := "number"
	switch raw[0] {
	case '{':
		kind = "object"
	case '[':
		kind = "array"
	case '"':
		kind = "text"
	case 't', 'f':
		kind = "true or false"
	}
	return &KeyError{path, fmt.Sprintf("a JSON %s does not fit (want %s)", kind, kindName(want))}
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
