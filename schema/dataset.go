package schema

// View names one way in which a target stores a dataset.
type View string

const (
	CIM View = "cim" // Splunk: an accelerated CIM data model
	Raw View = "raw" // Splunk: events behind a macro
	XDR View = "xdr" // Defender XDR: an advanced-hunting table
)

// Dataset is one logical stream of events: a file under data/.
type Dataset struct {
	// Name is the dataset's own name, unique: process_creation.
	Name string `yaml:"dataset"`
	// Base names another dataset whose fields, output and views this one has
	// too, but for what it says itself: per view the mapping's keys, per field
	// the column. It inherits neither logsources nor When.
	Base string `yaml:"base"`
	// Title says in a few words what one event is.
	Title string `yaml:"title"`
	// Logsources are the Sigma logsources that mean this dataset. An empty
	// key matches anything; the most specific entry of all datasets wins.
	Logsources []Logsource `yaml:"logsources"`
	// When narrows the dataset to events whose field has one of these values:
	// Windows channels hold many kinds of event, told apart by EventID. A
	// dataset with When is chosen only for a rule that requires such a value.
	When *When `yaml:"when"`
	// Within is the wider dataset of which this one holds the events of some
	// kinds; nil if there is none.
	Within *Within `yaml:"within"`
	// Fields are the logical fields, in Sigma's own names.
	Fields map[string]Field `yaml:"fields"`
	// Output are the logical fields shown beside those that the rule names.
	Output []string `yaml:"output"`
	// Views map the dataset to targets; a missing view means that the target
	// has no such data, and Without says why.
	CIM *Mapping `yaml:"cim"`
	Raw *Mapping `yaml:"raw"`
	XDR *Mapping `yaml:"xdr"`
	// Without gives the reason, per view, why there is no mapping: the text of
	// the diagnostic.
	Without map[View]string `yaml:"without"`

	lazy lazy
}

// Logsource is a Sigma logsource; an empty key matches anything, and "-" only a
// rule that does not name the key.
type Logsource struct {
	Category string `yaml:"category"`
	Product  string `yaml:"product"`
	Service  string `yaml:"service"`
}

// When is a condition on one field that holds for every event of a dataset.
type When struct {
	Field string   `yaml:"field"`
	In    []string `yaml:"in"`
}

// Within says which events of a wider dataset a dataset holds. The wider one has
// all of its fields, under their names.
type Within struct {
	Dataset string `yaml:"dataset"`
	// Where are the values that fields of the wider dataset have in them.
	Where map[string][]string `yaml:"where"`
}

// Field is a logical field.
type Field struct {
	// Type is string (the default), int, float, bool, ip or time.
	Type string `yaml:"type"`
	// Doc says what the field holds where its name does not.
	Doc string `yaml:"doc"`
}

// Mapping is how a view stores a dataset.
type Mapping struct {
	// Table is the CIM dataset (Endpoint.Processes), the macro in front of
	// raw events, or the Defender table.
	Table string `yaml:"table"`
	// Definition is, for raw events, what the macro stands for by default.
	Definition string `yaml:"definition"`
	// Where holds for every row of the dataset in the table: column -> values,
	// in which * stands for any text.
	Where map[string][]string `yaml:"where"`
	// Columns maps logical fields. In the raw view a field that is not listed
	// keeps its own name, unless Closed.
	Columns map[string]*Column `yaml:"columns"`
	Closed  bool               `yaml:"closed"`
	// Without gives, per logical field, the reason why the view has no column
	// for it.
	Without map[string]string `yaml:"without"`
	// Output are physical columns that every query keeps.
	Output []string `yaml:"output"`
	// Unaccelerated marks a CIM dataset that is read event by event
	// (from datamodel) because it is not accelerated as a rule.
	Unaccelerated bool `yaml:"unaccelerated"`
	// Borrowed marks a table that is about something else than the logsource, of
	// which the dataset takes what there is: a text about the table is raised to
	// the dataset only if no other one can say it.
	Borrowed bool `yaml:"borrowed"`
	// Differs says how the rows differ from what Sigma means by the
	// logsource; it becomes a reason of the verdict. Effect is over, under or
	// mixed.
	Differs *Difference `yaml:"differs"`
}

// Difference is a known infidelity of a mapping.
type Difference struct {
	Effect string `yaml:"effect"`
	Why    string `yaml:"why"`
	// Unless names logical fields that the events which make the difference
	// lack: it vanishes for a predicate that requires one of them. A+B names
	// two of which such events lack one or the other.
	Unless []string `yaml:"unless"`
}

// Column is how a view stores one logical field.
//
// Kind says what the physical side looks like:
//
//	""          Name holds the value as it is
//	path        Name holds the full path, File (optional) its last component;
//	            without Name only the last component is stored
//	account     the value is DOMAIN\name; Domain and Name hold the halves
//	registry    the value is key\value; Key and Value hold the halves;
//	            Name (optional) holds the whole
//	regdata     Name holds the data of a registry value, Notation says how
//	            numbers are written: decimal (Defender) or hex (0x…, CIM);
//	            ValueType (optional) holds the type: Dword, Qword, Binary
//	hashes      the value is ALG=hex[,ALG=hex…]; Algorithms maps ALG to its
//	            column; without Algorithms, Name holds the whole text
//	device      Name holds the name of the device of which the value is
//	            another target's identifier: rows are told apart by it, and
//	            it is compared with no constant
//	computed    Name is computed by Expr, in the target's own language,
//	            from Needs; Within (optional) is a stored column of which it
//	            is a part, so that an index can find it there
type Column struct {
	Name   string `yaml:"column"`
	Kind   string `yaml:"kind"`
	File   string `yaml:"file"`
	Domain string `yaml:"domain"`
	Key    string `yaml:"key"`
	Value  string `yaml:"value"`
	Whole  string `yaml:"whole"` // registry: Expr that rebuilds key\value
	// KeyAlone says that a row may be about a key, with no value: registry only.
	KeyAlone   bool              `yaml:"keyAlone"`
	Notation   string            `yaml:"notation"`
	ValueType  string            `yaml:"valueType"`
	Algorithms map[string]string `yaml:"algorithms"`
	Expr       string            `yaml:"expr"`
	Needs      []string          `yaml:"needs"`
	Within     string            `yaml:"within"`
	// Type is the physical type of a computed column; of others the catalogue
	// knows it. string (default), int, long, real, bool, datetime, dynamic.
	Type string `yaml:"type"`
	// Values maps logical to physical values (case-insensitive); several
	// physical values are alternatives. Closed: no other value can occur, so
	// one that is not listed is an error. Not closed: it passes unchanged.
	Values map[string][]string `yaml:"values"`
	Open   bool                `yaml:"open"`
	// Prefixes rewrites the start of a value: HKLM\ -> HKEY_LOCAL_MACHINE\.
	// Several alternatives are all looked for.
	Prefixes map[string][]string `yaml:"prefixes"`
	// Infixes rewrites text anywhere in a value, all alternatives looked for:
	// CurrentControlSet -> CurrentControlSet, ControlSet001.
	Infixes map[string][]string `yaml:"infixes"`
	// Differs is a known infidelity of this column.
	Differs *Difference `yaml:"differs"`
}
