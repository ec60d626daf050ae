package demo

import "strings"

// line is something that is said. A line with an answer is a call, which waits for
// it; others are messages.
type line struct {
	from   int // alice or bob
	text   string
	answer string // VIA stands for the node that brought the question; "": a message
}

// story is what Alice and Bob say, over and over: first a call and a message in
// each direction.
func story() []line {
	return []line{
		{alice, "Hello Bob, can you hear me?", "Loud and clear. Where are you?"},
		{bob, "Never mind: I cannot find out, and that is fine.", ""},
		{bob, "Alice, who brought you this question?", "VIA did. VIA does not know whose it is."},
		{alice, "Nobody on the way can read this.", ""},
		{alice, "Do you know my IP address?", "No. All I ever see is VIA."},
		{bob, "My route has layers, like an onion.", ""},
		{bob, "And if a node on the way goes away?", "Then we make another route. It takes milliseconds."},
		{alice, "Each node on the way opens one layer.", ""},
		{alice, "How would a stranger write to you?", "Over a private route that I give away, as I gave you one."},
		{bob, "All of this network lives in one process.", ""},
	}
}

// answerOf is what the asked person says; via is the node that brought the question.
func answerOf(lines []line, question, via string) string {
	for _, l := range lines {
		if l.text == question && l.answer != "" {
			return strings.ReplaceAll(l.answer, "VIA", via)
		}
	}
	return "?"
}

// hopCounts are the lengths that routes take turns with, of each half of the way,
// where there are so many nodes between the two persons: no node should be in both
// halves, or it could see both ends.
func hopCounts(between int) []int {
	if between < 4 {
		return []int{1}
	}
	return []int{2, 1}
}
