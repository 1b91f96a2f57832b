// Package article reads an article about an attack, as Markdown, HTML or plain
// text, and drafts what a hunt could be made of: indicators, and mechanics, the
// behaviour that leaves traces in logs, each with the sentence that says it.
//
// A draft is for a person to read. Nothing that is shaped like an indicator is
// left out without a finding: package ioc says which values are none, and this
// package which values the text only refers to.
package article
