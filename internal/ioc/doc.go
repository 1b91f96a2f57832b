// Package ioc knows the values that reports of threats list: how they are made
// harmless to click on, of which kind a spelling is, and which of them are
// shaped like an indicator and are none.
//
// The last is data: lint.yaml has all tables, and nothing else in the module
// knows of vendors' domains or the files of code samples.
package ioc
