package sigma

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/ir"
)

// modKind is what a modifier works on: together with the order it decides
// which modifiers go together.
type modKind uint8

const (
	modText     modKind = iota // changes a text: contains, windash, base64 …
	modList                    // how values combine: all, neq
	modCased                   //
	modRegex                   // re
	modFlag                    // flags of re
	modCIDR                    //
	modExists                  //
	modCompare                 // lt, lte, gt, gte
	modPart                    // part of a date
	modFieldRef                //
	modExpand                  //
)

// modifier is one row of the table of modifiers.
type modifier struct {
	name string
	kind modKind
	op   ir.CmpOp  // of modCompare
	part ir.FuncID // of modPart
	flag string    // of modFlag
	text textOp    // of modText and modExpand
}

// textOp is a step that changes the text of a value.
type textOp uint8

const (
	opNone textOp = iota
	opContains
	opStartsWith
	opEndsWith
	opWindash
	opBase64
	opBase64Offset
	opUTF16LE
	opUTF16BE
	opUTF16
	opExpand
)

// modifierTable is every modifier of Sigma 2.1, with the long names that
// pySigma has.
var modifierTable = []modifier{
	{name: "contains", kind: modText, text: opContains},
	{name: "startswith", kind: modText, text: opStartsWith},
	{name: "endswith", kind: modText, text: opEndsWith},
	{name: "windash", kind: modText, text: opWindash},
	{name: "base64", kind: modText, text: opBase64},
	{name: "base64offset", kind: modText, text: opBase64Offset},
	{name: "wide", kind: modText, text: opUTF16LE},
	{name: "utf16le", kind: modText, text: opUTF16LE},
	{name: "utf16be", kind: modText, text: opUTF16BE},
	{name: "utf16", kind: modText, text: opUTF16},
	{name: "all", kind: modList},
	{name: "neq", kind: modList},
	{name: "cased", kind: modCased},
	{name: "re", kind: modRegex},
	{name: "i", kind: modFlag, flag: "i"},
	{name: "ignorecase", kind: modFlag, flag: "i"},
	{name: "m", kind: modFlag, flag: "m"},
	{name: "multiline", kind: modFlag, flag: "m"},
	{name: "s", kind: modFlag, flag: "s"},
	{name: "dotall", kind: modFlag, flag: "s"},
	{name: "cidr", kind: modCIDR},
	{name: "exists", kind: modExists},
	{name: "lt", kind: modCompare, op: ir.Lt},
	{name: "lte", kind: modCompare, op: ir.Le},
	{name: "gt", kind: modCompare, op: ir.Gt},
	{name: "gte", kind: modCompare, op: ir.Ge},
	{name: "minute", kind: modPart, part: ir.Minute},
	{name: "hour", kind: modPart, part: ir.Hour},
	{name: "day", kind: modPart, part: ir.Day},
	{name: "week", kind: modPart, part: ir.Week},
	{name: "month", kind: modPart, part: ir.Month},
	{name: "year", kind: modPart, part: ir.Year},
	{name: "fieldref", kind: modFieldRef},
	{name: "expand", kind: modExpand, text: opExpand},
}

func modifierNames() []string {
	out := make([]string, len(modifierTable))
	for i, m := range modifierTable {
		out[i] = m.name
	}
	return out
}

// chain is what the modifiers of one key say together.
type chain struct {
	kind  modKind  // modText, modRegex, modCIDR, modExists, modCompare, modPart or modFieldRef
	steps []textOp // in order; for modRegex and modFieldRef only where the text stands
	all   bool
	neq   bool
	cased bool
	flags string    // of a regular expression
	op    ir.CmpOp  // of modCompare and modPart
	part  ir.FuncID // of modPart
	// encoded: the text is base64 in the end, so its case matters.
	encoded bool
	expand  bool
}

var plainChain = &chain{}

// chainError is a problem with the modifier at an offset in the text.
type chainError struct {
	unknown       bool
	from, to      int
	message, hint string
}

type chainResult struct {
	chain *chain
	err   *chainError
}

var (
	chainCache sync.Map
	chainCount atomic.Int32
)

const maxChainCache = 1024

// modifiers reads the modifiers of a key; off is where they start in it.
func (l *loader) modifiers(k *yaml.Node, text string, off int) *chain {
	if text == "" {
		if strings.HasSuffix(k.Value, "|") {
			l.diags.Errorf(codeModifier, l.src.span(k), "Remove the bar.", "a modifier is missing after \"|\"")
			return nil
		}
		return plainChain
	}
	var r chainResult
	if have, ok := chainCache.Load(text); ok {
		r = have.(chainResult)
	} else {
		r = parseChain(text)
		if len(text) <= 100 && chainCount.Load() < maxChainCache {
			chainCount.Add(1)
			chainCache.Store(strings.Clone(text), r)
		}
	}
	if e := r.err; e != nil {
		code := codeModifierOrder
		if e.unknown {
			code = codeModifier
		}
		l.diags.Errorf(code, l.src.textMap(k).span(off+e.from, off+e.to), e.hint, "%s", e.message)
		return nil
	}
	return r.chain
}

// parseChain reads modifiers from left to right.
func parseChain(text string) chainResult {
	c := &chain{}
	var seen []modifier
	from := 0
	for _, word := range strings.Split(text, "|") {
		to := from + len(word)
		i := slices.IndexFunc(modifierTable, func(m modifier) bool { return m.name == word })
		if i < 0 {
			hint := "docs/language.md lists them."
			if near := nearest(word, modifierNames()); near != "" {
				hint = fmt.Sprintf("Did you mean %q?", near)
			}
			return chainResult{err: &chainError{true, from, to, fmt.Sprintf("there is no modifier %q", word), hint}}
		}
		m := modifierTable[i]
		if message, hint := c.add(m, seen); message != "" {
			return chainResult{err: &chainError{false, from, to, message, hint}}
		}
		seen = append(seen, m)
		from = to + 1
	}
	if message, hint := c.finish(seen); message != "" {
		return chainResult{err: &chainError{false, 0, len(text), message, hint}}
	}
	return chainResult{chain: c}
}

// add puts one modifier after those seen; a message says why it cannot go there.
func (c *chain) add(m modifier, seen []modifier) (message, hint string) {
	for _, s := range seen {
		if s.name == m.name || m.flag != "" && s.flag == m.flag {
			return fmt.Sprintf("the modifier %q stands there twice", m.name), "Remove one."
		}
	}
	last := modifier{}
	if len(seen) > 0 {
		last = seen[len(seen)-1]
	}
	changed := len(c.steps) > 0 && !(len(c.steps) == 1 && c.steps[0] == opExpand)
	switch m.kind {
	case modList:
		if m.name == "all" {
			c.all = true
		} else {
			c.neq = true
		}
	case modCased:
		if c.kind == modRegex {
			return "\"cased\" changes nothing about a regular expression, which minds case", "Remove it; \"re|i\" ignores case."
		}
		if c.kind != modText && c.kind != modFieldRef {
			return "\"cased\" works on text only", "Remove it."
		}
		c.cased = true
	case modExpand:
		switch {
		case c.kind != modText && c.kind != modCIDR:
			return "\"expand\" works on text and networks only", "Remove it."
		case c.encoded:
			return "\"expand\" has to come before the encoding", "Write it first: expand|base64offset|contains."
		}
		c.steps = append(c.steps, opExpand)
		c.expand = true
	case modRegex:
		if changed || c.expand || c.kind != modText || c.cased {
			return "\"re\" works on a value that no other modifier has changed", "Write \"re\" first, and the whole of what is looked for as a regular expression."
		}
		c.kind = modRegex
	case modFlag:
		if c.kind != modRegex || last.kind != modRegex && last.kind != modFlag {
			return fmt.Sprintf("%q is a flag of \"re\"", m.name), "Write it right after it: re|" + m.name + "."
		}
		c.flags += m.flag
	case modCIDR, modExists, modFieldRef, modPart:
		if changed || c.kind != modText || c.cased || m.kind != modCIDR && c.expand {
			return fmt.Sprintf("%q works on a value that no other modifier has changed", m.name), "Write it first, or alone."
		}
		c.kind, c.part = m.kind, m.part
		if m.kind == modPart {
			c.op = ir.Eq
		}
	case modCompare:
		if c.kind == modPart && c.op == ir.Eq {
			c.op = m.op
			break
		}
		if c.kind == modCompare || c.kind == modPart {
			return "a value has one comparison", "Write two entries for a range: Field|gte and Field|lt."
		}
		if changed || c.kind != modText || c.cased || c.expand {
			return fmt.Sprintf("%q compares numbers; no other modifier goes with it", m.name), "Write it alone."
		}
		c.kind, c.op = modCompare, m.op
	case modText:
		return c.addText(m, last)
	}
	return "", ""
}

// addText adds a step that changes a text.
func (c *chain) addText(m modifier, last modifier) (message, hint string) {
	place := m.text == opContains || m.text == opStartsWith || m.text == opEndsWith
	if c.kind != modText && !(place && (c.kind == modRegex || c.kind == modFieldRef)) {
		return fmt.Sprintf("%q does not go with %q", m.name, c.kindName()), "Remove one of the two."
	}
	if place {
		for _, s := range c.steps {
			if s == opContains || s == opStartsWith || s == opEndsWith {
				return "a value has one of contains, startswith and endswith", "\"contains\" looks for the text anywhere."
			}
		}
	}
	wide := m.text == opUTF16LE || m.text == opUTF16BE || m.text == opUTF16
	encode := m.text == opBase64 || m.text == opBase64Offset
	for _, s := range c.steps {
		switch {
		case wide && (s == opUTF16LE || s == opUTF16BE || s == opUTF16):
			return "the text is in UTF-16 already", "Remove one of the two."
		case (wide || m.text == opWindash) && c.encoded:
			return fmt.Sprintf("%q has to come before the encoding", m.name), "Write it to the left of base64 or base64offset."
		case encode && c.encoded:
			return "the text is base64 already", "Remove one of the two."
		case (wide || encode) && (s == opContains || s == opStartsWith || s == opEndsWith):
			return fmt.Sprintf("%q has to come before %q", m.name, "contains"), "The text is encoded first and looked for then: " + m.name + "|contains."
		case place && (s == opUTF16LE || s == opUTF16BE || s == opUTF16) && !c.encoded,
			m.text == opWindash && (s == opUTF16LE || s == opUTF16BE || s == opUTF16):
			return fmt.Sprintf("%q does not follow an encoding in UTF-16", m.name), "Encode in base64 or base64offset first: wide|base64offset|contains."
		}
	}
	if encode {
		c.encoded = true
	}
	c.steps = append(c.steps, m.text)
	return "", ""
}

// finish checks what can be told at the end only.
func (c *chain) finish(seen []modifier) (message, hint string) {
	if !c.encoded {
		for _, s := range c.steps {
			if s == opUTF16LE || s == opUTF16BE || s == opUTF16 {
				return "UTF-16 is for what base64 encodes", "Write base64 or base64offset after it: wide|base64offset|contains."
			}
		}
	}
	if c.kind == modExists && (c.all || c.neq) {
		return "\"exists\" stands alone", "Its value says it all: true or false."
	}
	return "", ""
}

func (c *chain) kindName() string {
	switch c.kind {
	case modRegex:
		return "re"
	case modCIDR:
		return "cidr"
	case modExists:
		return "exists"
	case modCompare:
		return "lt, lte, gt or gte"
	case modPart:
		return "a part of a date"
	case modFieldRef:
		return "fieldref"
	}
	return "text"
}
