-- Catches what lies in no month yet, so that a row is never refused; months are made ahead of time in the background.
CREATE TABLE agent_actions_other PARTITION OF agent_actions DEFAULT;
--> statement-breakpoint
CREATE FUNCTION audit_chain_of(session_id text, task_id text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(session_id, 'task:' || task_id, 'system')
$$;
--> statement-breakpoint
-- What a row says, in one way of writing only: jsonb sorts its keys and has one text for each value. A change of this
-- text would break every chain, so it never changes; a new column joins it under a new key, left out while it is null.
CREATE FUNCTION audit_text(a agent_actions) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
    'action_id', a.action_id, 'chain_id', a.chain_id, 'seq', a.seq, 'session_id', a.session_id, 'task_id', a.task_id,
    'action_type', a.action_type, 'action_description', a.action_description, 'success', a.success,
    'error_message', a.error_message, 'execution_time_ms', a.execution_time_ms::text,
    'changed_files', to_jsonb(a.changed_files), 'commands_executed', to_jsonb(a.commands_executed),
    'api_endpoints_called', to_jsonb(a.api_endpoints_called), 'previous_hash', a.previous_hash,
    'executed_at', to_char(a.executed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    -- As texts, so that a null inside them is kept.
    'input_data', a.input_data::text, 'output_data', a.output_data::text, 'metadata', a.metadata::text
  ))::text
$$;
--> statement-breakpoint
CREATE FUNCTION audit_hash(a agent_actions) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT encode(sha256(convert_to(a.previous_hash || audit_text(a), 'UTF8')), 'hex')
$$;
--> statement-breakpoint
-- Activity of sessions: an idle one is active again. A row that another transaction holds is left alone: it is being
-- touched, or changed by somebody who says so himself.
CREATE FUNCTION touch_sessions(ids text[]) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  due text[] := ARRAY(
    SELECT session_id FROM agent_sessions WHERE session_id = ANY (ids)
      AND (status = 'idle' OR status IN ('active', 'paused') AND last_active < clock_timestamp() - interval '5 seconds')
    FOR NO KEY UPDATE SKIP LOCKED);
BEGIN
  IF due <> '{}' THEN
    -- Apart: naming the status tells landing contexts that it may have changed.
    UPDATE agent_sessions SET last_active = clock_timestamp() WHERE session_id = ANY (due) AND status <> 'idle';
    UPDATE agent_sessions SET last_active = clock_timestamp(), status = 'active'
      WHERE session_id = ANY (due) AND status = 'idle';
  END IF;
END
$$;
--> statement-breakpoint
-- The one insert that brings places and hashes along: the trigger below lets it pass. The setting ends with the function,
-- whatever happens in it; who sets it by hand can insert a row that is in no chain, which verification finds.
CREATE FUNCTION audit_insert(rows agent_actions[]) RETURNS void LANGUAGE plpgsql
SET agent_turbo.audit_insert = 'on' AS $$
BEGIN
  INSERT INTO agent_actions SELECT * FROM unnest(rows);
END
$$;
--> statement-breakpoint
-- Writes entries (objects with columns of agent_actions) at the ends of their chains. One statement makes or locks the
-- ends of all of them, by chain_id: in one order everywhere, so that no two calls wait for each other. The rows as
-- written come back in the order of the entries. Plans are made once: the planner would make its own for each length of
-- the list, again at every call, which takes longer than the rest.
CREATE FUNCTION audit_append(entries jsonb[]) RETURNS SETOF agent_actions LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  head audit_chains;
  item record;
  written agent_actions;
  rows agent_actions[] := array_fill(NULL::agent_actions, ARRAY[cardinality(entries)]);
BEGIN
  INSERT INTO audit_chains (chain_id, hash)
    SELECT DISTINCT audit_chain_of(e->>'session_id', e->>'task_id'), repeat('0', 64) FROM unnest(entries) e ORDER BY 1
    ON CONFLICT (chain_id) DO UPDATE SET seq = excluded.seq WHERE false;
  -- Behind the locks: a session that becomes active writes to its chain, which is among these.
  PERFORM touch_sessions(ARRAY(
    SELECT DISTINCT e->>'session_id' FROM unnest(entries) e
    WHERE e->>'session_id' IS NOT NULL AND NOT starts_with(e->>'action_type', 'session_')));
  FOR item IN
    SELECT e.entry, e.place, c.chain_id, c.seq, c.hash, c.last_at
    FROM unnest(entries) WITH ORDINALITY AS e(entry, place)
    JOIN audit_chains c ON c.chain_id = audit_chain_of(e.entry->>'session_id', e.entry->>'task_id')
    ORDER BY c.chain_id, e.place
  LOOP
    IF head.chain_id IS DISTINCT FROM item.chain_id THEN
      head := (item.chain_id, item.seq, item.hash, item.last_at);
    END IF;
    written := jsonb_populate_record(NULL::agent_actions, item.entry);
    written.action_id := coalesce(written.action_id, 'action_' || replace(gen_random_uuid()::text, '-', ''));
    written.success := coalesce(written.success, true);
    written.metadata := coalesce(written.metadata, '{}');
    -- Not the start of the transaction, but the time at which the chain was ours, so that times follow the order of
    -- the rows. A time that was given (by an import) must lie between the row before and now.
    written.executed_at := greatest(head.last_at, least(written.executed_at, clock_timestamp()));
    written.chain_id := head.chain_id;
    written.seq := head.seq + 1;
    written.previous_hash := head.hash;
    written.hash := audit_hash(written);
    head := (head.chain_id, written.seq, written.hash, written.executed_at);
    rows[item.place] := written;
  END LOOP;
  PERFORM audit_insert(rows);
  UPDATE audit_chains c SET seq = l.seq, hash = l.hash, last_at = l.executed_at
    FROM (SELECT DISTINCT ON (chain_id) chain_id, seq, hash, executed_at FROM unnest(rows) ORDER BY chain_id, seq DESC) l
    WHERE c.chain_id = l.chain_id;
  RETURN QUERY SELECT * FROM unnest(rows);
END
$$;
--> statement-breakpoint
-- A row inserted by hand gets its place in its chain here, whatever it says of it. Its month stays, because a trigger
-- cannot move a row to another partition; inside the month it is not earlier than the row before it.
CREATE FUNCTION audit_chain_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  head audit_chains;
BEGIN
  IF NEW.session_id IS NOT NULL AND NOT starts_with(NEW.action_type, 'session_') THEN
    PERFORM touch_sessions(ARRAY[NEW.session_id]);
  END IF;
  NEW.chain_id := audit_chain_of(NEW.session_id, NEW.task_id);
  INSERT INTO audit_chains (chain_id, hash) VALUES (NEW.chain_id, repeat('0', 64))
    ON CONFLICT (chain_id) DO UPDATE SET seq = excluded.seq WHERE false;
  SELECT * INTO STRICT head FROM audit_chains WHERE chain_id = NEW.chain_id;
  IF date_trunc('month', head.last_at, 'UTC') = date_trunc('month', NEW.executed_at, 'UTC') THEN
    NEW.executed_at := greatest(head.last_at, NEW.executed_at);
  END IF;
  NEW.seq := head.seq + 1;
  NEW.previous_hash := head.hash;
  NEW.hash := audit_hash(NEW);
  UPDATE audit_chains
    SET seq = NEW.seq, hash = NEW.hash, last_at = greatest(last_at, least(NEW.executed_at, clock_timestamp()))
    WHERE chain_id = NEW.chain_id;
  RETURN NEW;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_actions_chain_row BEFORE INSERT ON agent_actions FOR EACH ROW
WHEN (current_setting('agent_turbo.audit_insert', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION audit_chain_row();
--> statement-breakpoint
CREATE TRIGGER agent_actions_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON agent_actions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- Statement triggers see the table that a statement names: a partition named directly needs its own.
CREATE TRIGGER agent_actions_other_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON agent_actions_other FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
INSERT INTO agent_actions (action_id, session_id, task_id, action_type, action_description, input_data, output_data,
  success, error_message, execution_time_ms, changed_files, commands_executed, executed_at, metadata)
SELECT action_id, session_id, task_id, action_type, action_description, input_data, output_data, success, error_message,
  execution_time_ms, changed_files, commands_executed, executed_at, metadata
FROM agent_actions_unchained ORDER BY executed_at, action_id;
--> statement-breakpoint
DROP TABLE agent_actions_unchained;
--> statement-breakpoint
-- Makes the table of a month (its first day given) and moves there what the default partition holds of it. False when
-- the month is there, or was and is detached.
CREATE FUNCTION audit_make_month(month date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  name text := 'agent_actions_' || to_char(month, 'YYYY_MM');
  since timestamptz := month::timestamp AT TIME ZONE 'UTC';
  until timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
  IF to_regclass(name) IS NOT NULL THEN
    RETURN false;
  END IF;
  -- Attaching alone locks less: a row that is on its way into the default partition would then be refused by it.
  LOCK TABLE agent_actions IN ACCESS EXCLUSIVE MODE;
  IF to_regclass(name) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE agent_actions INCLUDING DEFAULTS)', name);
  IF EXISTS (SELECT FROM agent_actions_other WHERE executed_at >= since AND executed_at < until) THEN
    ALTER TABLE agent_actions_other DISABLE TRIGGER agent_actions_other_append_only;
    EXECUTE format('WITH moved AS (DELETE FROM agent_actions_other WHERE executed_at >= $1 AND executed_at < $2 RETURNING *)
      INSERT INTO %I SELECT * FROM moved', name) USING since, until;
    ALTER TABLE agent_actions_other ENABLE TRIGGER agent_actions_other_append_only;
  END IF;
  EXECUTE format('ALTER TABLE agent_actions ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, since, until);
  EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT '
    'EXECUTE FUNCTION refuse_change()', name || '_append_only', name);
  RETURN true;
END
$$;
--> statement-breakpoint
-- The months that are needed: this one, the next two, and those of which the default partition holds rows. How many
-- were made.
CREATE FUNCTION audit_make_months() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  this_month date := date_trunc('month', now() AT TIME ZONE 'UTC');
  -- Read to the end before the first table is made: a table that is being read cannot be changed.
  months date[] := ARRAY(
    SELECT (this_month + make_interval(months => ahead))::date FROM generate_series(0, 2) ahead
    UNION SELECT date_trunc('month', executed_at AT TIME ZONE 'UTC')::date FROM agent_actions_other
    WHERE isfinite(executed_at) AND executed_at < now() ORDER BY 1);
  month date;
  made int := 0;
BEGIN
  FOREACH month IN ARRAY months LOOP
    made := made + audit_make_month(month)::int;
  END LOOP;
  RETURN made;
END
$$;
--> statement-breakpoint
-- Takes a month out of the trail. Its table stays, and audit_anchors keeps where its rows stood in their chains. False
-- when there is no such month, or when it is detached.
CREATE FUNCTION audit_detach_month(month date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  name text := 'agent_actions_' || to_char(month, 'YYYY_MM');
  held bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(name) AND inhparent = 'agent_actions'::regclass) THEN
    RETURN false;
  END IF;
  -- The long part before the lock; what somebody wrote into the month meanwhile shows in the count.
  EXECUTE format('INSERT INTO audit_anchors (chain_id, first_seq, previous_hash, seq, hash, detached_table)
    SELECT r.chain_id, r.first_seq, f.previous_hash, r.last_seq, l.hash, %1$L
    FROM (
      SELECT chain_id, min(seq) AS first_seq, max(seq) AS last_seq
      FROM (SELECT chain_id, seq, seq - row_number() OVER (PARTITION BY chain_id ORDER BY seq) AS run FROM %1$I) placed
      GROUP BY chain_id, run
    ) r
    JOIN %1$I f ON f.chain_id = r.chain_id AND f.seq = r.first_seq
    JOIN %1$I l ON l.chain_id = r.chain_id AND l.seq = r.last_seq', name);
  LOCK TABLE agent_actions IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('SELECT count(*) FROM %I', name) INTO held;
  IF held <> (SELECT coalesce(sum(seq - first_seq + 1), 0) FROM audit_anchors WHERE detached_table = name) THEN
    RAISE EXCEPTION 'rows were written into % meanwhile', name USING ERRCODE = 'serialization_failure';
  END IF;
  EXECUTE format('ALTER TABLE agent_actions DETACH PARTITION %I', name);
  RETURN true;
END
$$;
--> statement-breakpoint
-- Sessions by plain SQL are on the record too.
CREATE FUNCTION agent_sessions_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entries jsonb[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT array_agg(jsonb_build_object('session_id', session_id, 'action_type', 'session_created',
      'action_description', format('session of %s as %s', agent_platform, agent_role),
      'output_data', jsonb_build_object('status', status)) ORDER BY created_at, session_id)
    INTO entries FROM added;
  ELSIF TG_OP = 'UPDATE' THEN
    SELECT array_agg(jsonb_build_object('session_id', n.session_id, 'action_type', 'session_status',
      'action_description', format('%s -> %s', o.status, n.status),
      'output_data', jsonb_build_object('from', o.status, 'to', n.status)) ORDER BY n.session_id)
    INTO entries FROM changed n JOIN before o USING (session_id) WHERE n.status <> o.status;
  ELSE
    SELECT array_agg(jsonb_build_object('session_id', session_id, 'action_type', 'session_deleted',
      'output_data', jsonb_build_object('status', status)) ORDER BY session_id)
    INTO entries FROM before;
  END IF;
  IF entries IS NOT NULL THEN
    PERFORM audit_append(entries);
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_sessions_audit_insert AFTER INSERT ON agent_sessions
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION agent_sessions_audit();
--> statement-breakpoint
CREATE TRIGGER agent_sessions_audit_update AFTER UPDATE ON agent_sessions
REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION agent_sessions_audit();
--> statement-breakpoint
CREATE TRIGGER agent_sessions_audit_delete AFTER DELETE ON agent_sessions
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION agent_sessions_audit();

--> statement-breakpoint
-- When a session ended, whoever ends it.
CREATE FUNCTION agent_sessions_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.ended_at := CASE WHEN NEW.status IN ('completed', 'failed') THEN clock_timestamp() END;
  RETURN NEW;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_sessions_ended BEFORE UPDATE OF status ON agent_sessions FOR EACH ROW
WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION agent_sessions_ended();
--> statement-breakpoint
-- Delegation makes a tree. A new session cannot be anybody's parent yet, except in the statement that makes both; two
-- transactions that change parents at once take turns, because each alone would find no circle.
CREATE FUNCTION agent_sessions_parent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('agent_turbo_session_parents', 0));
  END IF;
  IF EXISTS (
    WITH RECURSIVE above AS (
      SELECT NEW.parent_session_id AS id
      UNION SELECT s.parent_session_id FROM above JOIN agent_sessions s ON s.session_id = above.id
    ) SELECT FROM above WHERE id = NEW.session_id)
  THEN
    RAISE EXCEPTION 'a session cannot be its own ancestor' USING ERRCODE = 'check_violation',
      TABLE = 'agent_sessions', CONSTRAINT = 'agent_sessions_parent_circle';
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_sessions_parent AFTER INSERT OR UPDATE OF parent_session_id ON agent_sessions FOR EACH ROW
WHEN (NEW.parent_session_id IS NOT NULL) EXECUTE FUNCTION agent_sessions_parent();
--> statement-breakpoint
-- What was made and said is on the record by its hash, so that the texts themselves cannot be changed unnoticed either.
CREATE FUNCTION artifacts_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM audit_append(entries) FROM (
    SELECT array_agg(jsonb_build_object('session_id', session_id, 'task_id', task_id, 'action_type', 'artifact_added',
      'output_data', jsonb_build_object('artifact_id', artifact_id, 'content_hash', content_hash,
        'content_bytes', content_bytes)) ORDER BY created_at, artifact_id) AS entries
    FROM added) made WHERE entries IS NOT NULL;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER artifacts_audit AFTER INSERT ON artifacts
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION artifacts_audit();
--> statement-breakpoint
CREATE FUNCTION conversation_chunks_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM audit_append(entries) FROM (
    SELECT array_agg(jsonb_build_object('session_id', session_id, 'action_type', 'conversation_added',
      'output_data', jsonb_build_object('chunk_id', chunk_id,
        'content_hash', encode(sha256(convert_to(content, 'UTF8')), 'hex'))) ORDER BY id) AS entries
    FROM added) said WHERE entries IS NOT NULL;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER conversation_chunks_audit AFTER INSERT ON conversation_chunks
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION conversation_chunks_audit();
--> statement-breakpoint
CREATE FUNCTION agent_knowledge_activity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM touch_sessions(ids) FROM (
    SELECT array_agg(DISTINCT source_session) AS ids FROM added WHERE source_session IS NOT NULL) wrote
  WHERE ids IS NOT NULL;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_knowledge_activity AFTER INSERT ON agent_knowledge
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION agent_knowledge_activity();
