package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// sources are the packages whose comments say what the types are, and the prefix
// that their names have in the schema.
var sources = map[string]string{"bind/jsonapi": "", "core/config": "VeilidConfig"}

// docs are comments: of a definition by its name, of a field by
// "definition.field" with the name on the line.
type docs map[string]string

// readDocs reads the comments of the Go types that the schema is made of.
func readDocs() (docs, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	d := docs{}
	for dir, prefix := range sources {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			d.addFile(file, prefix)
		}
	}
	d["VeilidConfig"] = d["VeilidConfigConfig"]
	for name, text := range d {
		if field, ok := strings.CutPrefix(name, "VeilidConfigConfig."); ok {
			d["VeilidConfig."+field] = text
		}
	}
	return d, nil
}

// moduleRoot is the folder of go.mod above this one.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run it inside the module")
		}
	}
}

func (d docs) addFile(file *ast.File, prefix string) {
	for _, decl := range file.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			t := spec.(*ast.TypeSpec)
			def := prefix + t.Name.Name
			comment := t.Doc
			if comment == nil {
				comment = g.Doc
			}
			d[def] = sentence(comment, t.Name.Name, nameOf(def))
			s, ok := t.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range s.Fields.List {
				if f.Tag == nil {
					continue
				}
				wire, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
				if f.Comment == nil {
					d[def+"."+wire] = sentence(f.Doc, "", "")
				} else {
					d[def+"."+wire] = sentence(f.Comment, "", "")
				}
			}
		}
	}
}

// sentence is a comment in one line, with a type's name as it is here and null for
// what has nothing.
func sentence(c *ast.CommentGroup, name, here string) string {
	if c == nil {
		return ""
	}
	text := strings.Join(strings.Fields(c.Text()), " ")
	if rest, ok := strings.CutPrefix(text, name+" "); ok && name != "" {
		text = here + " " + rest
	}
	words := strings.Fields(text)
	for i, w := range words {
		switch strings.Trim(w, ":,.;()") {
		case "nil":
			words[i] = strings.Replace(w, "nil", "null", 1)
		}
		words[i] = strings.NewReplacer("[", "", "]", "", "*/", "").Replace(words[i])
	}
	return strings.Join(words, " ")
}
