package sigma

// The keys that documents may have, block by block. docs/huntc.schema.json
// says the same to editors; a test compares the two.

// topKey is an index into topKeys.
type topKey int

const (
	keyTitle topKey = iota
	keyID
	keyRelated
	keyName
	keyTaxonomy
	keyStatus
	keyDescription
	keyLicense
	keyAuthor
	keyReferences
	keyDate
	keyModified
	keyLogsource
	keyDetection
	keyFields
	keyFalsepositives
	keyLevel
	keyTags
	keyScope
	keyCorrelation
	keyFilter
	keyHunt
	keyAction
	keyGenerate
)

var topKeys = [...]string{
	"title", "id", "related", "name", "taxonomy", "status", "description", "license", "author", "references",
	"date", "modified", "logsource", "detection", "fields", "falsepositives", "level", "tags", "scope",
	"correlation", "filter", "hunt", "action", "generate",
}

var (
	logsourceKeys   = []string{"category", "product", "service", "definition"}
	huntKeys        = []string{"window", "windows", "phase", "confidence", "article", "iocs", "allow", "output", "native", "targets", "pipeline", "branches", "template", "intent", "tests", "alert", "schedule", "throttle", "finding", "risk", "entities", "response"}
	articleKeys     = []string{"title", "url", "publisher", "published", "severity"}
	branchKeys      = []string{"logsource", "detection", "output", "pipeline"}
	correlationKeys = []string{"type", "rules", "group-by", "timespan", "aliases", "condition", "generate"}
	corrCondKeys    = []string{"gt", "gte", "lt", "lte", "eq", "neq", "field", "percentile"}
	relatedKeys     = []string{"id", "type"}
	testKeys        = []string{"name", "hit", "miss", "rows"}
	targets         = []string{"splunk", "defender"}

	statuses     = []string{"stable", "test", "experimental", "deprecated", "unsupported"}
	levels       = []string{"informational", "low", "medium", "high", "critical"}
	relatedTypes = []string{"derived", "obsolete", "merged", "renamed", "similar", "correlation"}
	windowings   = []string{"tumbling", "sliding", "session"}
	confidences  = []string{"low", "medium", "high"}
	phases       = []string{"recon", "weapon", "delivery", "exploit", "install", "c2", "actions"}
)
