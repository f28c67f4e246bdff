-- All that lies between the stored rows and what a page reads of them, a line for each thing: of which table
-- (or of the database as a whole: ''), what kind of thing, its name, and how it is.
--
-- Only what is not PostgreSQL's own: its own objects have numbers below 16384, and are counted at the end. Of
-- extensions, whose insides differ from version to version, just what no version of them brings would show.
-- Run with search_path = pg_catalog, so that no operator or function of somebody else's is used here.
WITH
owner AS (SELECT relowner AS oid FROM pg_class WHERE oid = to_regclass('public.django_migrations')),
member AS (
  SELECT d.classid, d.objid, e.extname AS extension FROM pg_depend d
  JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass WHERE d.deptype = 'e'
),
ours AS (
  SELECT c.*, CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END AS subject
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp)'
),
-- Who else may do something: who owns it may do everything.
may (classid, oid, "column", rights) AS (
  SELECT a.classid, a.oid, a."column", string_agg(
    CASE x.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(x.grantee) END || ' ' || x.privilege_type, ', '
    ORDER BY x.grantee, x.privilege_type
  )
  FROM (
    SELECT 'pg_class'::regclass::oid AS classid, c.oid, 0 AS "column", c.relacl AS acl, c.relowner AS owner FROM ours c
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, a.attnum, a.attacl, c.relowner
    FROM pg_attribute a JOIN ours c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, 0, p.proacl, p.proowner FROM pg_proc p WHERE p.oid >= 16384
  ) a, aclexplode(a.acl) x WHERE x.grantee <> a.owner GROUP BY 1, 2, 3
)

SELECT subject, 'relation' AS kind, c.subject AS name, concat_ws(', ',
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'S' THEN 'sequence'
      WHEN 'v' THEN 'view' ELSE 'of kind ' || c.relkind::text END,
    CASE WHEN c.relpersistence <> 'p' THEN 'not kept like others' END,
    CASE WHEN m.amname <> 'heap' THEN 'stored by ' || m.amname END,
    CASE WHEN c.relrowsecurity OR c.relforcerowsecurity THEN 'row security' END,
    CASE WHEN c.relowner <> o.oid THEN 'owned by ' || pg_get_userbyid(c.relowner) END,
    'open to ' || r.rights,
    (SELECT string_agg('part of ' || p.subject || CASE WHEN i.inhdetachpending THEN ' no longer' ELSE '' END, ', ' ORDER BY 1)
      FROM pg_inherits i JOIN ours p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid),
    CASE WHEN c.relispartition THEN
      CASE WHEN c.relname ~ '^audit_logentry_\d{4}_\d{2}$' AND pg_get_expr(c.relpartbound, c.oid) =
        format('FOR VALUES FROM (%L) TO (%L)', to_date(right(c.relname, 7), 'YYYY_MM')::timestamp AT TIME ZONE 'Asia/Tokyo',
          (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'Asia/Tokyo')
      THEN 'the month of its name' ELSE pg_get_expr(c.relpartbound, c.oid) END
    END,
    pg_get_partkeydef(c.oid),
    (SELECT format('%s from %s to %s by %s%s', format_type(s.seqtypid, NULL), s.seqmin, s.seqmax, s.seqincrement,
      CASE WHEN s.seqcycle THEN ', in circles' END) FROM pg_sequence s WHERE s.seqrelid = c.oid)
  ) AS line
FROM ours c CROSS JOIN owner o LEFT JOIN pg_am m ON m.oid = c.relam
LEFT JOIN may r ON r.classid = 'pg_class'::regclass AND r.oid = c.oid AND r."column" = 0
WHERE c.relkind NOT IN ('i', 'I', 'c')

UNION ALL
SELECT c.subject, 'column', a.attname, concat_ws(', ',
    format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attnotnull THEN 'not null' END,
    CASE WHEN a.attcollation <> t.typcollation THEN 'collation ' || a.attcollation::regcollation END,
    'default ' || pg_get_expr(d.adbin, d.adrelid),
    CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text END,
    CASE WHEN a.attgenerated <> '' THEN 'generated ' || a.attgenerated::text END,
    'open to ' || r.rights)
FROM ours c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN may r ON r.classid = 'pg_class'::regclass AND r.oid = c.oid AND r."column" = a.attnum
WHERE c.relkind NOT IN ('i', 'I', 'S', 'c')

-- That a column is not null is a constraint since PostgreSQL 18, and is said at the column above
UNION ALL
SELECT c.subject, 'constraint', coalesce(p.conname, k.conname), concat_ws(', ',
    pg_get_constraintdef(k.oid), CASE WHEN NOT k.convalidated THEN 'not validated' END,
    CASE WHEN to_jsonb(k) ->> 'conenforced' = 'false' THEN 'not enforced' END)
FROM ours c JOIN pg_constraint k ON k.conrelid = c.oid LEFT JOIN pg_constraint p ON p.oid = k.conparentid
WHERE k.contype <> 'n' OR NOT k.convalidated

-- Of a month's index the name is that of the whole history's
UNION ALL
SELECT c.subject, 'index', coalesce(p.relname, x.relname), concat_ws(', ',
    CASE WHEN i.indisprimary THEN 'primary' WHEN i.indisunique THEN 'unique' WHEN i.indisexclusion THEN 'exclusion' END,
    regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE (UNIQUE )?INDEX .*? USING ', ''),
    'by ' || (SELECT string_agg(CASE n.nspname WHEN 'pg_catalog' THEN '' WHEN 'public' THEN '' ELSE n.nspname || '.' END || o.opcname, ' ' ORDER BY u.nr)
      FROM unnest(i.indclass) WITH ORDINALITY u (oid, nr) JOIN pg_opclass o ON o.oid = u.oid JOIN pg_namespace n ON n.oid = o.opcnamespace),
    'collations ' || nullif((SELECT string_agg(u.oid::regcollation::text, ' ' ORDER BY u.nr) FROM unnest(i.indcollation) WITH ORDINALITY u (oid, nr)
      WHERE u.oid NOT IN (0, 100)), ''),
    CASE WHEN NOT i.indisvalid THEN 'not valid' END, CASE WHEN NOT i.indisready THEN 'not ready' END,
    CASE WHEN NOT i.indislive THEN 'not live' END, CASE WHEN NOT i.indimmediate THEN 'not at once' END)
FROM ours c JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_inherits h ON h.inhrelid = x.oid LEFT JOIN pg_class p ON p.oid = h.inhparent

-- Until PostgreSQL 14 a month's copy of a trigger counts as internal
UNION ALL
SELECT c.subject, 'trigger', t.tgname, concat_ws(', ',
    CASE t.tgenabled WHEN 'A' THEN 'always' WHEN 'O' THEN 'on' WHEN 'R' THEN 'in replicas' ELSE 'off' END, pg_get_triggerdef(t.oid))
FROM ours c JOIN pg_trigger t ON t.tgrelid = c.oid
WHERE NOT t.tgisinternal OR t.tgparentid <> 0 AND t.tgconstraint = 0
UNION ALL
SELECT DISTINCT c.subject, 'trigger', k.conname, 'of the constraint, not on'
FROM ours c JOIN pg_trigger t ON t.tgrelid = c.oid JOIN pg_constraint k ON k.oid = t.tgconstraint
WHERE t.tgisinternal AND t.tgenabled <> 'O'
UNION ALL
SELECT c.subject, 'rule', r.rulename, r.ev_enabled::text || ', ' || pg_get_ruledef(r.oid)
FROM pg_rewrite r JOIN ours c ON c.oid = r.ev_class
UNION ALL
SELECT c.subject, 'policy', p.polname, concat_ws(', ', p.polcmd::text, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN ours c ON c.oid = p.polrelid

-- Of the database as a whole
UNION ALL
SELECT '', 'function', p.oid::regprocedure::text, concat_ws(', ',
    CASE p.prokind WHEN 'a' THEN 'aggregate' ELSE md5(pg_get_functiondef(p.oid)) END,
    CASE WHEN p.proowner <> o.oid THEN 'owned by ' || pg_get_userbyid(p.proowner) END, 'open to ' || r.rights)
FROM pg_proc p CROSS JOIN owner o LEFT JOIN may r ON r.classid = 'pg_proc'::regclass AND r.oid = p.oid
LEFT JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid WHERE p.oid >= 16384 AND m.objid IS NULL
UNION ALL
SELECT DISTINCT '', 'functions', 'of extension ' || m.extension, concat_ws(' ', 'in', l.lanname, 'from', p.probin)
FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid >= 16384
UNION ALL
SELECT '', 'operator', coalesce('of extension ' || m.extension || ' ' || o.oprname, o.oid::regoperator::text),
    CASE WHEN m.objid IS NULL THEN o.oprcode::text ELSE '' END
FROM pg_operator o LEFT JOIN member m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid WHERE o.oid >= 16384
UNION
SELECT '', 'cast', format_type(c.castsource, NULL) || ' to ' || format_type(c.casttarget, NULL), concat_ws(', ', c.castfunc::regproc, c.castcontext, c.castmethod)
FROM pg_cast c WHERE c.oid >= 16384
UNION
SELECT '', 'operator class', coalesce('of extension ' || m.extension, n.nspname || '.' || c.opcname), a.amname
FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod JOIN pg_namespace n ON n.oid = c.opcnamespace
LEFT JOIN member m ON m.classid = 'pg_opclass'::regclass AND m.objid = c.oid WHERE c.oid >= 16384
UNION ALL
SELECT '', 'operator family', f.opfname, 'has the operator ' || a.amopopr::regoperator
FROM pg_amop a JOIN pg_opfamily f ON f.oid = a.amopfamily WHERE a.oid >= 16384 AND f.oid < 16384
UNION ALL
SELECT '', 'operator family', f.opfname, 'has the function ' || a.amproc::regprocedure
FROM pg_amproc a JOIN pg_opfamily f ON f.oid = a.amprocfamily WHERE a.oid >= 16384 AND f.oid < 16384
UNION ALL
SELECT '', 'type', t.oid::regtype::text, t.typtype::text FROM pg_type t
LEFT JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
WHERE t.oid >= 16384 AND m.objid IS NULL AND t.typrelid = 0 AND t.typcategory <> 'A'
UNION ALL
SELECT '', 'collation', c.oid::regcollation::text, '' FROM pg_collation c WHERE c.oid >= 16384 AND c.collnamespace <> 'pg_catalog'::regnamespace
UNION ALL
SELECT '', 'schema', nspname, '' FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_(toast|temp)'
UNION ALL
SELECT '', 'extension', extname, '' FROM pg_extension WHERE oid >= 16384
UNION ALL
SELECT '', 'language', lanname, '' FROM pg_language WHERE oid >= 16384
UNION ALL
SELECT '', 'access method', amname, '' FROM pg_am WHERE oid >= 16384
UNION ALL
SELECT '', 'conversion', conname, '' FROM pg_conversion WHERE oid >= 16384
UNION ALL
SELECT '', 'transform', trftype::regtype::text, '' FROM pg_transform WHERE oid >= 16384
UNION ALL
SELECT '', 'event trigger', evtname, concat_ws(', ', evtevent, evtfoid::regproc) FROM pg_event_trigger
UNION ALL
SELECT '', 'default rights', pg_get_userbyid(defaclrole), defaclacl::text FROM pg_default_acl
-- Settings of a database or a role, but for its time limits, its memory and its log
UNION ALL
SELECT '', 'setting', concat_ws(' ', 'of', d.datname, pg_get_userbyid(nullif(s.setrole, 0))), one
FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) one
WHERE (s.setdatabase = 0 OR d.datname = current_database()) AND one !~ '^(log_\w+|\w+_timeout|\w*work_mem|temp_\w+|effective_\w+|random_page_cost)='
UNION ALL
SELECT '', 'setting', name, reset_val FROM pg_settings
WHERE (name, reset_val) NOT IN (('search_path', '"$user", public'), ('session_replication_role', 'origin'),
  ('row_security', 'on'), ('transform_null_equals', 'off'), ('session_preload_libraries', ''), ('local_preload_libraries', ''))
AND name IN ('search_path', 'session_replication_role', 'row_security', 'transform_null_equals', 'session_preload_libraries', 'local_preload_libraries')

-- PostgreSQL's own, which each version has its own of
UNION ALL
SELECT '', 'PostgreSQL ' || current_setting('server_version_num')::int / 10000, of.catalogue, of.digest FROM (
  SELECT 'functions' AS catalogue, md5(string_agg(concat_ws(' ', proname, prolang, prosrc, probin, prosqlbody, proargtypes, prorettype, prokind, prosecdef, proleakproof, proisstrict, provolatile, prosupport, proconfig), chr(10) ORDER BY oid)) AS digest FROM pg_proc WHERE oid < 12000
  UNION ALL SELECT 'aggregates', md5(string_agg(concat_ws(' ', aggfnoid, aggkind, aggtransfn, aggfinalfn, aggcombinefn, aggmtransfn, aggminvtransfn, aggmfinalfn, agginitval), chr(10) ORDER BY aggfnoid::oid)) FROM pg_aggregate WHERE aggfnoid::oid < 12000
  UNION ALL SELECT 'operators', md5(string_agg(concat_ws(' ', oprname, oprleft, oprright, oprresult, oprcode, oprcom, oprnegate), chr(10) ORDER BY oid)) FROM pg_operator WHERE oid < 12000
  UNION ALL SELECT 'casts', md5(string_agg(concat_ws(' ', castsource, casttarget, castfunc, castcontext, castmethod), chr(10) ORDER BY castsource, casttarget)) FROM pg_cast WHERE oid < 12000
  UNION ALL SELECT 'types', md5(string_agg(concat_ws(' ', typname, typinput, typoutput, typreceive, typsend), chr(10) ORDER BY oid)) FROM pg_type WHERE oid < 12000
  UNION ALL SELECT 'operator classes', md5(string_agg(concat_ws(' ', opcmethod, opcname, opcfamily, opcintype, opcdefault), chr(10) ORDER BY opcmethod, opcname)) FROM pg_opclass WHERE oid < 12000
  UNION ALL SELECT 'operator families', md5(string_agg(concat_ws(' ', amopfamily, amoplefttype, amoprighttype, amopstrategy, amopopr), chr(10) ORDER BY amopfamily, amoplefttype, amoprighttype, amopstrategy)) FROM pg_amop WHERE oid < 12000
  UNION ALL SELECT 'functions of operator families', md5(string_agg(concat_ws(' ', amprocfamily, amproclefttype, amprocrighttype, amprocnum, amproc), chr(10) ORDER BY amprocfamily, amproclefttype, amprocrighttype, amprocnum)) FROM pg_amproc WHERE oid < 12000
) of
