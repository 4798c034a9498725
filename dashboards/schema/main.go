// Are the dashboards what Grafana takes? Against the types that Grafana itself publishes, strictly: a field that it does not know
// or that it wants and does not find is an error. Then what no schema says: that panels have numbers of their own and do not
// cover each other, ask the data source that the reader chooses, and have units that Grafana knows.
//
// Usage: go run . DASHBOARD.json ...
//
// Ends with a status that is not zero when something is wrong, having said what.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Of Grafana's value formats, those that we use.
var units = map[string]bool{"short": true, "cps": true, "s": true, "bytes": true, "Bps": true, "percentunit": true}

// Kinds of panels whose options the schema has.
var kinds = map[string]bool{"row": true, "stat": true, "timeseries": true}

const source = "${datasource}"

// What is checked of a panel beyond its schema.
type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ Type, UID string }
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct {
		RefID      string
		Expr       string
		Datasource struct{ Type, UID string }
	}
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
}

type page struct {
	UID        string
	Title      string
	Panels     []panel
	Templating struct {
		List []struct{ Name, Type, Query any }
	}
}

func main() {
	plugins.RegisterDefaultPlugins()
	uids := map[string]string{}
	wrong := 0
	for _, path := range os.Args[1:] {
		text, err := os.ReadFile(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		complaints := append(schema(text), sense(text, uids, path)...)
		for _, complaint := range complaints {
			fmt.Fprintf(os.Stderr, "%s: %s\n", path, complaint)
		}
		wrong += len(complaints)
	}
	if wrong > 0 || len(os.Args) < 2 {
		os.Exit(1)
	}
}

func schema(text []byte) []string {
	var page dashboard.Dashboard
	complaints := lines(page.UnmarshalJSONStrict(text))
	if len(complaints) == 0 {
		complaints = lines(page.Validate())
	}
	return complaints
}

// An error of the SDK may be a list that is empty.
func lines(err error) []string {
	if err == nil || err.Error() == "" {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func sense(text []byte, uids map[string]string, path string) []string {
	var page page
	if err := json.Unmarshal(text, &page); err != nil {
		return []string{err.Error()}
	}
	var complaints []string
	complain := func(format string, values ...any) { complaints = append(complaints, fmt.Sprintf(format, values...)) }
	if page.UID == "" || len(page.UID) > 40 {
		complain("the uid %q is not of 1 to 40 letters", page.UID)
	}
	if other, taken := uids[page.UID]; taken {
		complain("%s has the uid %q too", other, page.UID)
	}
	uids[page.UID] = path
	asks := false
	for _, variable := range page.Templating.List {
		asks = asks || variable.Name == "datasource" && variable.Type == "datasource" && variable.Query == "prometheus"
	}
	if !asks {
		complain("it does not ask for its data source")
	}
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, panel := range page.Panels {
		if other, taken := ids[panel.ID]; taken || panel.ID < 1 {
			complain("%q and %q have the number %d", panel.Title, other, panel.ID)
		}
		ids[panel.ID] = panel.Title
		if !kinds[panel.Type] {
			complain("%q is a %q, of which no schema is here", panel.Title, panel.Type)
		}
		place := panel.GridPos
		if place.W < 1 || place.H < 1 || place.X < 0 || place.Y < 0 || place.X+place.W > 24 {
			complain("%q does not fit into the grid", panel.Title)
		}
		for x := place.X; x < place.X+place.W; x++ {
			for y := place.Y; y < place.Y+place.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					complain("%q covers %q", panel.Title, other)
					x, y = 24, place.Y+place.H
				}
				cells[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type == "row" {
			continue
		}
		if !units[panel.FieldConfig.Defaults.Unit] {
			complain("%q has the unit %q", panel.Title, panel.FieldConfig.Defaults.Unit)
		}
		if len(panel.Targets) == 0 || panel.Datasource.UID != source || panel.Datasource.Type != "prometheus" {
			complain("%q asks nothing, or nobody", panel.Title)
		}
		letters := map[string]bool{}
		for _, target := range panel.Targets {
			if target.Expr == "" || target.Datasource.UID != source || letters[target.RefID] {
				complain("%q asks %q twice, or nothing, or somebody else", panel.Title, target.RefID)
			}
			letters[target.RefID] = true
		}
	}
	return complaints
}
