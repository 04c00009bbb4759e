// Package network routes flow through a tree of reaches.
//
// Reaches lie in flat arrays in the order of a depth-first walk, tributaries
// before the reach they meet in, the longest branch first. In this order
//
//   - every sub-tree is a contiguous range, so that branches can be routed apart
//     from each other, by any number of goroutines, with results that do not
//     depend on the number to the last bit;
//   - the flows at hand are a stack: as few rows as the network's Strahler order
//     hold all confluences that still wait for a tributary, and a chain of reaches
//     works on one row in place.
//
// A row is a tile of steps, so that a reach's parameters are fetched once per
// tile, and the rows stay in the first-level cache however large the network.
// Nothing is allocated per step or per tile.
//
// How a reach moves a flood is a [Method]'s matter: those of forecast/routing.
// This package adds up tributaries, lets diversions take water at the head of
// reaches, and walks.
package network

import (
	"fmt"
)

// A Tree is the order in which reaches are routed. It is immutable and safe for
// concurrent use.
//
// Arrays by reach are in tree order wherever this package or a [Method] takes
// them: see [Tree.Order] and [Arrange].
type Tree struct {
	order []int32 // tree position → caller's index
	down  []int32 // tree position of the reach downstream, -1 at an outlet
	size  []int32 // of the sub-tree that ends here, this reach included
	row   []uint8 // of the stack, in which this reach's flow is
	flags []uint8
	rows  int
}

const (
	head  = 1 << iota // no tributary
	first             // the first tributary of the reach downstream, which goes on in this one's row
)

// NewTree returns the tree in which reach i flows into reach downstream[i], or
// out of the network where that is negative. Reaches may come in any order. It
// fails at an index out of range and at reaches that flow in a circle.
func NewTree(downstream []int) (*Tree, error) {
	n := len(downstream)
	// Tributaries as lists: child[start[i]:start[i+1]] are those of i, ascending.
	start := make([]int32, n+1)
	for i, d := range downstream {
		if d >= n {
			return nil, fmt.Errorf("network: reach %d flows into %d: there are %d reaches", i, d, n)
		}
		if d >= 0 {
			start[d+1]++
		}
	}
	for i := range n {
		start[i+1] += start[i]
	}
	child, fill := make([]int32, n), make([]int32, n)
	for i, d := range downstream {
		if d >= 0 {
			child[start[d]+fill[d]] = int32(i)
			fill[d]++
		}
	}
	// From the headwaters down: size, and the rows that the sub-tree needs.
	need, size := make([]uint8, n), make([]int32, n)
	waiting := fill // tributaries not yet seen
	queue := make([]int32, 0, n)
	for i := range n {
		size[i] = 1
		if waiting[i] == 0 {
			queue = append(queue, int32(i))
		}
	}
	for at := 0; at < len(queue); at++ {
		i := queue[at]
		longestFirst(child[start[i]:start[i+1]], need, size)
		need[i] = 1
		for j, c := range child[start[i]:start[i+1]] {
			need[i] = max(need[i], need[c]+uint8(min(j, 1)))
		}
		if d := downstream[i]; d >= 0 {
			size[d] += size[i]
			if waiting[d]--; waiting[d] == 0 {
				queue = append(queue, int32(d))
			}
		}
	}
	if len(queue) < n {
		for i := range waiting {
			if waiting[i] > 0 {
				return nil, fmt.Errorf("network: %d reaches flow in a circle or out of one, reach %d among them", n-len(queue), i)
			}
		}
	}
	t := &Tree{
		order: make([]int32, n), down: make([]int32, n), size: make([]int32, n),
		row: make([]uint8, n), flags: make([]uint8, n),
	}
	t.lay(downstream, start, child, need, size)
	return t, nil
}

// longestFirst moves the tributary that needs most rows, the largest of these,
// to the front; the order of the others does not matter.
func longestFirst(c []int32, need []uint8, size []int32) {
	best := 0
	for j := range c {
		if a, b := c[j], c[best]; need[a] > need[b] || need[a] == need[b] && size[a] > size[b] {
			best = j
		}
	}
	for ; best > 0; best-- {
		c[best], c[best-1] = c[best-1], c[best]
	}
}

// lay gives positions from the outlets up, last position first.
func (t *Tree) lay(downstream []int, start, child []int32, need []uint8, size []int32) {
	n := len(downstream)
	position := make([]int32, n)
	var stack []int32
	for i, d := range downstream {
		if d < 0 {
			stack = append(stack, int32(i))
		}
	}
	for p := n - 1; p >= 0; p-- {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		position[i], t.order[p], t.size[p] = int32(p), i, size[i]
		t.down[p], t.flags[p] = -1, first // an outlet's row is free after it
		t.rows = max(t.rows, int(need[i]))
		if d := downstream[i]; d >= 0 {
			q := position[d]
			t.down[p], t.row[p] = q, t.row[q]
			if child[start[d]] != i {
				t.flags[p], t.row[p] = 0, t.row[q]+1
			}
		}
		if start[i] == start[i+1] {
			t.flags[p] |= head
		}
		stack = append(stack, child[start[i]:start[i+1]]...)
	}
}

// Len returns the number of reaches.
func (t *Tree) Len() int { return len(t.order) }

// Rows returns how many rows of flow the walk needs: the Strahler order of the
// network at most.
func (t *Tree) Rows() int { return t.rows }

// Order returns, for each tree position, the index of that reach as [NewTree]
// was given it.
func (t *Tree) Order() []int {
	out := make([]int, len(t.order))
	for p, i := range t.order {
		out[p] = int(i)
	}
	return out
}

// Downstream returns the tree position of the reach into which the one at
// position k flows, -1 at an outlet.
func (t *Tree) Downstream(k int) int { return int(t.down[k]) }

// Upstream returns the number of reaches upstream of position k. They are the
// positions directly before it.
func (t *Tree) Upstream(k int) int { return int(t.size[k]) - 1 }

// Arrange returns values given by reach, as [NewTree] was given them, in tree
// order. It panics if there is not one for each reach.
func Arrange[T any](t *Tree, byReach []T) []T {
	if len(byReach) != t.Len() {
		panic(badLength)
	}
	out := make([]T, len(byReach))
	for p, i := range t.order {
		out[p] = byReach[i]
	}
	return out
}

// Accumulate returns, in tree order, the sum of local over each reach and all
// upstream of it: the steady flow at its end for steady local inflow, m³/s, say, or
// the catchment, km², for local areas. It panics
// if there is not one value for each reach.
func (t *Tree) Accumulate(local []float64) []float64 {
	if len(local) != t.Len() {
		panic(badLength)
	}
	out := append([]float64(nil), local...)
	for p, d := range t.down {
		if d >= 0 {
			out[d] += out[p]
		}
	}
	return out
}

const badLength = "network: not one value for each reach"

// A span is the sub-tree of the positions from lo to hi, hi the reach in which
// it ends.
type span struct{ lo, hi int32 }

// branches returns the largest sub-trees of at most limit reaches, in ascending
// order. Reaches in none of them, those with more upstream, are the trunk.
func (t *Tree) branches(limit int) []span {
	var out []span
	for p := len(t.order) - 1; p >= 0; p-- {
		if int(t.size[p]) <= limit {
			out = append(out, span{int32(p) - t.size[p] + 1, int32(p)})
			p -= int(t.size[p]) - 1
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
