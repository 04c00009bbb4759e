package feed

import (
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// The written form of a map.
type mapFile struct {
	Step       string     `yaml:"step"`
	Department string     `yaml:"department"`
	Files      []fileFile `yaml:"files"`
}

type fileFile struct {
	File      scalar              `yaml:"file"`
	Format    string              `yaml:"format"`
	Encoding  string              `yaml:"encoding"`
	Delimiter string              `yaml:"delimiter"`
	Comment   string              `yaml:"comment"`
	Skip      int                 `yaml:"skip"`
	Header    *bool               `yaml:"header"`
	Decimal   string              `yaml:"decimal"`
	Rows      scalar              `yaml:"rows"`
	Station   scalar              `yaml:"station"`
	Time      timeFile            `yaml:"time"`
	Where     map[scalar][]scalar `yaml:"where"`
	Except    map[scalar][]scalar `yaml:"except"`
	Missing   []scalar            `yaml:"missing"`
	Trace     []scalar            `yaml:"trace"`
	Columns   []columnFile        `yaml:"columns"`
}

type timeFile struct {
	Column  scalar   `yaml:"column"`
	Columns []scalar `yaml:"columns"`
	Layout  string   `yaml:"layout"`
	Zone    string   `yaml:"zone"`
	Stamps  string   `yaml:"stamps"`
}

type columnFile struct {
	Column       scalar              `yaml:"column"`
	Station      scalar              `yaml:"station"`
	Variable     string              `yaml:"variable"`
	Sensor       int                 `yaml:"sensor"`
	SensorFrom   scalar              `yaml:"sensor_from"`
	Unit         string              `yaml:"unit"`
	Datum        string              `yaml:"datum"`
	Datums       map[scalar]string   `yaml:"datums"`
	DatumFrom    *datumFile          `yaml:"datum_from"`
	Interval     string              `yaml:"interval"`
	IntervalFrom *intervalFile       `yaml:"interval_from"`
	Day          *dayFile            `yaml:"day"`
	Where        map[scalar][]scalar `yaml:"where"`
	Except       map[scalar][]scalar `yaml:"except"`
	Quality      *qualityFile        `yaml:"quality"`
}

type datumFile struct {
	Column scalar            `yaml:"column"`
	Names  map[scalar]string `yaml:"names"`
}

type intervalFile struct {
	Column   scalar `yaml:"column"`
	Notation string `yaml:"notation"`
}

type dayFile struct {
	Ends scalar `yaml:"ends"`
	Zone string `yaml:"zone"`
}

type qualityFile struct {
	Column scalar   `yaml:"column"`
	Take   []scalar `yaml:"take"`
}

// scalar is a scalar as it is written: to YAML the station 00123 is a number and
// so is the cell NaN. NULL, which is nothing at all, [spellNulls] makes a word.
type scalar string

func (t *scalar) UnmarshalYAML(n ast.Node) error {
	switch n := n.(type) {
	case *ast.StringNode:
		*t = scalar(n.Value)
	case *ast.LiteralNode:
		*t = scalar(n.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		*t = scalar(n.GetToken().Value)
	default:
		return &yaml.SyntaxError{Message: "one word or number is meant here", Token: n.GetToken()}
	}
	return nil
}

func texts(in []scalar) []string {
	out := make([]string, len(in))
	for i, t := range in {
		out[i] = strings.TrimSpace(string(t))
	}
	return out
}

// spellNulls makes words of the nulls that are written out: the decoder leaves
// out nulls unseen, and a list of marks for missing values would quietly lose
// NULL, its most common one.
type spellNulls struct{}

func (v spellNulls) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.SequenceNode:
		for i := range n.Values {
			n.Values[i] = spelled(n.Values[i])
		}
	case *ast.MappingValueNode:
		n.Value = spelled(n.Value)
	}
	return v
}

func spelled(n ast.Node) ast.Node {
	if null, ok := n.(*ast.NullNode); ok && strings.TrimSpace(null.Token.Value) != "" && null.Token.Type == token.NullType {
		return ast.String(null.Token)
	}
	return n
}
