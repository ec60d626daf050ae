package bootstrap

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/voile-net/voile/core/sorting"
)

// MaxRecords is the number of record strings that are kept and served
// (spec 02 §13.3).
const MaxRecords = 64

// Store holds the record strings of the last round, for serving (spec 02
// §13.5). Methods may be called from any goroutine.
type Store struct {
	mu      sync.Mutex // guards records
	records []string   // sorted, no duplicates
}

// Set replaces the strings of the last round.
func (s *Store) Set(records []string) {
	kept := tidy(records)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = kept
}

// Records is a copy of what is kept.
func (s *Store) Records() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

// Served unites what is kept with the configured records (trimmed), sorted
// bytewise, at most 64 (spec 02 §13.5).
func (s *Store) Served(configured []string) []string {
	all := s.Records()
	for _, r := range configured {
		if r = strings.TrimSpace(r); strings.Contains(r, "|") {
			all = append(all, r)
		}
	}
	return tidy(all)
}

// MarshalJSON gives the strings to a table that survives a restart.
func (s *Store) MarshalJSON() ([]byte, error) {
	records := s.Records()
	if records == nil {
		records = []string{}
	}
	return json.Marshal(records)
}

// UnmarshalJSON reads them again.
func (s *Store) UnmarshalJSON(text []byte) error {
	records, err := readTexts(text)
	if err != nil {
		return fmt.Errorf("bootstrap records: %w", err)
	}
	s.Set(records)
	return nil
}

// tidy sorts a copy, drops duplicates and what is too many.
func tidy(records []string) []string {
	out := slices.DeleteFunc(slices.Clone(records), func(r string) bool { return len(r) > maxRecordSize })
	sorting.Ordered(out)
	out = slices.Compact(out)
	return out[:min(len(out), MaxRecords)]
}
