package jvmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// No part of package mobile is left out by gobind, which would only say so in a
// comment of what it writes.
func TestGobindTakesEverything(t *testing.T) {
	dir := gobind(t)
	skipped := regexp.MustCompile(`(?i)skipped.*`)
	for _, name := range find(t, "", dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range skipped.FindAllString(string(text), -1) {
			t.Errorf("%s: %s", filepath.Base(name), line)
		}
	}
	for _, want := range []string{"java/net/voile/mobile/Node.java", "src/gobind/Mobile.objc.h", "src/gobind/mobile_android.c"} {
		if _, err := os.Stat(filepath.Join(dir, want)); err != nil {
			t.Error(err)
		}
	}
	// Functions, listeners and constants that apps use, as Apple's languages see them.
	header, err := os.ReadFile(filepath.Join(dir, "src/gobind/Mobile.objc.h"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"MobileNode* _Nullable MobileStart(NSString* _Nullable configuration, MobileOptions* _Nullable o, MobileCancellation* _Nullable cancel, NSError* _Nullable* _Nullable error)",
		"@protocol MobileUpdateListener", "- (BOOL)onUpdate:(NSData* _Nullable)message error:(NSError* _Nullable* _Nullable)error;",
		"- (NSData* _Nullable)load:(NSString* _Nullable)name error:(NSError* _Nullable* _Nullable)error;",
		"- (MobilePending* _Nullable)begin:(NSData* _Nullable)message done:(id<MobileAnswerListener> _Nullable)done error:(NSError* _Nullable* _Nullable)error;",
	} {
		if !strings.Contains(string(header), want) {
			t.Errorf("the header for Apple's languages has no %q", want)
		}
	}
}

// jdk is the folder of the JDK with its headers.
func jdk(t testing.TB) string {
	t.Helper()
	need(t, "java", "javac", "gcc", "go")
	path, err := exec.LookPath("javac")
	if err != nil {
		t.Fatal(err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(filepath.Dir(path))
	if _, err := os.Stat(filepath.Join(dir, "include", "jni.h")); err != nil {
		t.Skipf("SKIP: no header files of the JDK: %v", err)
	}
	return dir
}

// hostLibrary builds what gobind makes for Android for this machine. Go keeps the
// parts, so this is done each time.
func hostLibrary(t testing.TB, generated string) string {
	t.Helper()
	home := jdk(t)
	if runtime.GOOS != "linux" {
		t.Skip("SKIP: the library is built for Linux here")
	}
	flags := "-D__GOBIND_ANDROID__ -Wno-incompatible-pointer-types -I" + filepath.Join(root(t), "mobile/jvmtest/shim") +
		" -I" + filepath.Join(home, "include") + " -I" + filepath.Join(home, "include", "linux")
	return library(t, generated, t.TempDir(), func(name, text string) (string, string) {
		name = strings.NewReplacer("_android.go", "_host.go", "_android.c", "_host.c").Replace(name)
		return name, strings.ReplaceAll(text, "-llog", "")
	}, []string{"CGO_CFLAGS=" + flags}, "-ldflags=-s -w")
}

// jars gives the jar files of pom.xml.
func jars(t testing.TB) (dir string) {
	t.Helper()
	need(t, "mvn")
	pom := filepath.Join(root(t), "mobile/jvmtest/pom.xml")
	return once(t, "jars-"+sum(t, []string{pom}), func(dir string) {
		c := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
		if out, err := c.CombinedOutput(); err != nil {
			t.Skipf("SKIP: Maven gives no jars: %v\n%s", err, out)
		}
	})
}

// jar is the path of a jar by the beginning of its name.
func jar(t testing.TB, dir, name string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, name+"-[0-9]*.jar"))
	if err != nil || len(found) != 1 {
		t.Fatalf("jars %s: %v, %v", name, found, err)
	}
	return found[0]
}

func classpath(parts ...string) string { return strings.Join(parts, string(os.PathListSeparator)) }

// javaClasses compiles what gobind made and the tests in Java.
func javaClasses(t testing.TB, generated, lib string) string {
	t.Helper()
	jdk(t)
	bound := find(t, ".java", filepath.Join(generated, "java"), filepath.Join(root(t), "mobile/jvmtest/java/android"))
	tests := find(t, ".java", filepath.Join(root(t), "mobile/jvmtest/java/net"))
	return once(t, "java-"+sum(t, append(tests, bound...)), func(dir string) {
		run(t, dir, nil, "javac", append([]string{"-nowarn", "-d", dir}, bound...)...)
		// A close that could throw InterruptedException is all that -try has to say.
		run(t, dir, nil, "javac", append([]string{"-Xlint:all,-processing,-try", "-Werror", "-cp", classpath(dir, jar(t, lib, "json")), "-d", dir}, tests...)...)
	})
}

// play runs a program of tests and reports each of them.
func play(t *testing.T, library string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "java", append([]string{"-Xmx256m", "-Djava.library.path=" + filepath.Dir(library), "-cp"}, args...)...)
	began := time.Now()
	out, err := c.CombinedOutput()
	passed := 0
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(line, "ok "); ok {
			passed++
			t.Run(strings.TrimSpace(name), func(*testing.T) {})
		}
	}
	t.Logf("%d passed in %v", passed, time.Since(began).Round(time.Millisecond))
	if err != nil || passed == 0 {
		t.Errorf("%v\n%s", err, out)
	} else if i := strings.Index(string(out), "after 20 cycles"); i >= 0 {
		t.Log(strings.SplitN(string(out[i:]), "\n", 2)[0])
	}
}

// TestJava: two nodes on a private network talk and keep records and tables with a
// store written in Java, errors have codes, 100 cycles leave nothing behind.
func TestJava(t *testing.T) {
	generated := gobind(t)
	lib := jars(t)
	classes := javaClasses(t, generated, lib)
	play(t, hostLibrary(t, generated), classpath(classes, jar(t, lib, "json")), "net.voile.test.JavaTest")
}

// kotlinc compiles Kotlin; what it warns of is an error.
func kotlinc(t testing.TB, lib, out, cp string, args ...string) {
	t.Helper()
	compiler := classpath(find(t, ".jar", lib)...)
	run(t, out, nil, "java", append([]string{
		"-cp", compiler, "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
		"-no-stdlib", "-no-reflect", "-jvm-target", "17", "-Werror", "-cp", cp, "-d", out,
	}, args...)...)
}

// TestKotlin compiles the Kotlin wrapper, the adapters for Android and the tests, and
// runs these against the library.
func TestKotlin(t *testing.T) {
	generated := gobind(t)
	lib := jars(t)
	classes := javaClasses(t, generated, lib)
	base := classpath(jar(t, lib, "kotlin-stdlib"), jar(t, lib, "kotlinx-coroutines-core-jvm"), jar(t, lib, "json"), classes)
	kotlin := filepath.Join(root(t), "mobile/kotlin/src")
	bound := sum(t, find(t, ".class", classes))

	wrapper := once(t, "kotlin-"+sum(t, find(t, ".kt", filepath.Join(kotlin, "main")), bound, filepath.Base(lib)), func(dir string) {
		kotlinc(t, lib, dir, base, "-module-name", "voile", filepath.Join(kotlin, "main"))
	})
	once(t, "kotlinandroid-"+sum(t, find(t, ".kt", kotlin), bound, filepath.Base(lib)), func(dir string) {
		// Android's own classes come first, the stub of its Context not at all.
		kotlinc(t, lib, dir, classpath(jar(t, lib, "android-all"), wrapper, base), "-module-name", "voile_android", filepath.Join(kotlin, "android"))
	})
	tests := once(t, "kotlintests-"+sum(t, find(t, ".kt", filepath.Join(kotlin, "main"), filepath.Join(kotlin, "test")), bound, filepath.Base(lib)), func(dir string) {
		kotlinc(t, lib, dir, classpath(wrapper, base), "-module-name", "voile_test", "-Xfriend-paths="+wrapper, filepath.Join(kotlin, "test"))
	})
	play(t, hostLibrary(t, generated), classpath(tests, wrapper, base), "net.voile.MainKt")
}
