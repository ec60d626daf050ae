// The program that the test makes small: it uses what the runtime's tables are for
// and prints what must be the same before and after.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall/js"
	"time"
)

type node struct {
	left, right *node
	value       [4]int
}

func tree(depth int) *node {
	if depth == 0 {
		return &node{value: [4]int{depth}}
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1), value: [4]int{depth}}
}

func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return n.value[0] + n.left.sum() + n.right.sum()
}

// deep grows the stack, with a pointer into it on every level.
//
//go:noinline
func deep(n int, up *int) int {
	var frame [64]int
	frame[n%64] = *up + 1
	if n == 0 {
		return frame[0]
	}
	return deep(n-1, &frame[n%64])
}

func caught(f func()) (text string) {
	cleanup := "no"
	defer func() { text = fmt.Sprint(recover(), " ", cleanup) }()
	defer func() { cleanup = "yes" }()
	f()
	return ""
}

type method struct{ n int }

func (m method) Add(a int, s string) string { return fmt.Sprint(m.n+a, s) }

func numbers(yield func(int) bool) {
	for i := range 10 {
		if !yield(i) {
			return
		}
	}
}

func rangeWithDefer() (out []int) {
	for i := range numbers {
		defer func() { out = append(out, i) }()
		if i == 3 {
			return out
		}
	}
	return nil
}

func main() {
	start := 3
	fmt.Println("stack", deep(20000, &start))

	results := make(chan int)
	for i := range 50 {
		go func() {
			own := i
			t := tree(10)
			results <- deep(2000, &own) + t.sum()
		}()
	}
	total := 0
	for range 50 {
		total += <-results
	}
	fmt.Println("goroutines", total)

	kept := tree(14)
	for range 20 {
		tree(12)
		runtime.GC()
	}
	fmt.Println("collected", kept.sum())

	var m map[string]int
	var p *node
	fmt.Println("map:", caught(func() { m["a"] = 1 }))
	fmt.Println("index:", caught(func() { _ = os.Args[start+99] }))
	fmt.Println("nil:", caught(func() { p.value[1] = 2 }))
	fmt.Println("type:", caught(func() { _ = any(start).(string) }))
	fmt.Println("again:", caught(func() {
		defer func() { panic(fmt.Sprint("second after ", recover())) }()
		panic("first")
	}))
	fmt.Println("iterator:", rangeWithDefer())
	exited := make(chan string)
	go func() {
		defer func() { exited <- fmt.Sprint("deferred ", recover()) }()
		runtime.Goexit()
	}()
	fmt.Println("goexit:", <-exited)

	double := reflect.MakeFunc(reflect.TypeFor[func(int) int](), func(args []reflect.Value) []reflect.Value {
		runtime.GC()
		deep(5000, &start)
		return []reflect.Value{reflect.ValueOf(int(args[0].Int()) * 2)}
	}).Interface().(func(int) int)
	fmt.Println("made function", double(21))
	add := reflect.ValueOf(method{40}).Method(0).Interface().(func(int, string) string)
	fmt.Println("method value", add(2, "!"))

	// JavaScript calls back in the middle of a call: the stack moves below it.
	compare := js.FuncOf(func(_ js.Value, args []js.Value) any {
		var own int
		runtime.GC()
		return args[0].Int() - args[1].Int() + 0*deep(4000, &own)
	})
	sorted := js.ValueOf([]any{5, 3, 9, 1, 7}).Call("sort", compare)
	fmt.Println("called back", sorted.Call("join", " "))
	adders := []func(int) int{func(n int) int { return deep(n, &start) }, func(n int) int { return n + start }}
	for range 12 {
		inner := adders[len(adders)-2:]
		adders = append(adders, func(n int) int { return inner[0](n) + inner[1](n) })
	}
	fmt.Println("closures", adders[len(adders)-1](300))

	words := strings.Fields("z y x w v u t s r q p o n m l k j i h g f e d c b a")
	slices.Sort(words)
	fmt.Printf("%v %x %v\n", words, sha256.Sum256([]byte("abc")), -1.5e300)
	cleaned := make(chan int, 1)
	runtime.AddCleanup(&node{}, func(n int) { cleaned <- n }, 7)
	runtime.GC()
	fmt.Println("cleanup", <-cleaned)
	done := make(chan struct{})
	time.AfterFunc(time.Millisecond, func() { close(done) })
	<-done
	fmt.Println("goroutines left", runtime.NumGoroutine())

	stack := make([]byte, 4096)
	fmt.Printf("%s\n", stack[:runtime.Stack(stack, false)])
	p.value[3] = start // ends the program
}
