// Package splunk lowers hunts to Splunk's SPL and reads back what it wrote.
//
// There are three forms of a query, the best that fits is taken:
//
//	tstats     accelerated data model: | tstats ... from datamodel=M where ... by ...
//	datamodel  data model, event by event: | from datamodel:"M" | search ... | where ...
//	raw        events behind a macro: `huntc_x` ... | where ... | table ...
//
// Rows of tstats stand for several events each. They carry how many, and what
// is computed above counts them so; what cannot takes the next form.
//
// Plan turns a physical query into one that the form can say, still IR; Lower
// writes it as SPL syntax, node by node; Lift is the inverse of Lower. What
// "tstats where" and search cannot say goes into a "where" after them, and
// what it implies stays in front (see pusher).
//
// LiftText reads what people write. It is another matter than Lift: there a
// text means what its author had Splunk do, with null and the case of letters,
// with the rows that "by" drops and "sort" cuts off, so the query has tests that
// a plan does without. LowerText writes such a query again, without a planner.
package splunk
