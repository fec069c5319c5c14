package main

import "strings"

// closest returns the name that the user most likely meant, "" if none is similar.
func closest(name string, names []string) string {
	best, distance := "", max(2, len(name)/3)+1
	for _, candidate := range names {
		if len(candidate) > 4*len(name)+8 {
			continue
		}
		d := editDistance(strings.ToLower(name), strings.ToLower(candidate))
		if d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, changes and swaps of neighboring letters that turn
// one text into the other.
func editDistance(from, to string) int {
	a, b := []rune(from), []rune(to)
	before, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range b {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// didYouMean returns a hint with the closest name, or otherwise if none is similar.
func didYouMean(name string, names []string, otherwise string) string {
	if near := closest(name, names); near != "" {
		return "did you mean " + oneLine(near, 100) + "?"
	}
	return otherwise
}
