package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/voile-net/voile/bind"
)

// schema is one JSON schema, as far as bind's use the language.
type schema struct {
	Ref             string             `json:"$ref"`
	Defs            map[string]*schema `json:"$defs"`
	Type            kinds              `json:"type"`
	Format          string             `json:"format"`
	ContentEncoding string             `json:"contentEncoding"`
	Const           string             `json:"const"`
	Enum            []string           `json:"enum"`
	Properties      map[string]*schema `json:"properties"`
	Required        []string           `json:"required"`
	Items           *schema            `json:"items"`
	PrefixItems     []*schema          `json:"prefixItems"`
	OneOf           []*schema          `json:"oneOf"`
	AnyOf           []*schema          `json:"anyOf"`
}

// kinds is the value of "type": a name or several.
type kinds []string

func (k *kinds) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*k = kinds{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(k))
}

func readSchema(name string) (*schema, error) {
	text, err := bind.Schema(name)
	if err != nil {
		return nil, err
	}
	s := new(schema)
	return s, json.Unmarshal([]byte(text), s)
}

// ref is the name of the definition that a schema refers to.
func (s *schema) ref() string { return strings.TrimPrefix(s.Ref, "#/$defs/") }

// notNull takes null away from what may be null.
func (s *schema) notNull() (inner *schema, nullable bool) {
	if len(s.AnyOf) == 2 && slices.Contains(s.AnyOf[1].Type, "null") {
		return s.AnyOf[0], true
	}
	if len(s.Type) == 2 && s.Type[1] == "null" {
		c := *s
		c.Type = s.Type[:1]
		return &c, true
	}
	return s, false
}

func (s *schema) is(kind string) bool { return len(s.Type) == 1 && s.Type[0] == kind }

// constOf is the constant that a property has; "": it has none.
func (s *schema) constOf(property string) string {
	if p := s.Properties[property]; p != nil {
		return p.Const
	}
	return ""
}
