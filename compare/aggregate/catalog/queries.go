package catalog

import (
	"fmt"
	"strings"
)

// chosen is the condition on the namespace n.
func chosen(schemas []string) string {
	if len(schemas) == 0 {
		return users
	}
	list := make([]string, len(schemas))
	for i, s := range schemas {
		list[i] = literal(s)
	}
	return "n.nspname IN (" + strings.Join(list, ", ") + ")"
}

// users are the schemas that users made. On Supabase, which its administrator's role tells, many are the platform's own.
const users = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
	AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_namespace'::regclass AND x.objid = n.oid AND x.deptype = 'e')
	AND NOT (EXISTS (SELECT FROM pg_roles WHERE rolname = 'supabase_admin') AND n.nspname IN ('auth', 'storage', 'realtime',
		'_realtime', '_analytics', 'graphql', 'graphql_public', 'vault', 'extensions', 'supabase_functions', 'supabase_migrations',
		'pgsodium', 'pgsodium_masks', 'pgbouncer', 'pgtle', 'net', 'cron'))`

// own says that an object is of no extension.
func own(class, oid string) string {
	return fmt.Sprintf("NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = '%s'::regclass AND x.objid = %s AND x.deptype = 'e')", class, oid)
}

const serverSQL = `SELECT json_build_object('database', current_database(), 'version', split_part(current_setting('server_version'), ' ', 1))::text`

func schemasSQL(in string) string {
	return "SELECT to_json(n.nspname)::text FROM pg_namespace n WHERE " + in + " ORDER BY n.nspname"
}

// estimate is the number of rows that the planner believes in: -1 or no page mean that nobody ever counted.
const estimate = `CASE WHEN %[1]s.reltuples < 0 OR %[1]s.reltuples = 0 AND %[1]s.relpages = 0 THEN NULL ELSE %[1]s.reltuples::bigint END`

// parts are a relation and all that is below it.
const parts = `WITH RECURSIVE parts AS (SELECT c.oid UNION SELECT i.inhrelid FROM parts JOIN pg_inherits i ON i.inhparent = parts.oid)`

func relationsSQL(in string) string {
	return `SELECT json_build_object('schema', n.nspname, 'name', c.relname,
	'kind', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view'
		ELSE 'materialized view' END,
	'parent', (SELECT json_build_object('schema', pn.nspname, 'name', p.relname) FROM pg_inherits i
		JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE c.relispartition AND i.inhrelid = c.oid),
	'row_security', c.relrowsecurity, 'unlogged', c.relpersistence = 'u',
	'rows', CASE c.relkind WHEN 'v' THEN NULL
		WHEN 'p' THEN (` + parts + ` SELECT sum(` + fmt.Sprintf(estimate, "l") + `)::bigint FROM parts JOIN pg_class l ON l.oid = parts.oid WHERE l.relkind <> 'p')
		ELSE ` + fmt.Sprintf(estimate, "c") + ` END)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't' AND ` + in + ` AND ` + own("pg_class", "c.oid") + `
ORDER BY n.nspname, c.relname`
}

// valueType describes a type for comparing it; an array is described by its elements.
func valueType(t, modifier string) string {
	return fmt.Sprintf(`(SELECT json_build_object('schema', vn.nspname, 'name', v.typname, 'modifier', %[2]s, 'array', v.oid <> %[1]s)
		FROM pg_type o JOIN pg_type v ON v.oid = CASE WHEN o.typcategory = 'A' AND o.typelem <> 0 THEN o.typelem ELSE o.oid END
		JOIN pg_namespace vn ON vn.oid = v.typnamespace WHERE o.oid = %[1]s)`, t, modifier)
}

func columnsSQL(in string) string {
	return `SELECT json_build_object('relation', json_build_object('schema', n.nspname, 'name', c.relname), 'name', a.attname,
	'position', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
	'type', format_type(a.atttypid, a.atttypmod), 'of', ` + valueType("a.atttypid", "a.atttypmod") + `, 'not_null', a.attnotnull,
	'default', CASE a.attgenerated WHEN '' THEN coalesce(pg_get_expr(d.adbin, d.adrelid), '') ELSE '' END,
	'generated', CASE a.attgenerated WHEN '' THEN '' ELSE coalesce(pg_get_expr(d.adbin, d.adrelid), '') END,
	'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' ELSE '' END)::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't'
	AND ` + in + ` AND ` + own("pg_class", "c.oid") + `
ORDER BY n.nspname, c.relname, a.attnum`
}

// columnNames are the names of columns of a relation, by an array of their numbers and in its order.
func columnNames(relation, numbers string) string {
	return fmt.Sprintf(`(SELECT json_agg(k.attname ORDER BY u.place) FROM unnest(%[2]s) WITH ORDINALITY u(number, place)
		JOIN pg_attribute k ON k.attrelid = %[1]s AND k.attnum = u.number)`, relation, numbers)
}

// actionSQL is what a foreign key does.
const actionSQL = `CASE %s WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null'
		WHEN 'd' THEN 'set default' ELSE '' END`

// constraintsSQL leaves out those that the server made for the parts of a partitioned table that is referred to.
func constraintsSQL(in string) string {
	return `SELECT json_build_object('name', o.conname, 'relation', json_build_object('schema', n.nspname, 'name', c.relname),
	'kind', CASE o.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign key' WHEN 'c' THEN 'check' ELSE 'exclusion' END,
	'columns', ` + columnNames("o.conrelid", "o.conkey") + `,
	'target', CASE WHEN o.contype = 'f' THEN json_build_object('schema', tn.nspname, 'name', t.relname) END,
	'target_columns', ` + columnNames("o.confrelid", "o.confkey") + `,
	'on_delete', ` + fmt.Sprintf(actionSQL, "o.confdeltype") + `, 'on_update', ` + fmt.Sprintf(actionSQL, "o.confupdtype") + `,
	'deferrable', o.condeferrable, 'validated', o.convalidated, 'definition', pg_get_constraintdef(o.oid))::text
FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class t ON t.oid = o.confrelid AND o.contype = 'f' LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE o.contype IN ('p', 'u', 'f', 'c', 'x') AND (o.contype <> 'f' OR o.conparentid = 0 OR c.relispartition) AND ` + in + ` AND ` + own("pg_class", "c.oid") + `
ORDER BY n.nspname, c.relname, o.conname`
}

// indexesSQL reads what PostgreSQL 15 added by way of JSON, since a column that is not there would be an error.
func indexesSQL(in string) string {
	return `SELECT json_build_object('name', x.relname, 'relation', json_build_object('schema', n.nspname, 'name', c.relname),
	'method', m.amname, 'unique', i.indisunique, 'primary', i.indisprimary, 'exclusion', i.indisexclusion, 'valid', i.indisvalid AND i.indisready,
	'nulls_not_distinct', coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
	'keys', (SELECT json_agg(json_build_object('column', coalesce(a.attname, ''),
			'expression', CASE WHEN i.indkey[k] = 0 THEN pg_get_indexdef(i.indexrelid, k + 1, false) ELSE '' END,
			'descending', i.indoption[k] & 1 <> 0, 'nulls_first', i.indoption[k] & 2 <> 0,
			'operators', CASE WHEN oc.opcdefault THEN '' ELSE f.opfname END,
			'collation', CASE WHEN i.indcollation[k] IN (0, 100, coalesce(a.attcollation, 0)) THEN '' ELSE coalesce(co.collname, '') END) ORDER BY k)
		FROM generate_series(0, i.indnkeyatts - 1) k
		LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] AND i.indkey[k] <> 0
		JOIN pg_opclass oc ON oc.oid = i.indclass[k] JOIN pg_opfamily f ON f.oid = oc.opcfamily
		LEFT JOIN pg_collation co ON co.oid = i.indcollation[k]),
	'include', (SELECT json_agg(a.attname ORDER BY k) FROM generate_series(i.indnkeyatts, i.indnatts - 1) k
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]),
	'predicate', coalesce(pg_get_expr(i.indpred, i.indrelid), ''), 'definition', pg_get_indexdef(i.indexrelid))::text
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_am m ON m.oid = x.relam
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND ` + in + ` AND ` + own("pg_class", "c.oid") + `
ORDER BY n.nspname, c.relname, x.relname`
}

// typesSQL leaves out the row types that relations bring along.
var typesSQL = `SELECT json_build_object('schema', n.nspname, 'name', t.typname,
	'kind', CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite' ELSE 'range' END,
	'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
	'base', CASE t.typtype WHEN 'd' THEN ` + valueType("t.typbasetype", "t.typtypmod") + ` END, 'not_null', t.typnotnull,
	'checks', (SELECT json_agg(pg_get_constraintdef(o.oid) ORDER BY o.conname) FROM pg_constraint o WHERE o.contypid = t.oid AND o.contype = 'c'))::text
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typtype IN ('e', 'd', 'c', 'r') AND (t.typtype <> 'c' OR c.relkind = 'c')
	AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND ` + own("pg_type", "t.oid") + `
ORDER BY n.nspname, t.typname`
