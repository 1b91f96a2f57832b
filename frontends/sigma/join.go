package sigma

import (
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// join pairs the rows with those of a branch or of a lookup.
func (p *pipeline) join(all diag.Span, s *stageJoin) {
	kind := ir.JoinKind(s.Kind.value())
	if kind != ir.Inner && kind != ir.LeftOuter && kind != ir.Anti {
		p.diags.Errorf(codeJoin, p.span(s.Kind.Pos.Offset, s.Kind.EndPos.Offset), "A join is inner, left or anti.", "there is no join of the kind %q", s.Kind.value())
		return
	}
	at := p.span(s.Branch.Pos.Offset, s.Branch.EndPos.Offset)
	on := p.fields(s.On)
	right, cols := p.joined(s, at, on)
	if right == nil {
		return
	}
	known := true
	for _, f := range on {
		if !slices.Contains(cols, f.Name) {
			known = false
			p.diags.Errorf(codeColumn, f, "It has "+strings.Join(cols, ", ")+".", "%q has no column %q to join on", s.Branch.value(), f.Name)
		}
	}
	if !known {
		return
	}
	cols = slices.DeleteFunc(slices.Clone(cols), func(c string) bool { return ir.HasField(on, c) })
	if s.Within != nil {
		p.joinWithin(all, kind, s, right, on, cols)
		return
	}
	p.query = &ir.Join{Span: all, Left: p.query, Right: right, Kind: kind, On: on}
	if kind != ir.Anti {
		p.addJoined(at, cols)
	}
}

// joined is what a join takes in, and its columns; nil after an error.
func (p *pipeline) joined(s *stageJoin, at diag.Span, on []*ir.Field) (ir.Query, []string) {
	if p.isLookup(s.Branch.value()) {
		if t := p.lookup(s.Branch.value(), at, on); t != nil {
			return t, t.Cols
		}
		return nil, nil
	}
	sub := p.branchQuery(s.Branch)
	if sub == nil {
		return nil, nil
	}
	if sub.cols == nil {
		p.diags.Errorf(codeJoin, at, "Give the branch an \"output\", or end its pipeline with project, summarize or distinct.", "a join has to know the columns of the branch %q", s.Branch.value())
		return nil, nil
	}
	return sub.query, sub.cols
}

// addJoined makes the columns of the other side known.
func (p *pipeline) addJoined(at diag.Span, cols []string) {
	for _, c := range cols {
		if slices.Contains(p.cols, c) || slices.Contains(p.added, c) {
			p.diags.Errorf(codeDuplicateCol, at, "Rename it in the branch, with project.", "both sides of the join have a column %q", c)
			continue
		}
		p.add(c, at)
	}
}

// timeSuffix names the time of a row of the branch beside that of the other
// side: the branch "files" has files_Timestamp.
const timeSuffix = "_" + ir.Timestamp

// joinWithin pairs rows that are not further apart than a length of time. The
// branch's row may have to be the earlier or the later one.
//
// An inner join of this sort is a join and a test of the two times. The others
// ask whether a row has any partner in time: the pairs of each row are ranked,
// those in time first, and its first pair stands for the row if it has none in
// time. So rows that are equal in all columns count as one in them.
func (p *pipeline) joinWithin(all diag.Span, kind ir.JoinKind, s *stageJoin, right ir.Query, on []*ir.Field, cols []string) {
	branch := s.Branch.value()
	at := p.span(s.Within.Pos.Offset, s.Within.EndPos.Offset)
	span, ok := parseDuration(s.Within.Time)
	if !ok || span <= 0 {
		p.diags.Errorf(codeDuration, at, "", "%q is no length of time to join within", s.Within.Time)
		return
	}
	left := p.timestamp(all, "A join within a time needs the time of the rows.")
	if left == nil {
		return
	}
	i := slices.Index(cols, ir.Timestamp)
	if i < 0 {
		p.diags.Errorf(codeJoin, at, "Add Timestamp to its output.", "%q has no column %q to join within a time by", branch, ir.Timestamp)
		return
	}
	rightTime := branch + timeSuffix
	proj := &ir.Project{Span: all, Input: right}
	for _, f := range on {
		proj.Cols = append(proj.Cols, &ir.Col{Span: all, As: f.Name, X: f})
	}
	for j, c := range cols {
		as := c
		if j == i {
			as = rightTime
		}
		proj.Cols = append(proj.Cols, &ir.Col{Span: all, As: as, X: &ir.Field{Span: all, Name: c}})
	}
	cols[i] = rightTime
	own := p.cols
	if kind != ir.Inner && own == nil {
		p.diags.Errorf(codeJoin, all, "Choose the columns before it: output, project, summarize or distinct.",
			"a join of the kind %q within a time has to know the columns of the rows", kind)
		return
	}
	own = slices.Clone(own)
	p.addJoined(p.span(s.Branch.Pos.Offset, s.Branch.EndPos.Offset), cols)
	near := inTime(at, left, &ir.Field{Span: at, Name: rightTime}, span, s.Within.Side)
	if kind == ir.Inner {
		p.query = &ir.Filter{Span: all, Input: &ir.Join{Span: all, Left: p.query, Right: proj, Kind: ir.Inner, On: on}, Pred: near}
		return
	}
	p.query = rowsInTime(all, kind, &ir.Join{Span: all, Left: p.query, Right: proj, Kind: ir.LeftOuter, On: on}, near, own, cols)
	if kind == ir.Anti {
		p.cols = own
	}
}

// inTime holds for two times that are not further apart than the span.
func inTime(at diag.Span, left, right ir.Expr, span time.Duration, side string) ir.Expr {
	compare := func(op ir.CmpOp, l, r ir.Expr) ir.Expr { return &ir.Compare{Span: at, Op: op, L: l, R: r} }
	within := func(from, to ir.Expr) ir.Expr {
		return compare(ir.Le, &ir.Call{Span: at, Func: ir.Sub, Args: []ir.Expr{to, from}}, &ir.Lit{Span: at, Value: span})
	}
	switch side {
	case "after":
		return ir.NewLogic(at, ir.And, compare(ir.Le, left, right), within(left, right))
	case "before":
		return ir.NewLogic(at, ir.And, compare(ir.Ge, left, right), within(right, left))
	}
	return ir.NewLogic(at, ir.And, within(left, right), within(right, left))
}

// Columns that exist within a join within a time alone.
const (
	colNear  = "in_time"
	colPlace = "place_in_time"
)

// rowsInTime keeps, of the pairs of a left join, those in time and the first
// pair of each row that has none; or, for an anti join, the latter alone. own
// are the columns of the left side, which tell its rows apart.
func rowsInTime(at diag.Span, kind ir.JoinKind, pairs ir.Query, near ir.Expr, own, other []string) ir.Query {
	field := func(name string) *ir.Field { return &ir.Field{Span: at, Name: name} }
	is := func(name string, v int64) ir.Expr {
		return &ir.Compare{Span: at, Op: ir.Eq, L: field(name), R: &ir.Lit{Span: at, Value: v}}
	}
	one, zero := &ir.Lit{Span: at, Value: int64(1)}, &ir.Lit{Span: at, Value: int64(0)}
	q := ir.Query(&ir.Extend{Span: at, Input: pairs, Cols: []*ir.Col{{Span: at, As: colNear, X: &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{near, one, zero}}}}})
	rank := &ir.Rank{Span: at, Input: q, Keys: []*ir.SortKey{{Span: at, X: field(colNear), Desc: true}}, As: colPlace}
	show := &ir.Project{Span: at}
	for _, c := range own {
		rank.By = append(rank.By, field(c))
		show.Cols = append(show.Cols, &ir.Col{Span: at, As: c, X: field(c)})
	}
	none := ir.NewLogic(at, ir.And, is(colNear, 0), is(colPlace, 1))
	if kind == ir.Anti {
		show.Input = &ir.Filter{Span: at, Input: rank, Pred: none}
		return show
	}
	show.Input = &ir.Filter{Span: at, Input: rank, Pred: ir.NewLogic(at, ir.Or, is(colNear, 1), none)}
	for _, c := range other {
		show.Cols = append(show.Cols, &ir.Col{Span: at, As: c, X: &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{is(colNear, 1), field(c)}}})
	}
	return show
}
