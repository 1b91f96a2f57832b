package article

import (
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/ioc"
)

// Format is how an article is written.
type Format string

const (
	Markdown Format = "markdown"
	HTML     Format = "html"
	Text     Format = "text"
)

// Draft is what one article says. Every list is in the order of the file; a
// value that stands in several places is listed where it is first used, or
// where it first stands if it is not used.
type Draft struct {
	Path      string
	Format    Format
	Title     Fact
	Publisher Fact
	URL       Fact
	Published Fact // YYYY-MM-DD

	Indicators []Indicator // to use, without CVEs
	CVEs       []Indicator
	Excluded   []Indicator // values that must not be used, each with its reason
	Techniques []Technique
	Mechanics  []Mechanic // to use
	Unused     []Mechanic // of code samples and the like, each with its reason
}

// Fact is a piece of metadata, with its place if it stands in the text. Text
// is "" where the article does not say.
type Fact struct {
	diag.Span
	Text string
}

// Quote is where something was said.
type Quote struct {
	// Sentence is the text of the sentence, of the item or row, or of the line
	// of code; of a long one the part around the value, with … where it is cut.
	// Of the target of a link it is that of the link's text.
	Sentence string
	// Lead is the sentence above a list, a table or code that ends in a colon.
	Lead    string
	Section string // the heading above
}

// Indicator is one value at its first place.
type Indicator struct {
	diag.Span
	Quote
	Kind  ioc.Kind // "" only for values that are malformed
	Value string   // refanged, in the spelling that data has
	Raw   string   // as the text has it, without marks, entities decoded
	Port  int      // of an address or domain that was written with one, else 0
	// Wildcard says that the domain was written "*.domain".
	Wildcard bool
	Count    int        // how often the article has the value
	Reason   ioc.Reason // of Draft.Excluded, else ""
	Code     diag.Code  // of the reason
	Why      string     // the reason as a sentence
	// Doubt says why a value that is used may be wrong; "" if nothing does.
	Doubt string
}

// Technique is an ATT&CK technique that the article names.
type Technique struct {
	diag.Span
	Quote
	ID   string // T1059.001
	Name string // as the article has it, "" if it has none
}

// MechanicKind is the type of a trace.
type MechanicKind string

const (
	Process     MechanicKind = "process"       // the file name of a program that runs
	CommandLine MechanicKind = "command line"  // verbatim
	Child       MechanicKind = "child process" // a program that another one starts
	FileName    MechanicKind = "file name"
	FilePath    MechanicKind = "file path"
	RegistryKey MechanicKind = "registry key"
	Task        MechanicKind = "scheduled task"
	Service     MechanicKind = "service"
	Pipe        MechanicKind = "named pipe"
	Mutex       MechanicKind = "mutex"
	UserAgent   MechanicKind = "user agent"
	URLPath     MechanicKind = "url path"
	Port        MechanicKind = "port"
)

// Mechanic is one trace that the attack leaves.
type Mechanic struct {
	diag.Span
	Quote
	Kind      MechanicKind
	Value     string // refanged where it was defanged
	Raw       string // as the text has it
	Selection Selection
	Count     int
	Reason    ioc.Reason // of Draft.Unused, else ""
	Code      diag.Code
	Why       string
	Doubt     string
}

// Selection is a mechanic in Sigma's terms. The zero value says that Sigma has
// no log source for it.
type Selection struct {
	Category, Product, Service string      // of the log source; "" for any
	Fixed                      []Condition // what holds besides
	Field                      string
	Modifier                   string // contains, endswith or "" for equal
	Values                     []string
	// Wildcards says that a * in Values stands for anything: the text has a
	// placeholder or a variable there. Otherwise it is a star.
	Wildcards bool
}

// Condition is a field, with its modifiers, and one value.
type Condition struct{ Field, Value string }
