package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
)

// maxSecondNames bounds the names that the strings of a version 0 root may
// make us look up.
const maxSecondNames = 64

// ErrNoRecord: a source answered, and nothing in it could be used.
var ErrNoRecord = errors.New("no usable bootstrap record")

// policy says which records count: the lowest version allowed follows from
// whether there are keys (spec 02 §13.1).
type policy struct {
	crypto *crypto.Crypto
	keys   []crypto.PublicKey // empty: version 1 records are not verified
}

func (p policy) lowest() uint8 {
	if len(p.keys) == 0 {
		return 0
	}
	return 1
}

// versionOfSet is the highest version of a set of TXT strings that is known
// and allowed (spec 02 §13.2). A string without a bar is version 0.
func (p policy) versionOfSet(texts []string) (highest uint8, ok bool) {
	for _, text := range texts {
		version := uint8(0)
		if strings.Contains(text, "|") {
			var number bool
			if version, number = VersionOf(text); !number || version > 1 {
				continue
			}
		}
		if version >= p.lowest() && (!ok || version > highest) {
			highest, ok = version, true
		}
	}
	return highest, ok
}

// parseSetV1 reads a set as version 1: strings of other versions are skipped,
// but one bad record, or one string that begins with no number, fails the set
// (spec 02 §13.2).
func (p policy) parseSetV1(texts []string) ([]*Record, error) {
	var records []*Record
	for _, text := range texts {
		version, ok := VersionOf(text)
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: %.40q has no version", ErrRecord, text)
		case version != 1:
			continue
		}
		r, err := Parse(text)
		if err != nil {
			return nil, err
		}
		if err := r.Verify(p.crypto, p.keys); err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// parseSetV0 reads second-level strings; one bad record fails the set
// (spec 04 §12.2).
func parseSetV0(texts []string) ([]*Record, error) {
	var records []*Record
	for _, text := range texts {
		r, err := Parse(text)
		switch {
		case err != nil:
			return nil, err
		case r.Version != 0:
			return nil, fmt.Errorf("%w: version %d beside version 0", ErrRecord, r.Version)
		}
		records = append(records, r)
	}
	return records, nil
}

// configured reads `bootstrap_records`: each bad entry is reported by itself,
// and of the rest the highest version that is allowed is used (spec 02 §13.1).
func (p policy) configured(texts []string) (records []*Record, faults []error) {
	highest := uint8(0)
	for _, text := range texts {
		r, err := Parse(text)
		if err == nil {
			err = r.Verify(p.crypto, p.keys)
		}
		if err == nil && r.Version < p.lowest() {
			err = fmt.Errorf("%w: version %d, and only signed ones are allowed", ErrRecord, r.Version)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		highest = max(highest, r.Version)
		records = append(records, r)
	}
	return slices.DeleteFunc(records, func(r *Record) bool { return r.Version != highest }), faults
}

// lookupTXT reads the records of a TXT name. texts are the record strings that
// were met, whatever became of them.
func (p policy) lookupTXT(ctx context.Context, c *Cache, name string) (records []*Record, texts []string, err error) {
	root, err := c.TXT(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range root {
		if strings.Contains(s, "|") {
			texts = append(texts, s)
		}
	}
	switch version, ok := p.versionOfSet(root); {
	case !ok:
		return nil, texts, ErrNoRecord
	case version == 1:
		records, err = p.parseSetV1(root)
	default:
		var second []string
		second, err = secondLevel(ctx, c, name, root)
		texts = append(texts, second...)
		if err == nil {
			records, err = parseSetV0(second)
		}
	}
	if err == nil && len(records) == 0 {
		err = ErrNoRecord
	}
	return records, texts, err
}

// secondLevel looks up the names that a version 0 root lists: one that ends
// with a dot is used as it is, any other is put before the root (spec 02 §13.2).
// A name that fails counts as empty.
func secondLevel(ctx context.Context, c *Cache, root string, lists []string) ([]string, error) {
	var names []string
	for _, list := range lists {
		if strings.Contains(list, "|") {
			continue // a record of its own, not a list
		}
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			if !strings.HasSuffix(name, ".") {
				name += "." + root
			}
			if !slices.Contains(names, name) && len(names) < maxSecondNames {
				names = append(names, name)
			}
		}
	}
	found := make([][]string, len(names))
	each(len(names), func(i int) {
		found[i], _ = c.TXT(ctx, names[i])
	})
	all := slices.Concat(found...)
	sorting.Ordered(all)
	return slices.Compact(all), ctx.Err()
}
