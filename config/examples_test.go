package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestExamples loads each example in an environment that has what its head says it needs, and nothing else.
func TestExamples(t *testing.T) {
	needs := map[string]map[string]string{
		"minimal.yaml": {},
		"supabase.yaml": {
			"OLD_ANON_KEY": "header-secret", "NEW_API_KEY": "header-secret", "ALICE_TOKEN": "alice-secret-token", "GRAFANA_TOKEN": "a-token-secret",
			"OLD_DATABASE_URL": environment["OLD_DSN"], "NEW_DATABASE_URL": environment["NEW_DSN"],
		},
		"express.yaml": {
			"OLD_DATABASE_URL": environment["OLD_DSN"], "NEW_DATABASE_URL": environment["NEW_DSN"], "OLD_ADMIN_URL": environment["OLD_DSN"],
		},
		"convex.yaml":            {"OLD_URL": "https://happy-otter-123.convex.cloud", "NEW_TOKEN": "header-secret"},
		"httpbin.yaml":           {"OLD_DATABASE_URL": environment["OLD_DSN"], "NEW_DATABASE_URL": environment["NEW_DSN"]},
		"firestore-graphql.yaml": {"FIREBASE_KEY": "header-secret"},
		"worker-access.yaml": {
			"CF_ACCESS_CLIENT_ID": "header-secret", "CF_ACCESS_CLIENT_SECRET": "header-secret", "OPERATOR_TOKEN": "alice-secret-token",
			"OLD_DATABASE_URL": environment["OLD_DSN"], "NEW_DATABASE_URL": environment["NEW_DSN"],
		},
	}
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) != len(needs) {
		t.Fatalf("%d examples (%v), of which this test knows %d", len(files), err, len(needs))
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			env, ok := needs[filepath.Base(path)]
			if !ok {
				t.Fatal("the test does not know what it needs")
			}
			asked := map[string]bool{}
			c, err := Load(path, func(name string) (string, bool) {
				v, ok := env[name]
				asked[name] = asked[name] || ok
				return v, ok
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Sorted(maps.Keys(asked)); len(asked) < len(env) {
				t.Errorf("it asks for %v alone", got)
			}
			data, err := os.ReadFile(path)
			if err != nil || data[0] != '#' {
				t.Errorf("it does not begin with a comment that says what it is for (%v)", err)
			}
			roundTrip(t, c)
		})
	}
}
