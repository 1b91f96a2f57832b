package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// Field is one property of an object, with its value in the one form that the
// Remote gives equal values.
type Field struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Object is what a document wants a server to hold.
type Object struct {
	// ID is the document's id: what the object is known by from one deployment
	// to the next, whatever it is called.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Spare is the name of an object that is made where another of the project
	// has Name already, on a server that keeps names; "" for none.
	Spare string `json:"spare,omitempty"`
	// Source is where the document stands, for messages.
	Source string `json:"source"`
	// Fields are all properties that the documents own; their order is how they
	// are shown, and means nothing else.
	Fields []Field `json:"fields"`
}

// Hash is of the properties, and of nothing else: not of where the document
// stands.
func (o Object) Hash() string { return hash("", o.Fields) }

// Mark says whose an object on a server is.
type Mark struct {
	ID string `json:"id"`
	// Project is what the content repository calls itself, so that one does not
	// take the objects of another for its own that were left over.
	Project string `json:"project"`
	// Hash is that of the object as it was last applied.
	Hash string `json:"hash"`
}

// Held is an object on a server.
type Held struct {
	// Key is what the server knows the object by.
	Key  string `json:"key"`
	Name string `json:"name"`
	// Mark is nil for an object that is not huntc's.
	Mark *Mark `json:"mark,omitempty"`
	// Elsewhere says where the object is, if it is not where huntc deploys to.
	Elsewhere string `json:"elsewhere,omitempty"`
	// Fields are those of the object's properties that huntc sets, as far as they
	// do something, the mark left out, in any order: of an object that nobody
	// changed, exactly those that were applied.
	Fields []Field `json:"fields"`
}

// Remote is a server. Its methods are safe for concurrent use; an error says
// which request failed and why, and holds no secret.
type Remote interface {
	// List gives all objects of the place that is deployed to, whosever they are,
	// and those with a mark that are elsewhere.
	List(ctx context.Context) ([]Held, error)
	// Get gives one object as it is now, nil if it is gone.
	Get(ctx context.Context, key string) (*Held, error)
	// Create makes an object that carries the mark. It is not tried again; where
	// it is not known whether the server has done it, the error is a LostError.
	Create(ctx context.Context, o Object, m Mark) error
	// Find gives the object that a create made, nil if there is none.
	Find(ctx context.Context, o Object, m Mark) (*Held, error)
	// Update changes the fields of an object and its mark. fields are those that
	// differ; for a server that takes whole objects only, o has all.
	Update(ctx context.Context, key string, o Object, fields []Field, m Mark) error
	Delete(ctx context.Context, key string) error
	// Validate asks the server whether it understands the object's query,
	// without changing anything.
	Validate(ctx context.Context, o Object) error
	// Renames reports whether an object can get another name. Where it cannot,
	// it keeps the one that it was created with.
	Renames() bool
}

// LostError says of a create that nobody knows whether the server has done it.
type LostError struct{ Err error }

func (e *LostError) Error() string { return e.Err.Error() }
func (e *LostError) Unwrap() error { return e.Err }

func hash(name string, fields []Field) string {
	fields = slices.Clone(fields)
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Key, b.Key) })
	sum := sha256.New()
	// JSON keeps values apart, whatever is in them.
	if err := json.NewEncoder(sum).Encode(struct {
		Name   string
		Fields []Field
	}{name, fields}); err != nil {
		panic(err) // texts alone
	}
	return hex.EncodeToString(sum.Sum(nil))[:32]
}

// fingerprint is of everything that is known of an object on a server.
func fingerprint(h Held) string {
	var mark []Field
	if h.Mark != nil {
		mark = []Field{{"id", h.Mark.ID}, {"project", h.Mark.Project}, {"hash", h.Mark.Hash}}
	}
	return hash(h.Key+"\x00"+h.Name, append(mark, h.Fields...))
}

// value of a property of an object on a server.
func (h Held) value(key string) (string, bool) {
	i := slices.IndexFunc(h.Fields, func(f Field) bool { return f.Key == key })
	if i < 0 {
		return "", false
	}
	return h.Fields[i].Value, true
}
