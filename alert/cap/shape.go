package cap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// A child is an element that may stand in another, and how often.
type child struct {
	name  string
	least int
	many  bool
}

// shapes are the elements that hold others, with their children in order.
var shapes = map[string][]child{
	"alert": {
		{"identifier", 1, false}, {"sender", 1, false}, {"sent", 1, false}, {"status", 1, false}, {"msgType", 1, false}, {"source", 0, false},
		{"scope", 1, false}, {"restriction", 0, false}, {"addresses", 0, false}, {"code", 0, true}, {"note", 0, false}, {"references", 0, false},
		{"incidents", 0, false}, {"info", 0, true},
	},
	"info": {
		{"language", 0, false}, {"category", 1, true}, {"event", 1, false}, {"responseType", 0, true}, {"urgency", 1, false}, {"severity", 1, false},
		{"certainty", 1, false}, {"audience", 0, false}, {"eventCode", 0, true}, {"effective", 0, false}, {"onset", 0, false}, {"expires", 0, false},
		{"senderName", 0, false}, {"headline", 0, false}, {"description", 0, false}, {"instruction", 0, false}, {"web", 0, false}, {"contact", 0, false},
		{"parameter", 0, true}, {"resource", 0, true}, {"area", 0, true},
	},
	"eventCode": valueShape, "parameter": valueShape, "geocode": valueShape,
	"resource": {{"resourceDesc", 1, false}, {"mimeType", 1, false}, {"size", 0, false}, {"uri", 0, false}, {"derefUri", 0, false}, {"digest", 0, false}},
	"area": {
		{"areaDesc", 1, false}, {"polygon", 0, true}, {"circle", 0, true}, {"geocode", 0, true}, {"altitude", 0, false}, {"ceiling", 0, false},
	},
}

var valueShape = []child{{"valueName", 1, false}, {"value", 1, false}}

// signatures are passed over: CAP allows them at the end of an alert.
const signatures = "http://www.w3.org/2000/09/xmldsig#"

// A frame is an element that is open.
type frame struct {
	name     string
	children []child // nil: it holds text
	at, had  int     // which child comes next, and how many of it there were
}

// checkShape says where the elements of a document are not those of CAP 1.2, or
// not in its order. The error names the line.
func checkShape(document []byte) error {
	d := xml.NewDecoder(bytes.NewReader(document))
	var open []frame
	roots := 0
	fail := func(format string, args ...any) error {
		line, _ := d.InputPos()
		return fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if roots != 1 {
				return errors.New("no alert in it")
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.Directive:
			return fail("a document type or entity is not part of CAP")
		case xml.StartElement:
			switch {
			case len(open) == 1 && t.Name.Space == signatures:
				if err := d.Skip(); err != nil {
					return err
				}
				continue
			case t.Name.Space != Namespace:
				return fail("<%s> is of the name space %q, not of CAP 1.2, %s", t.Name.Local, t.Name.Space, Namespace)
			case len(open) == 0:
				if t.Name.Local != "alert" || roots > 0 {
					return fail("<%s>: a document holds one <alert>", t.Name.Local)
				}
				roots++
			default:
				if err := open[len(open)-1].take(t.Name.Local); err != nil {
					return fail("%v", err)
				}
			}
			open = append(open, frame{name: t.Name.Local, children: shapes[t.Name.Local]})
		case xml.EndElement:
			f := open[len(open)-1]
			if err := f.end(); err != nil {
				return fail("%v", err)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 && len(open) > 0 && open[len(open)-1].children != nil {
				return fail("text in <%s>, which holds elements only", open[len(open)-1].name)
			}
		}
	}
}

// take lets a child in, or says why it may not stand here.
func (f *frame) take(name string) error {
	for i := f.at; i < len(f.children); i++ {
		c := f.children[i]
		if c.name != name {
			if c.least > 0 && (i > f.at || f.had == 0) {
				return fmt.Errorf("<%s> stands before <%s>, which is missing or comes later in CAP's order", name, c.name)
			}
			continue
		}
		if i == f.at && f.had > 0 && !c.many {
			return fmt.Errorf("<%s> twice in <%s>", name, f.name)
		}
		if i > f.at {
			f.at, f.had = i, 0
		}
		f.had++
		return nil
	}
	for i, c := range f.children {
		if c.name == name && i < f.at {
			return fmt.Errorf("<%s> comes after <%s>, against CAP's order", name, f.children[f.at].name)
		}
	}
	return fmt.Errorf("<%s> is no part of <%s>", name, f.name)
}

// end says what is missing.
func (f *frame) end() error {
	for i := f.at; i < len(f.children); i++ {
		if c := f.children[i]; c.least > 0 && (i > f.at || f.had == 0) {
			return fmt.Errorf("<%s> without <%s>", f.name, c.name)
		}
	}
	return nil
}
