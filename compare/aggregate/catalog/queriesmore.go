package catalog

// sequencesSQL finds the owner by what a drop of the column would take along, and the users by what their defaults refer to.
// A sequence of another schema counts if a column of these takes its default from it.
func sequencesSQL(in string) string {
	const column = `json_build_object('relation', json_build_object('schema', tn.nspname, 'name', t.relname), 'column', a.attname)`
	return `SELECT json_build_object('schema', n.nspname, 'name', c.relname, 'type', format_type(s.seqtypid, NULL), 'start', s.seqstart,
	'increment', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax, 'cycle', s.seqcycle,
	'owner', (SELECT ` + column + ` FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
		JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
		WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
		LIMIT 1),
	'users', (SELECT json_agg(` + column + ` ORDER BY tn.nspname, t.relname, a.attnum)
		FROM (SELECT DISTINCT d.objid FROM pg_depend d WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid) u
		JOIN pg_attrdef f ON f.oid = u.objid JOIN pg_class t ON t.oid = f.adrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
		JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = f.adnum),
	'readable', has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT'))::text
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND (` + in + ` OR EXISTS (SELECT FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
		JOIN pg_class t ON t.oid = f.adrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND ` + in + `))
	AND ` + own("pg_class", "c.oid") + `
ORDER BY n.nspname, c.relname`
}

func functionsSQL(in string) string {
	return `SELECT json_build_object('schema', n.nspname, 'name', p.proname,
	'kind', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window' ELSE 'function' END,
	'arguments', pg_get_function_identity_arguments(p.oid), 'returns', coalesce(pg_get_function_result(p.oid), ''), 'language', l.lanname,
	'volatility', CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END, 'security_definer', p.prosecdef)::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE ` + in + ` AND ` + own("pg_proc", "p.oid") + `
ORDER BY n.nspname, p.proname, pg_get_function_identity_arguments(p.oid) COLLATE "C"`
}

// triggersSQL leaves out those of foreign keys, and the copies that partitions have.
func triggersSQL(in string) string {
	return `SELECT json_build_object('name', t.tgname, 'relation', json_build_object('schema', n.nspname, 'name', c.relname),
	'function', json_build_object('schema', pn.nspname, 'name', p.proname), 'enabled', t.tgenabled <> 'D', 'definition', pg_get_triggerdef(t.oid))::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace
WHERE NOT t.tgisinternal AND coalesce((to_jsonb(t) ->> 'tgparentid')::oid, 0) = 0 AND ` + in + ` AND ` + own("pg_trigger", "t.oid") + `
ORDER BY n.nspname, c.relname, t.tgname`
}

const extensionsSQL = `SELECT json_build_object('schema', n.nspname, 'name', e.extname, 'version', e.extversion)::text
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY e.extname`

func policiesSQL(in string) string {
	return `SELECT json_build_object('name', p.polname, 'relation', json_build_object('schema', n.nspname, 'name', c.relname),
	'command', CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END,
	'permissive', p.polpermissive,
	'roles', (SELECT json_agg(coalesce(r.rolname, 'public') ORDER BY r.rolname) FROM unnest(p.polroles) u LEFT JOIN pg_roles r ON r.oid = u),
	'using', coalesce(pg_get_expr(p.polqual, p.polrelid), ''), 'with_check', coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''))::text
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ` + in + `
ORDER BY n.nspname, c.relname, p.polname`
}

func sizesSQL(in string) string {
	return `SELECT json_build_object('schema', n.nspname, 'name', c.relname, 'bytes', CASE c.relkind
		WHEN 'p' THEN (` + parts + ` SELECT sum(pg_total_relation_size(parts.oid))::bigint FROM parts)
		ELSE pg_total_relation_size(c.oid) END)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND ` + in + ` AND ` + own("pg_class", "c.oid")
}

func definitionsSQL(in string) string {
	return `SELECT json_build_object('schema', n.nspname, 'name', c.relname, 'definition', coalesce(pg_get_viewdef(c.oid), ''))::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND c.relpersistence <> 't' AND ` + in + ` AND ` + own("pg_class", "c.oid")
}

const databaseSizeSQL = `SELECT json_build_object('bytes', CASE WHEN has_database_privilege(current_database(), 'CONNECT')
	THEN pg_database_size(current_database()) END)::text`
