package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Lookup finds a variable of the environment, as os.LookupEnv does.
type Lookup = func(name string) (string, bool)

var variableSyntax = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?$`)

// expand replaces ${NAME} and ${NAME:-default} in one scalar; $${ stands for ${. The default counts where the variable is
// missing or empty, as in a shell. It reports whether there was a variable, and every reason why there is no value.
func expand(s string, lookup Lookup) (value string, expanded bool, problems []string) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), expanded, problems
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		s = s[i+2:]
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return "", true, append(problems, "has a ${ without its }; write $${ for a literal ${")
		}
		found, problem := variable(s[:end], lookup)
		if problem != "" {
			problems = append(problems, problem)
		}
		b.WriteString(found)
		s, expanded = s[end+1:], true
	}
}

func variable(inner string, lookup Lookup) (value, problem string) {
	m := variableSyntax.FindStringSubmatch(inner)
	switch {
	case m == nil:
		return "", fmt.Sprintf("${%s} is not a variable; write ${NAME} or ${NAME:-default}, or $${ for a literal ${", inner)
	case strings.Contains(m[3], "${"):
		return "", fmt.Sprintf("the default of ${%s} cannot be a variable itself", m[1])
	}
	if lookup != nil {
		if v, set := lookup(m[1]); v != "" || set && m[2] == "" {
			return v, ""
		}
	}
	if m[2] != "" {
		return m[3], ""
	}
	return "", fmt.Sprintf("the environment variable %s is not set", m[1])
}

// escape makes a value that expand returns unchanged.
func escape(s string) string { return strings.ReplaceAll(s, "${", "$${") }
