package defender

import (
	_ "embed"
	"sync"
	"time"

	"gopkg.in/yaml.v3"
)

//go:embed tables.yml
var tablesYAML []byte

type (
	asset struct {
		Type       string `yaml:"type"`
		Column     string `yaml:"column"`
		Identifier string `yaml:"identifier"`
		Sentinel   string `yaml:"sentinel"` // the entity; "" if it has none
		Field      string `yaml:"field"`
	}
	action struct {
		Action    string  `yaml:"action"`
		Type      string  `yaml:"type"`
		Isolation string  `yaml:"isolation"`
		Columns   []asset `yaml:"columns"`
	}
	frequency struct {
		Every  string        `yaml:"every"`
		Period string        `yaml:"period"`
		Back   time.Duration `yaml:"back"`
	}
	tableSet struct {
		Assets      []asset     `yaml:"assets"`
		Actions     []action    `yaml:"actions"`
		Frequencies []frequency `yaml:"frequencies"`
		Continuous  []string    `yaml:"continuous"`
		Functions   []string    `yaml:"functions"`
		Sentinel    struct {
			Connector string   `yaml:"connector"`
			Tables    []string `yaml:"tables"`
			Without   []struct {
				Table string `yaml:"table"`
				Why   string `yaml:"why"`
			} `yaml:"without"`
		} `yaml:"sentinel"`
	}
)

var tables = sync.OnceValue(func() *tableSet {
	var t tableSet
	if err := yaml.Unmarshal(tablesYAML, &t); err != nil {
		panic("deploy/defender: tables.yml: " + err.Error())
	}
	return &t
})
