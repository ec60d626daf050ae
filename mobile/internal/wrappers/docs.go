package wrappers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
)

// docs are the comments of Go's types, by "Type" and "Type.Field".
type docs map[string]string

// readDocs reads the comments of the packages that the API's types are in.
func readDocs(root string) (docs, error) {
	d := docs{}
	for _, dir := range []string{"bind/jsonapi", "core/config"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s: %w", dir, fs.ErrNotExist)
		}
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			d.read(dir, file)
		}
	}
	return d, nil
}

func (d docs) read(dir string, file *ast.File) {
	for _, decl := range file.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			t := spec.(*ast.TypeSpec)
			text := t.Doc.Text()
			if text == "" {
				text = g.Doc.Text()
			}
			key := dir + "." + t.Name.Name
			d[key] = text
			s, ok := t.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range s.Fields.List {
				text := f.Comment.Text()
				if text == "" {
					text = f.Doc.Text()
				}
				for _, name := range f.Names {
					d[key+"."+name.Name] = text
				}
			}
		}
	}
}

func keyOf(t reflect.Type) string {
	return strings.TrimPrefix(t.PkgPath(), "github.com/voile-net/voile/") + "." + t.Name()
}

// of is what a type is, beginning with a small letter and without its name.
func (d docs) of(t reflect.Type) string {
	text := clean(d[keyOf(t)])
	for _, verb := range []string{" is ", " are ", " says ", " holds ", " names "} {
		if rest, ok := strings.CutPrefix(text, t.Name()+verb); ok {
			if verb == " is " || verb == " are " {
				return rest
			}
			return "what" + verb + rest
		}
	}
	return text
}

func (d docs) field(t reflect.Type, name string) string { return clean(d[keyOf(t)+"."+name]) }

// clean makes text of a Go comment that reads well elsewhere.
func clean(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	text = strings.NewReplacer("[", "", "]", "", "nil: ", "null: ", " nil ", " null ").Replace(text)
	if i := strings.Index(text, " Use Default and"); i >= 0 {
		text = text[:i]
	}
	return text
}
