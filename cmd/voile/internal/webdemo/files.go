package webdemo

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// types are the files that are served, by the end of their names. A file of any
// other kind does not exist.
var types = map[string]string{
	".html":        "text/html; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".mjs":         "text/javascript; charset=utf-8",
	".json":        "application/json",
	".map":         "application/json",
	".svg":         "image/svg+xml",
	".wasm":        "application/wasm",
	".webmanifest": "application/manifest+json",
}

// encodings are the compressed copies that may stand beside a file, the best first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// maxFile bounds what is read into memory; the largest are the modules, below 10 MB.
const maxFile = 64 << 20

// Where things are in the folder web, and what a browser calls them.
const (
	pageFolder    = "demo"
	packageFolder = "dist"
	packagePrefix = "/@voile/node/"
)

// ErrMissing is a part that has not been built or is not there. The text of the
// error says what to run.
var ErrMissing = errors.New("web demo")

// parts are what must be in the folder, and what makes it.
var parts = []struct{ file, made string }{
	{pageFolder + "/index.html", "say where the folder web of the project is, with --dir"},
	{packageFolder + "/browser.js", "run: make web-package"},
	{packageFolder + "/voile.wasm", "run: make web-module"},
}

// files serves the page and the package. Goroutines: none. Locks: mu.
type files struct {
	root *os.Root

	mu   sync.Mutex
	seen map[string]file // by name in the folder
}

// file is one of them as it was when last asked for.
type file struct {
	size     int64
	modified time.Time
	tag      string   // ETag
	scripts  []string // hashes of the scripts in a page, for its policy
}

// openFiles opens the folder web, and says what is missing in it.
func openFiles(dir string) (*files, error) {
	for _, p := range parts {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(p.file)))
		if err != nil || !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: there is no %s: %s", ErrMissing, filepath.Join(dir, filepath.FromSlash(p.file)), p.made)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &files{root: root, seen: map[string]file{}}, nil
}

func (f *files) close() error { return f.root.Close() }

// nameOf is the file in the folder that a path of the site stands for; "": none.
func nameOf(url string) string {
	name := pageFolder + url
	if rest, ok := strings.CutPrefix(url, packagePrefix); ok {
		name = packageFolder + "/" + rest
	} else if url == "/" {
		name = pageFolder + "/index.html"
	}
	if path.Clean(name) != name || types[path.Ext(name)] == "" {
		return ""
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || part == "node_modules" || part == "test" {
			return ""
		}
	}
	return name
}

// serve answers a request for a file. policy makes the Content-Security-Policy
// of an answer from the hashes of the scripts in a page.
func (f *files) serve(w http.ResponseWriter, r *http.Request, policy func(scripts []string) string) {
	name := nameOf(r.URL.Path)
	if name == "" {
		http.NotFound(w, r)
		return
	}
	plain, err := f.look(name)
	if errors.Is(err, fs.ErrNotExist) {
		http.NotFound(w, r)
		return
	} else if err != nil {
		http.Error(w, "the file cannot be read", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", types[path.Ext(name)])
	h.Set("Content-Security-Policy", policy(plain.scripts))
	h.Set("Cache-Control", "no-cache") // kept, and asked for again: a tag answers at once
	h.Add("Vary", "Accept-Encoding")
	stored, now := name, plain
	for _, e := range encodings {
		if !accepts(r, e.name) {
			continue
		}
		if packed, err := f.look(name + e.suffix); err == nil && !packed.modified.Before(plain.modified) {
			h.Set("Content-Encoding", e.name)
			stored, now = name+e.suffix, packed
			break
		}
	}
	content, err := f.root.Open(stored)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer content.Close()
	h.Set("ETag", now.tag)
	http.ServeContent(w, r, "", now.modified, content)
}

// look describes a file, from memory if it has not changed since.
func (f *files) look(name string) (file, error) {
	info, err := f.root.Stat(name)
	switch {
	case err != nil:
		return file{}, err
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return file{}, fs.ErrNotExist
	}
	f.mu.Lock()
	known, ok := f.seen[name]
	f.mu.Unlock()
	if ok && known.size == info.Size() && known.modified.Equal(info.ModTime()) {
		return known, nil
	}
	content, err := f.root.Open(name)
	if err != nil {
		return file{}, err
	}
	defer content.Close()
	text, err := io.ReadAll(io.LimitReader(content, maxFile))
	if err != nil {
		return file{}, err
	}
	sum := sha256.Sum256(text)
	now := file{size: info.Size(), modified: info.ModTime(), tag: fmt.Sprintf("%q", base64.RawURLEncoding.EncodeToString(sum[:16]))}
	if path.Ext(name) == ".html" {
		now.scripts = inlineScripts(text)
	}
	f.mu.Lock()
	f.seen[name] = now
	f.mu.Unlock()
	return now, nil
}

var inlineScript = regexp.MustCompile(`(?s)<script( type="importmap")?>(.*?)</script>`)

// inlineScripts are the hashes that a policy allows the scripts of a page by: its
// import map cannot be a file of its own.
func inlineScripts(page []byte) []string {
	var hashes []string
	for _, m := range inlineScript.FindAllSubmatch(page, -1) {
		sum := sha256.Sum256(m[2])
		hashes = append(hashes, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return hashes
}

// accepts reports whether the client takes an encoding. Browsers name what they
// take; a weight of 0 is a refusal.
func accepts(r *http.Request, encoding string) bool {
	for item := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(item), ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		weight = strings.TrimSpace(weight)
		return weight != "q=0" && weight != "q=0.0" && weight != "q=0.00" && weight != "q=0.000"
	}
	return false
}
