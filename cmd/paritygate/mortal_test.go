package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The variables that tell a mortal program its fate; testdata/mortal says what that is.
const (
	fateVariable   = "PARITYGATE_TEST_FATE"
	pointsVariable = "PARITYGATE_TEST_POINTS"
)

// mortalPath is the program built with another main, that dies where it is told.
var mortalPath = sync.OnceValues(func() (string, error) {
	built, err := binaryPath()
	if err != nil {
		return "", err
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(dir, "main.go"): filepath.Join(dir, "testdata", "mortal", "main.go"),
	}})
	if err != nil {
		return "", err
	}
	file, path := built+"-overlay.json", built+"-mortal"
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-overlay", file, "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// passed returns the points of a file in their order, each once.
func passed(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var points []string
	for point := range strings.Lines(string(text)) {
		if point = strings.TrimSuffix(point, "\n"); !slices.Contains(points, point) {
			points = append(points, point)
		}
	}
	return points
}
