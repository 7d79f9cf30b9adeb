package fence

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Statements are shown to the server without being run: one that can be planned is planned, in a transaction that may only read, and
// one that can not is put behind a RETURN, where it is parsed.
var (
	planned = regexp.MustCompile(`(?is)^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|VALUES|MERGE)\b`)
	parsed  = regexp.MustCompile(`(?is)^\s*(ALTER|CREATE|DROP|GRANT|REVOKE|TRUNCATE|LOCK|REFRESH|COMMENT|REINDEX|REASSIGN)\b`)
)

// inspect shows a statement to the server. What it refuses is a problem; an error says that it could not be asked.
func (x *session) inspect(ctx context.Context, at, sql string, found *Finding) error {
	sql = strings.TrimRight(sql, "; \t\r\n")
	var shown string
	switch {
	case strings.Contains(sql, ";"):
	case planned.MatchString(sql):
		shown = "EXPLAIN " + sql
	case parsed.MatchString(sql):
		shown = "DO $paritygate$ BEGIN RETURN;\n" + sql + "\n; END $paritygate$"
	}
	if shown == "" {
		found.Open = append(found.Open, at+" can only be judged by running it")
		return nil
	}
	return found.tell(at, x.rolledBack(ctx, "BEGIN READ ONLY", shown))
}

var setval = regexp.MustCompile(`(?is)\bsetval\s*\(\s*'((?:[^']|'')+)'`)

// maySetval looks whether the sequences that a statement sets may be set: only running it would tell otherwise.
func (x *session) maySetval(ctx context.Context, at, sql string, found *Finding) error {
	for _, m := range setval.FindAllStringSubmatch(sql, -1) {
		name := strings.ReplaceAll(m[1], "''", "'")
		may, err := x.list(ctx, "SELECT (has_sequence_privilege(to_regclass($1)::oid, 'UPDATE'))::text WHERE to_regclass($1) IS NOT NULL", name)
		if err != nil {
			return found.tell(at, err)
		}
		if len(may) == 1 && may[0] != "true" {
			found.problem(fmt.Errorf("%s: its role may not set the sequence %s: GRANT UPDATE ON SEQUENCE it", at, name))
		}
	}
	return nil
}

// rights is what the role that puts the fence up may do to others, as the catalog says.
type rights struct {
	self, app string
	all       bool            // a superuser
	alter     map[string]bool // by role: it may alter it
	end       map[string]bool // by role: it may end its sessions
	database  bool            // it may alter the application's database
}

func (x *session) rights(ctx context.Context, who identity) (rights, error) {
	r := rights{app: who.role, alter: map[string]bool{}, end: map[string]bool{}}
	about, err := x.list(ctx, `SELECT unnest(ARRAY[current_user::text, rolsuper::text,
			coalesce((SELECT pg_has_role(datdba, 'USAGE')::text FROM pg_database WHERE datname = $1), 'false')])
		FROM pg_roles WHERE rolname = current_user`, who.database)
	if err != nil || len(about) != 3 {
		return r, err
	}
	r.self, r.all, r.database = about[0], about[1] == "true", about[2] == "true"
	// Since PostgreSQL 16 CREATEROLE alone is not enough.
	alter, err := x.list(ctx, `SELECT t.rolname FROM pg_roles t, pg_roles me WHERE me.rolname = current_user AND NOT t.rolsuper AND me.rolcreaterole
		AND (current_setting('server_version_num')::int < 160000 OR pg_has_role(t.oid, 'MEMBER WITH ADMIN OPTION'))`)
	if err != nil {
		return r, err
	}
	end, err := x.list(ctx, `SELECT rolname FROM pg_roles WHERE NOT rolsuper AND (pg_has_role(oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))`)
	for _, name := range alter {
		r.alter[name] = true
	}
	for _, name := range end {
		r.end[name] = true
	}
	return r, err
}

var (
	alterRole     = regexp.MustCompile(`(?is)^\s*ALTER\s+(?:ROLE|USER)\s+("(?:[^"]|"")+"|[\w$]+)\s+(IN\s+DATABASE\s+\S+\s+)?(SET|RESET|\w+)`)
	alterDatabase = regexp.MustCompile(`(?is)^\s*ALTER\s+DATABASE\s`)
	terminate     = regexp.MustCompile(`(?is)\bpg_terminate_backend\s*\(`)
	ofRole        = regexp.MustCompile(`(?is)\busename\s*=\s*'((?:[^']|'')+)'`)
	notItself     = regexp.MustCompile(`(?is)\bpg_backend_pid\s*\(`)
)

// identifier is a name as the catalog has it.
func identifier(s string) string {
	if quoted, ok := strings.CutPrefix(s, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(quoted, `"`), `""`, `"`)
	}
	return strings.ToLower(s)
}

// permitted judges a statement of the fence by the rights of who is to run it. Where the catalog says no to an ALTER, which takes no
// lock of a table, the server is asked itself, in a transaction that is rolled back: some hosts allow more than the catalog says.
func (x *session) permitted(ctx context.Context, at, sql string, r rights, found *Finding) error {
	role := r.app
	switch alter := alterRole.FindStringSubmatch(sql); {
	case terminate.MatchString(sql):
		if m := ofRole.FindStringSubmatch(sql); m != nil {
			role = strings.ReplaceAll(m[1], "''", "'")
		}
		if !r.all && !r.end[role] {
			found.problem(fmt.Errorf("%s: %s may not end the sessions of %s: GRANT pg_signal_backend TO it, or %s", at, r.self, role, role))
		}
		if role == r.self && !notItself.MatchString(sql) {
			found.problem(fmt.Errorf("%s would end its own session, since it runs as %s too: add AND pid <> pg_backend_pid()", at, role))
		}
	case alter != nil && !strings.EqualFold(alter[1], "ALL"):
		if role = identifier(alter[1]); role != r.app {
			found.Doubts = append(found.Doubts, fmt.Sprintf("%s alters the role %s, and the write that proves the fence is done as %s", at, role, r.app))
		}
		own := role == r.self && slices.Contains([]string{"SET", "RESET"}, strings.ToUpper(alter[3]))
		if !r.all && !own && !r.alter[role] {
			return found.tell(at, x.rolledBack(ctx, "BEGIN READ WRITE", sql))
		}
	case alter != nil || alterDatabase.MatchString(sql):
		if !r.all && !r.database {
			return found.tell(at, x.rolledBack(ctx, "BEGIN READ WRITE", sql))
		}
	case parsed.MatchString(sql) && !r.all:
		found.Open = append(found.Open, at+" is well-formed, and whether "+r.self+" may run it shows at the flip alone")
	}
	return nil
}

// rolledBack runs a statement in a transaction that is rolled back, and waits for no lock.
func (x *session) rolledBack(ctx context.Context, begin, sql string) error {
	err := x.exec(ctx, fmt.Sprintf("%s; SET LOCAL lock_timeout = 100; SET LOCAL statement_timeout = %d; %s", begin, tryFor.Milliseconds(), sql))
	if end := x.exec(ctx, "ROLLBACK"); err == nil {
		err = end
	}
	return err
}

// ends doubts statements that decide how sessions begin, and leave those that a pool keeps.
func (f *Finding) ends(at string, list []string, r rights) {
	begins := slices.ContainsFunc(list, func(sql string) bool { return alterRole.MatchString(sql) || alterDatabase.MatchString(sql) })
	if begins && !slices.ContainsFunc(list, terminate.MatchString) {
		f.Doubts = append(f.Doubts, fmt.Sprintf("%s decides how sessions of %s begin, and ends none: those that a pool keeps stay as they are; "+
			"add SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'", at, r.app, strings.ReplaceAll(r.app, "'", "''")))
	}
}
