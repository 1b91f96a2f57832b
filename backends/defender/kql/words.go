package kql

// The vocabulary that the printer and the parser share.

// keywords are the words that Kusto's parser refuses as a bare name in at least
// one place where a name may stand, as measured on Microsoft's language service;
// a test holds the list against all of its keywords.
var keywords = wordSet(
	"__contextual_datatable", "__crossCluster", "__crossDB", "__executeAndCache", "__id", "__isFuzzy", "__noWithSource", "__packedColumn",
	"__projectAway", "__sourceColumnIndex", "accumulate", "and", "anomalychart", "areachart", "as", "asc", "bagexpansion", "barchart", "between",
	"bin_legacy", "boolean", "by", "byte", "cachingpolicy", "callout", "cancel", "card", "char", "columnchart", "contains", "contains_cs", "containscs",
	"cycles", "dataexport", "datascope", "datatable", "date", "datetime", "decimal", "decodeblocks", "desc", "double", "dynamic", "earliest",
	"encodingpolicy", "endswith", "endswith_cs", "expandoutput", "extent_tags_retention", "external_data", "externaldata", "false", "find",
	"first", "flags", "float", "force_remote", "harddelete", "hardretention", "has", "has_all", "has_any", "has_cs", "hasprefix", "hasprefix_cs",
	"hassuffix", "hassuffix_cs", "hotcache", "in", "int", "int16", "int32", "int64", "int8", "invoke", "isfuzzy", "journal", "kind", "ladderchart", "last",
	"latest", "like", "likecs", "linechart", "long", "materialize", "mdm", "missing", "nooptimization", "notcontains", "notcontainscs", "notlike",
	"notlikecs", "of", "or", "others", "pathformat", "piechart", "pivotchart", "print", "project", "queries", "query_results", "real", "relaxed",
	"restricted_view_access", "row_level_security", "rowstore", "rowstore_references", "rowstore_sealinfo", "rowstorepolicy",
	"rowstores", "sample", "scatterchart", "seal", "seals", "search", "set", "shards", "simple", "softdelete", "softretention", "sql", "stackedareachart",
	"startswith", "startswith_cs", "statistics", "storedqueryresultcontainers", "string", "tablepurge", "time", "timechart", "timeline",
	"timepivot", "timespan", "title", "to", "toscalar", "totable", "treemap", "true", "uint", "uint16", "uint32", "uint64", "uint8", "ulong", "union", "uniqueid",
	"unrestrictedviewers", "verbose", "viewers", "views", "where", "with_itemindex", "with_match_id", "with_source", "with_step_name",
	"withsource", "writeaheadlog",
)

// reserved holds the further words that the printer quotes as names: those that
// are a value or a function without its arguments, that start a statement, or
// that stand between names.
var reserved = wordSet("null", "not", "matches", "nulls", "on", "bool", "guid", "uuid",
	"let", "declare", "alias", "restrict", "pattern", "database", "cluster", "range", "evaluate", "graph", "macro")

// typeWords open a literal: long(5), guid(...).
var typeWords = wordSet("bool", "boolean", "int", "long", "real", "double", "decimal", "guid", "dynamic")

// startWords start a statement or a source that is not read.
var startWords = wordSet("let", "set", "declare", "alias", "restrict", "pattern", "database", "cluster", "search",
	"find", "print", "range", "externaldata", "materialize", "evaluate")

// notNames are the words that an expression never starts with.
var notNames = wordSet("and", "or", "in", "between", "has", "contains", "startswith", "endswith", "by", "on", "asc",
	"desc", "where", "has_any", "has_all", "like")

// isFunctionName reports whether s( is read as a call.
func isFunctionName(s string) bool {
	return isIdent(s) && !notNames[s] && !isLiteralWord(s) && s != "true" && s != "false"
}

// isLiteralWord reports whether s( opens a literal.
func isLiteralWord(s string) bool {
	switch s {
	case "datetime", "date", "timespan", "time":
		return true
	}
	return typeWords[s]
}

// binaryLevels gives each operator of Binary its place in Kusto's grammar.
var binaryLevels = map[string]level{
	"==": levelCompare, "!=": levelCompare, "<": levelCompare, "<=": levelCompare, ">": levelCompare, ">=": levelCompare,
	"+": levelAdd, "-": levelAdd, "*": levelMultiply, "/": levelMultiply, "%": levelMultiply,
	"=~": levelText, "!~": levelText, "matches regex": levelText,
	"has": levelText, "!has": levelText, "has_cs": levelText, "!has_cs": levelText,
	"contains": levelText, "!contains": levelText, "contains_cs": levelText, "!contains_cs": levelText,
	"startswith": levelText, "!startswith": levelText, "startswith_cs": levelText, "!startswith_cs": levelText,
	"endswith": levelText, "!endswith": levelText, "endswith_cs": levelText, "!endswith_cs": levelText,
	"hasprefix": levelText, "!hasprefix": levelText, "hasprefix_cs": levelText, "!hasprefix_cs": levelText,
	"hassuffix": levelText, "!hassuffix": levelText, "hassuffix_cs": levelText, "!hassuffix_cs": levelText,
}

// listOperators are the operators of In, each with the value that it has over
// an empty list.
var listOperators = map[string]bool{
	"in": false, "in~": false, "has_any": false, "!in": true, "!in~": true, "has_all": true,
	"!has_any": true, "!has_all": false, // which Kusto has not
}

// joinKinds are the kinds of join.
var joinKinds = wordSet("inner", "innerunique", "leftouter", "rightouter", "fullouter", "leftsemi", "rightsemi",
	"leftanti", "rightanti", "anti", "leftantisemi", "rightantisemi")

// lookupKinds are the kinds of lookup.
var lookupKinds = wordSet("inner", "leftouter")

// columnTypes are the types that a datatable's column can have; their other
// names are read as these.
var columnTypes = wordSet("bool", "datetime", "decimal", "dynamic", "guid", "int", "long", "real", "string", "timespan")

// columnType is the type that a word names.
func columnType(word string) (string, bool) {
	switch word {
	case "boolean":
		word = "bool"
	case "date":
		word = "datetime"
	case "double":
		word = "real"
	case "time":
		word = "timespan"
	case "uuid", "uniqueid":
		word = "guid"
	}
	return word, columnTypes[word]
}

func wordSet(words ...string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}

// isIdent reports whether s can stand as a name without quotes, reserved words
// aside.
func isIdent(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isIdentByte(s[i], i == 0) {
			return false
		}
	}
	return s != ""
}

func isIdentByte(c byte, first bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || !first && isDigit(c)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isNumber reports whether s is an unsigned number of Kusto: 42, 0x2a, 1.5, 1e6.
func isNumber(s string) bool {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		for i := 2; i < len(s); i++ {
			if !isHexDigit(s[i]) {
				return false
			}
		}
		return true
	}
	n := numberLength(s)
	return n > 0 && n == len(s)
}

func isHexDigit(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// numberLength is the length of the decimal number at the start of s, or 0. A
// point belongs to it only before a digit, so that 1..5 is a range.
func numberLength(s string) int {
	n := digits(s)
	if n == 0 {
		return 0
	}
	if n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n += 1 + digits(s[n+1:])
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		m := n + 1
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if d := digits(s[m:]); d > 0 {
			n = m + d
		}
	}
	return n
}

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// timespanUnits are the units of a literal such as 5min. Docs name d h m s ms
// microsecond and tick; the rest are spellings that Kusto's own lexer takes.
var timespanUnits = wordSet("d", "day", "days", "h", "hr", "hrs", "hour", "hours", "m", "min", "minute", "minutes",
	"s", "sec", "second", "seconds", "ms", "milli", "millis", "millisec", "millisecond", "milliseconds",
	"micro", "micros", "microsec", "microsecond", "microseconds", "nano", "nanos", "nanosec", "nanosecond", "nanoseconds",
	"tick", "ticks")

// isShortTimespan reports whether s is a number and a unit, as in 1d or 1.5h.
func isShortTimespan(s string) bool {
	n := digits(s)
	if n > 0 && n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n += 1 + digits(s[n+1:])
	}
	return n > 0 && timespanUnits[s[n:]]
}

// isLiteralText reports whether s can stand between the parentheses of
// datetime(...), timespan(...) and the typed literals: nothing, one of the words
// that are values, or what starts with a digit or a sign (a guid may start with
// a letter) and has no quote, no bracket and no space at an end.
func isLiteralText(s string) bool {
	switch s {
	case "", "null", "true", "false", "nan", "inf":
		return true
	}
	if !isDigit(s[0]) && s[0] != '+' && s[0] != '-' && !isGUID(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isIdentByte(c, false), c == '.', c == ':', c == '+', c == '-':
		case c == ' ' && i < len(s)-1:
		default:
			return false
		}
	}
	return true
}

// isGUID reports whether s has the shape of 74be27de-1e4e-49d9-b579-fe0b331d3642.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHexDigit(s[i]) {
				return false
			}
		}
	}
	return true
}
