package ir

import (
	"regexp"
	"sync"
)

// RegexpMayMatch reports whether the source of a Regexp matches s; true where
// only a target can tell, because Go's regexp cannot read it. The same few
// expressions and texts are asked about again and again while a hunt is
// compiled, so answers are kept.
func RegexpMayMatch(source, s string) bool {
	key := regexpQuestion{source, s}
	if answer, ok := regexpAnswers.Load(key); ok {
		return answer.(bool)
	}
	re, err := regexp.Compile(source)
	answer := err != nil || re.MatchString(s)
	regexpAnswers.Store(key, answer)
	return answer
}

type regexpQuestion struct{ source, text string }

var regexpAnswers sync.Map // regexpQuestion -> bool
