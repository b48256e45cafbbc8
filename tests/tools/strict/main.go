// strict reads what gitops-template/monitoring gives to Grafana and to the Prometheus operator as their own types have it:
// a field that these do not know is an error, and so is a value of another type.
//
//	strict dashboard <previews.json     a dashboard of Grafana
//	strict manifests <manifests.yaml    PodMonitors and PrometheusRules; other kinds are passed over
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "strict:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 1 && arguments[0] == "dashboard" {
		return readDashboard(os.Stdin)
	}
	if len(arguments) == 1 && arguments[0] == "manifests" {
		return readManifests(os.Stdin)
	}
	return errors.New("usage: strict dashboard | manifests")
}

func readDashboard(in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	plugins.RegisterDefaultPlugins()
	var board dashboard.Dashboard
	// It returns its list of errors, and one without errors is not nil either.
	var found cog.BuildErrors
	if err := board.UnmarshalJSONStrict(text); err != nil && (!errors.As(err, &found) || len(found) > 0) {
		return err
	}
	fmt.Println(len(board.Panels), "panels")
	return nil
}

func readManifests(in io.Reader) error {
	known := 0
	documents := utilyaml.NewYAMLReader(bufio.NewReader(in))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var head struct {
			APIVersion, Kind string
			Metadata         struct{ Name string }
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			return err
		}
		var object any
		switch head.APIVersion + " " + head.Kind {
		case "monitoring.coreos.com/v1 PodMonitor":
			object = new(monitoring.PodMonitor)
		case "monitoring.coreos.com/v1 PrometheusRule":
			object = new(monitoring.PrometheusRule)
		default:
			continue
		}
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			return fmt.Errorf("%s %s: %w", head.Kind, head.Metadata.Name, err)
		}
		known++
	}
	fmt.Println(known, "objects")
	return nil
}
