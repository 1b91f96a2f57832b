package diag

import "strings"

// Closest returns the candidate that word was probably meant to be, or ""
// where none is near enough to suggest: at most one edit for each three
// letters, a swap of neighbours being one edit. Case does not count. Of equal
// candidates the first wins.
func Closest(word string, candidates []string) string {
	best, bestDist := "", len([]rune(word))/3+1
	if len([]rune(word)) <= 2 {
		bestDist = 1
	}
	for _, c := range candidates {
		if d := edits(strings.ToLower(word), strings.ToLower(c), bestDist); d < bestDist {
			best, bestDist = c, d
		}
	}
	return best
}

// DidYouMean is the hint that goes with an unknown name: the name that it is
// close to, else what there is to choose from.
func DidYouMean(word string, candidates []string) string {
	if c := Closest(word, candidates); c != "" {
		return "Did you mean \"" + c + "\"?"
	}
	return "Known are: " + strings.Join(candidates, ", ") + "."
}

// edits is the restricted Damerau-Levenshtein distance of a and b, or limit
// if it is not below that.
func edits(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	prev, cur := make([]int, len(y)+1), make([]int, len(y)+1)
	var before []int
	for j := range cur {
		cur[j] = j
	}
	for i := 1; i <= len(x); i++ {
		before, prev, cur = prev, cur, make([]int, len(y)+1)
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
	}
	return min(cur[len(y)], limit)
}
