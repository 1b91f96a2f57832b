package ir

// Type is the type of a column or value. In a physical query it is the type
// that the target stores: an address is a String there.
type Type string

const (
	Unknown  Type = ""         // not known: any comparison is allowed
	String   Type = "string"   //
	Int      Type = "int"      // whole number
	Float    Type = "float"    //
	Bool     Type = "bool"     //
	Time     Type = "time"     // an instant
	Duration Type = "duration" // a length of time
	IP       Type = "ip"       // an address; logical queries only
	Dynamic  Type = "dynamic"  // JSON; physical queries only
)

// Numeric reports whether values of the type are numbers.
func (t Type) Numeric() bool { return t == Int || t == Float }
