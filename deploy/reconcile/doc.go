// Package reconcile makes what a server holds equal to what the documents say:
// it plans the difference, shows it, and applies exactly what was planned.
//
// It knows no server. A Remote lists, creates, updates and deletes objects; a
// plan is a pure function of the objects that are wanted and of those that the
// server holds. What belongs to a document is known by the mark that its object
// carries on the server, never by its name: an object without a mark is somebody
// else's, and is not changed.
//
// Applying a plan is safe to repeat. Every step looks at the server's object
// first: one that is as the step leaves it is done, one that is as the plan saw
// it is changed, and any other stops the run. So a run that was killed is
// finished by running it again.
package reconcile
