// Package defender writes compiled hunts as custom detections of Defender XDR,
// in the form that Microsoft Graph takes, and as hunting queries; and as
// analytics rules of Sentinel.
package defender
