package article

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/internal/ioc"
)

// paths finds what is unmistakable by its shape, before indicators are read:
// their dots and slashes are not a domain's.
func (c *cursor) paths() {
	text := c.text
	if strings.Contains(text, `\`) {
		for _, m := range pipePath.FindAllStringSubmatchIndex(text, -1) {
			if from, to := c.tidy(m[0], m[1]); c.free(from, to) && to > m[2] {
				c.named(Pipe, from, to, text[m[2]:to])
			}
		}
		for _, m := range registryPath.FindAllStringIndex(text, -1) {
			if from, to := c.tidy(m[0], m[1]); c.free(from, to) {
				c.registry(from, to)
			}
		}
		for _, m := range windowsPath.FindAllStringIndex(text, -1) {
			if from, to := c.tidy(m[0], m[1]); c.free(from, to) {
				c.windows(from, c.pathEnd(from, to))
			}
		}
	}
	if strings.Contains(text, "/") {
		for _, m := range unixPath.FindAllStringSubmatchIndex(text, -1) {
			from, to := c.tidy(m[2], m[5])
			if c.free(from, to) {
				c.unix(from, to, m[4])
			}
		}
	}
}

// tidy takes off what ends a sentence or a bracket and no path.
func (c *cursor) tidy(from, to int) (int, int) {
	for to > from {
		switch last := c.text[to-1]; {
		case strings.IndexByte(`.,:;!?*"'`, last) >= 0 && !(last == '*' && to-from > 1 && strings.IndexByte(`\/.-_`, c.text[to-2]) >= 0),
			last == ')' && strings.Count(c.text[from:min(to, from+500)], ")") > strings.Count(c.text[from:min(to, from+500)], "("),
			last == ']' && !strings.Contains(c.text[from:min(to, from+500)], "["),
			last == '}' && !strings.Contains(c.text[from:min(to, from+500)], "{"):
			to--
			continue
		}
		break
	}
	return from, to
}

// pathEnd is the end of a path that is all of a literal, blanks and all.
func (c *cursor) pathEnd(from, to int) int {
	i, found := slices.BinarySearchFunc(c.literals, from, func(l literal, from int) int { return l.from - from })
	if found && c.literals[i].to > to && wholePath.MatchString(c.text[from:c.literals[i].to]) {
		return c.literals[i].to
	}
	return to
}

var wholePath = regexp.MustCompile(`^[^"<>|?/]{1,300}\.[A-Za-z0-9]{1,6}$`)

// single writes a path that was escaped, as in code, with single backslashes.
func single(path string) string {
	if strings.Contains(path[min(2, len(path)):], `\\`) {
		head := ""
		if strings.HasPrefix(path, `\\`) {
			head, path = `\\`, strings.TrimLeft(path, `\`)
		}
		return head + strings.ReplaceAll(path, `\\`, `\`)
	}
	return path
}

// wild writes a * for placeholders such as <user>; stars of the text stay and
// count as wildcards then.
func wild(value string) (string, bool) {
	out := placeholder.ReplaceAllString(value, "*")
	return out, strings.Contains(out, "*")
}

func (c *cursor) registry(from, to int) {
	value := single(c.text[from:to])
	// A command names the value of the key behind it.
	for _, shape := range valueNames {
		if m := shape.FindStringSubmatch(c.text[to:min(len(c.text), to+200)]); m != nil {
			value = strings.TrimRight(value, `\`) + `\` + m[1] + m[2] + m[3]
			break
		}
	}
	_, rest, _ := strings.Cut(value, `\`)
	rest, stars := wild(`\` + rest)
	c.take(from, to)
	m := Mechanic{Kind: RegistryKey, Value: value, Selection: Selection{
		Category: "registry_set", Product: "windows", Field: "TargetObject", Modifier: "contains", Values: []string{rest}, Wildcards: stars}}
	if ioc.SystemKey(value) {
		m.Doubt = "everything writes below it"
	}
	c.keep(m, from, to)
}

// windows files a path of Windows: what its last part ends in, or what is said
// of it, tells a program that runs from a file that is written.
func (c *cursor) windows(from, to int) {
	value := single(c.text[from:to])
	tail := value
	// A variable that is not known stands for any folder: what is behind it is
	// enough.
	switch {
	case strings.HasPrefix(value, `\\`):
	case strings.HasPrefix(value, "%"):
		name, rest, _ := strings.Cut(value[1:], "%")
		tail = variables[strings.ToLower(name)] + rest
	case strings.HasPrefix(strings.ToLower(value), "$env:"):
		name, rest, _ := strings.Cut(value[len("$env:"):], `\`)
		tail = variables[strings.ToLower(name)] + `\` + rest
	default:
		tail = value[2:]
	}
	if i := strings.LastIndex(tail, `>\`); i >= 0 && placeholder.MatchString(tail[max(0, i-31):i+1]) {
		tail = tail[i+1:]
	}
	tail, stars := wild(tail)
	c.take(from, to)
	m := Mechanic{Kind: FilePath, Value: value, Selection: c.pathSelection(from, tail, stars, "windows", `\`)}
	switch {
	case to+1 < len(c.text) && c.text[to] == '?' && !isSpace(c.text[to+1]):
		m.Doubt = "it goes on with a ?, which stands for any character"
	case ioc.SystemPath(tail):
		m.Doubt = "every system has it"
	}
	c.keep(m, from, to)
}

func (c *cursor) unix(from, to, slash int) {
	raw := c.text[from:to]
	path := c.text[slash:to]
	home := slash > from && raw[0] != '#'
	segments := strings.Split(strings.Trim(path, "/"), "/")
	root := rootDirs[segments[0]]
	switch {
	case raw == path && !root:
		return // a path of the web, or two words with a slash
	case raw[0] == '#':
		if line := strings.IndexByte(c.text[to:], '\n'); line >= 0 && line < 80 {
			to += line
		} else if c.kind != code {
			to = min(len(c.text), to+len(c.text[to:])-len(strings.TrimLeft(c.text[to:], " ")))
		}
		raw = strings.TrimSpace(c.text[from:to])
		to = from + len(raw)
	case len(segments) < 2 && !home:
		return // a folder that every system has
	}
	c.take(from, to)
	tail, stars := wild(path)
	sel := c.pathSelection(from, tail, stars, "", "/")
	if !home && sel.Modifier == "endswith" {
		sel.Modifier = ""
	}
	m := Mechanic{Kind: FilePath, Value: raw, Selection: sel}
	if ioc.SystemPath(path) {
		m.Doubt = "every system has it"
	}
	c.keep(m, from, to)
}

var rootDirs = words("etc tmp var usr opt home root dev proc bin sbin lib lib64 run mnt srv boot sys data Library Users Applications System private Volumes")

func (c *cursor) pathSelection(from int, tail string, stars bool, product, separator string) Selection {
	sel := Selection{Category: "file_event", Product: product, Field: "TargetFilename", Modifier: "endswith", Values: []string{tail}, Wildcards: stars}
	if strings.HasSuffix(tail, separator) {
		sel.Modifier = "contains"
		return sel
	}
	name := tail[strings.LastIndexAny(tail, `/\`)+1:]
	if c.runs(from, extension(name), !strings.Contains(name, ".") && separator == "/") {
		sel.Category, sel.Field = "process_creation", "Image"
	}
	return sel
}

func extension(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return strings.ToLower(name[i+1:])
}

// runs reports whether the text says that a file runs as a process. A program
// of Windows does unless the text says that it is written; others if it says
// so; a script never does: its interpreter runs.
func (c *cursor) runs(from int, ext string, program bool) bool {
	before, _ := c.around(from, from)
	before = startTalk.ReplaceAllString(before[max(0, len(before)-90):], "launch")
	run, write := lastMatch(runTalk, before), lastMatch(writeTalk, before)
	switch {
	case ext == "exe" || ext == "scr" || ext == "com" || ext == "pif":
		return write <= run
	case program || ext == "elf" || ext == "bin":
		return run > write
	}
	return false
}

func lastMatch(re *regexp.Regexp, text string) int {
	all := re.FindAllStringIndex(text, -1)
	if len(all) == 0 {
		return -1
	}
	return all[len(all)-1][0]
}

// mechanics finds what is known by the words around it, and the names of files.
func (c *cursor) mechanics() {
	c.children()
	c.cued()
	c.commandLines()
	for _, m := range requestPath.FindAllStringSubmatchIndex(c.text, -1) {
		if from, to := c.tidy(m[2], m[3]); c.free(from, to) {
			c.named(URLPath, from, to, c.text[from:to])
		}
	}
	c.ports()
	for _, m := range fileName.FindAllStringIndex(c.text, -1) {
		from, to := m[0], m[1]
		if from > 0 && (isWord(c.text[from-1]) || strings.IndexByte(`/\.@-%]`, c.text[from-1]) >= 0) || !c.free(from, to) {
			continue
		}
		name := c.text[from:to]
		if !ioc.FileEnd(extension(name)) || to < len(c.text) && strings.IndexByte(`(`, c.text[to]) >= 0 {
			continue
		}
		if c.kind != code && extension(name) != strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]) {
			continue
		}
		c.fileName(from, to, name)
	}
}

// children files the pairs of programs of which one starts the other. The names
// stay free: what else is said of them counts too.
func (c *cursor) children() {
	if strings.Count(strings.ToLower(c.text), ".exe") < 2 {
		return
	}
	for _, shape := range []struct {
		*regexp.Regexp
		parent, child int
	}{{startsChild, 1, 2}, {childArrow, 1, 2}, {startedBy, 2, 1}} {
		for _, m := range shape.FindAllStringSubmatchIndex(c.text, -1) {
			parent, child := c.text[m[2*shape.parent]:m[2*shape.parent+1]], c.text[m[2*shape.child]:m[2*shape.child+1]]
			c.keep(Mechanic{Kind: Child, Value: parent + " > " + child, Selection: Selection{
				Category: "process_creation", Product: "windows", Fixed: []Condition{{"ParentImage|endswith", `\` + parent}},
				Field: "Image", Modifier: "endswith", Values: []string{`\` + child}}}, m[0], m[1])
		}
	}
}

func (c *cursor) fileName(from, to int, name string) {
	c.take(from, to)
	ext := extension(name)
	m := Mechanic{Kind: FileName, Value: name}
	both := []string{`\` + name, "/" + name}
	switch {
	case c.runs(from, ext, false):
		m.Kind = Process
		m.Selection = Selection{Category: "process_creation", Field: "Image", Modifier: "endswith", Values: both}
		if ext != "elf" && ext != "bin" {
			m.Selection.Product, m.Selection.Values = "windows", both[:1]
		}
	case slices.Contains([]string{"exe", "dll", "sys", "scr", "msi", "bat", "cmd", "ps1", "vbs", "vbe", "wsf", "hta", "lnk"}, ext):
		m.Selection = Selection{Category: "file_event", Product: "windows", Field: "TargetFilename", Modifier: "endswith", Values: both[:1]}
	default:
		m.Selection = Selection{Category: "file_event", Field: "TargetFilename", Modifier: "endswith", Values: both}
	}
	if ioc.SystemProgram(name) {
		m.Doubt = "every system has it"
	}
	c.keep(m, from, to)
}

// cued files the literals that a word beside them explains; what a list of them
// has in common is said once: "the services `a`, `b` and `c`".
func (c *cursor) cued() {
	var last MechanicKind
	lastEnd := -1
	for _, l := range c.literals {
		from, to := c.trimLiteral(l.run)
		if to <= from || to-from > 300 {
			lastEnd = -1
			continue
		}
		kind := MechanicKind("")
		before, after := c.around(l.from, l.to)
		before = before[max(0, len(before)-80):]
		after = after[:min(len(after), 40)]
		if lastEnd >= 0 && listBetween.MatchString(c.text[lastEnd:l.from]) {
			kind = last
		}
		talk := kind == "" && cueTalk.MatchString(before) || cueTalk.MatchString(after)
		for _, q := range cues {
			if talk && kind == "" && (q.before.MatchString(before) || q.after.MatchString(after)) {
				kind = q.kind
			}
		}
		value := c.text[from:to]
		if agentShape.MatchString(value) && strings.HasPrefix(value, "Mozilla/") {
			kind = UserAgent
		}
		if kind == "" || !c.fits(kind, value, l.code) || !c.free(from, to) {
			lastEnd = -1
			continue
		}
		last, lastEnd = kind, l.to
		c.named(kind, from, to, value)
	}
	for _, q := range cues {
		if q.bare == nil {
			continue
		}
		for _, m := range q.bare.FindAllStringSubmatchIndex(c.text, -1) {
			if from, to := c.tidy(m[2], m[3]); to > from && c.free(from, to) {
				c.named(q.kind, from, to, c.text[from:to])
			}
		}
	}
	for _, o := range optionNames {
		for _, m := range o.shape.FindAllStringSubmatchIndex(c.text, -1) {
			for g := 2; g+1 < len(m); g += 2 {
				if m[g] >= 0 {
					c.keep(c.mechanic(o.kind, c.text[m[g]:m[g+1]]), m[g], m[g+1])
				}
			}
		}
	}
}

// cueTalk has a word of every cue.
var cueTalk = regexp.MustCompile(`(?i)agent|mutex|task|service|pipe|ur[il]|endpoint|route|request|query|process`)

var listBetween = regexp.MustCompile(`^["'”’` + "`" + `]?\s*(?:,|/|and|or|&|, and|, or)\s*["'“‘` + "`" + `]?$`)

func (c *cursor) trimLiteral(l run) (int, int) {
	from, to := l.from, l.to
	for from < to && isSpace(c.text[from]) {
		from++
	}
	for to > from && (isSpace(c.text[to-1]) || c.text[to-1] == ',' || c.text[to-1] == '.') {
		to--
	}
	return from, to
}

// fits reports whether a value can be what the words beside it say.
func (c *cursor) fits(kind MechanicKind, value string, isCode bool) bool {
	blanks := strings.Count(value, " ")
	switch kind {
	case UserAgent:
		return len(value) >= 3
	case URLPath:
		return strings.HasPrefix(value, "/") && blanks == 0
	case Process:
		return blanks == 0 && !strings.ContainsAny(value, "/.\\()=:") && isCode
	case Mutex, Pipe:
		return blanks <= 2 && len(value) >= 2
	}
	_, isCommand := commandOf(value, isCode)
	return blanks <= 5 && len(value) >= 2 && !isCommand && !strings.ContainsAny(value, "()=;{}<>|") && !strings.Contains(value, "://")
}

// named files a mechanic that is known by its name.
func (c *cursor) named(kind MechanicKind, from, to int, value string) {
	c.take(from, to)
	c.keep(c.mechanic(kind, value), from, to)
}

func (c *cursor) mechanic(kind MechanicKind, value string) Mechanic {
	pattern, stars := wild(value)
	m := Mechanic{Kind: kind, Value: value}
	switch kind {
	case Pipe:
		name := strings.TrimLeft(pattern, `\`)
		if i := strings.LastIndex(strings.ToLower(name), `pipe\`); i >= 0 {
			name = name[i+len(`pipe\`):]
		}
		m.Value = strings.TrimLeft(value, `\`)
		m.Selection = Selection{Category: "pipe_created", Product: "windows", Field: "PipeName", Values: []string{`\` + name}, Wildcards: stars}
	case Task:
		m.Selection = Selection{Product: "windows", Service: "security", Fixed: []Condition{{"EventID", "4698"}},
			Field: "TaskName", Modifier: "endswith", Values: []string{`\` + strings.TrimLeft(pattern, `\`)}, Wildcards: stars}
	case Service:
		m.Selection = Selection{Product: "windows", Service: "system", Fixed: []Condition{{"Provider_Name", "Service Control Manager"}, {"EventID", "7045"}},
			Field: "ServiceName", Values: []string{pattern}, Wildcards: stars}
	case UserAgent:
		m.Selection = Selection{Category: "proxy", Field: "c-useragent", Values: []string{value}}
	case URLPath:
		m.Selection = Selection{Category: "proxy", Field: "c-uri", Modifier: "contains", Values: []string{pattern}, Wildcards: stars}
	case Process:
		m.Selection = Selection{Category: "process_creation", Field: "Image", Modifier: "endswith", Values: []string{"/" + value, `\` + value, `\` + value + ".exe"}}
		if ioc.SystemProgram(value) || commands[strings.ToLower(value)] || commandWords[strings.ToLower(value)] {
			m.Doubt = "every system has it"
		}
	}
	return m
}

var (
	prompt  = regexp.MustCompile(`^(?:\$|#|>|PS [^>]{0,80}>|[A-Za-z]:\\[^>]{0,80}>|[a-z0-9_-]{1,20}@[a-z0-9_.-]{1,30}[:~$# ]{1,4})\s+`)
	program = regexp.MustCompile(`^(?:"[^"]{1,200}"|'[^']{1,200}'|[^\s"']{1,200})`)
	option  = regexp.MustCompile(`(?:^|\s)(?:--?[A-Za-z0-9]|/[A-Za-z?]{1,14}(?:\s|:|$)|[|>&]|\S*[\\/.=])`)
)

// commandOf reads a command line: it begins with a program that is known, and
// has an argument. Outside of code, one that is a word too needs an option.
func commandOf(text string, isCode bool) (value string, ok bool) {
	value = strings.TrimSpace(prompt.ReplaceAllString(text, ""))
	if len(value) > 8000 || strings.ContainsAny(value, "\n→⇒") {
		return "", false
	}
	for strings.HasPrefix(value, "sudo ") {
		value = strings.TrimSpace(value[len("sudo "):])
	}
	p := program.FindString(value)
	if p == "" || len(p) == len(value) {
		return "", false
	}
	args := value[len(p):]
	if !isSpace(args[0]) {
		return "", false
	}
	p = strings.ToLower(strings.Trim(p, `"'`))
	base := strings.TrimSuffix(p[strings.LastIndexAny(p, `/\`)+1:], ".exe")
	known, word := commands[base], commandWords[base]
	path := strings.HasSuffix(p, ".exe") || strings.HasPrefix(p, "./") || strings.HasPrefix(p, "/") && rootDirs[strings.SplitN(p+"/", "/", 3)[1]]
	switch {
	case known && (isCode || option.MatchString(args)):
	case (word || path) && option.MatchString(args):
	default:
		return "", false
	}
	return value, true
}

// commandLines files the literals and the lines of code that are commands.
func (c *cursor) commandLines() {
	one := func(from, to int, isCode bool) {
		for from < to && isSpace(c.text[from]) {
			from++
		}
		for to > from && isSpace(c.text[to-1]) {
			to--
		}
		value, ok := commandOf(c.text[from:to], isCode)
		if !ok {
			return
		}
		from = to - len(value)
		shown := value
		if strongFang.MatchString(value) || strings.Contains(strings.ToLower(value), "hxxp") {
			fields := strings.Split(value, " ")
			for i, f := range fields {
				if fanged.MatchString(strings.Trim(f, `"'()`)) || strings.Contains(strings.ToLower(f), "hxxp") {
					fields[i] = refangInside(f)
				}
			}
			shown = strings.Join(fields, " ")
		}
		pattern, stars := wild(shown)
		// The shell puts something else in the place of its variables before the
		// program sees them.
		if pattern = variable.ReplaceAllString(pattern, "*"); pattern == shown {
			stars = false
		} else {
			stars = true
		}
		m := Mechanic{Kind: CommandLine, Value: shown, Selection: Selection{Category: "process_creation", Field: "CommandLine", Modifier: "contains", Values: []string{pattern}, Wildcards: stars}}
		if strings.Count(shown, " ") == 1 && len(shown) < 24 {
			m.Doubt = "it is so short that others type it too"
		}
		c.keep(m, from, to)
		// The program's own name is part of the command.
		c.take(from, from+len(program.FindString(value)))
	}
	if c.kind == code {
		for _, s := range c.sentences {
			one(s.from, s.to, true)
		}
		return
	}
	for _, l := range c.literals {
		one(l.from, l.to, l.code)
	}
}

var hxxpInside = regexp.MustCompile(`(?i)h(?:xx|\*\*)p(s?)(:|\[:\])`)

// refangInside undoes the fangs of an address that is part of a word.
func refangInside(word string) string {
	return strings.NewReplacer("[.]", ".", "(.)", ".", "[:]", ":", "[dot]", ".", "[/]", "/").Replace(hxxpInside.ReplaceAllString(word, "http$1$2"))
}

func (c *cursor) ports() {
	for _, m := range portNumbers.FindAllStringSubmatchIndex(c.text, -1) {
		for g := 2; g+1 < len(m); g += 2 {
			if m[g] < 0 {
				continue
			}
			for _, n := range number.FindAllStringIndex(c.text[m[g]:m[g+1]], -1) {
				from, to := m[g]+n[0], m[g]+n[1]
				port, err := strconv.Atoi(c.text[from:to])
				if err != nil || port < 1 || port > 65535 || !c.free(from, to) {
					continue
				}
				c.take(from, to)
				k := Mechanic{Kind: Port, Value: strconv.Itoa(port), Selection: Selection{Category: "network_connection", Field: "DestinationPort", Values: []string{strconv.Itoa(port)}}}
				if ioc.SystemPort(port) {
					k.Doubt = "so much uses the port that its number alone says nothing"
				}
				c.keep(k, from, to)
			}
		}
	}
}

// keep files a mechanic where it stands first, with what the lint has to say.
func (c *cursor) keep(m Mechanic, from, to int) {
	if m.Value == "" || len(m.Selection.Values) == 1 && strings.Trim(m.Selection.Values[0], `\/ `) == "" {
		return // a separator alone names nothing
	}
	key := [2]string{string(m.Kind), strings.ToLower(m.Value)}
	if i, have := c.reader.mechanics[key]; have {
		c.all[i].Count++
		return
	}
	m.Span, m.Quote = c.place(from, to), c.quote(from, to)
	m.Raw, m.Count = c.text[from:to], 1
	switch m.Kind {
	case FileName, FilePath, Process:
		if ex, no := ioc.Lint(ioc.File, m.Value); no {
			m.Reason, m.Code, m.Why = ex.Reason, ex.Code, ex.Message
			c.list.Infof(ex.Code, m, ex.Hint, "%s", ex.Message)
		}
	}
	if m.Reason == "" && c.rejected {
		m.Reason, m.Code, m.Why = ioc.ReasonAuthor, codeAuthor, "The article lists the "+string(m.Kind)+" under what is legitimate or a reference"
		c.list.Infof(codeAuthor, m, "", "%s", m.Why)
	}
	if m.Reason != "" {
		m.Doubt = ""
	}
	c.reader.mechanics[key] = len(c.all)
	c.all = append(c.all, m)
}
