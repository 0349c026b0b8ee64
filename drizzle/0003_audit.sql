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
-- Writes entries (objects with columns of agent_actions) at the ends of their chains, each chain locked once, in one
-- order everywhere. The rows as written come back in the order of the entries.
CREATE FUNCTION audit_append(entries jsonb[]) RETURNS SETOF agent_actions LANGUAGE plpgsql AS $$
DECLARE
  chain text;
  head audit_chains;
  entry jsonb;
  written agent_actions;
  rows agent_actions[] := '{}';
BEGIN
  INSERT INTO audit_chains (chain_id, hash)
    SELECT DISTINCT audit_chain_of(e->>'session_id', e->>'task_id'), repeat('0', 64) FROM unnest(entries) e
    ORDER BY 1 ON CONFLICT DO NOTHING;
  FOR chain IN
    SELECT DISTINCT audit_chain_of(e->>'session_id', e->>'task_id') FROM unnest(entries) e ORDER BY 1
  LOOP
    SELECT * INTO STRICT head FROM audit_chains WHERE chain_id = chain FOR UPDATE;
    FOR entry IN
      SELECT e FROM unnest(entries) WITH ORDINALITY AS u(e, place)
      WHERE audit_chain_of(e->>'session_id', e->>'task_id') = chain ORDER BY place
    LOOP
      written := jsonb_populate_record(NULL::agent_actions, entry);
      written.action_id := coalesce(written.action_id, 'action_' || replace(gen_random_uuid()::text, '-', ''));
      written.success := coalesce(written.success, true);
      written.metadata := coalesce(written.metadata, '{}');
      -- Not the start of the transaction: the rows of a chain stand in the order of its locks.
      written.executed_at := coalesce(written.executed_at, clock_timestamp());
      written.chain_id := chain;
      head.seq := head.seq + 1;
      written.seq := head.seq;
      written.previous_hash := head.hash;
      written.hash := audit_hash(written);
      head.hash := written.hash;
      rows := rows || written;
    END LOOP;
    UPDATE audit_chains SET seq = head.seq, hash = head.hash WHERE chain_id = chain;
  END LOOP;
  PERFORM set_config('agent_turbo.audit_append', 'on', true);
  RETURN QUERY WITH inserted AS (INSERT INTO agent_actions SELECT * FROM unnest(rows) RETURNING *)
    SELECT * FROM inserted;
  PERFORM set_config('agent_turbo.audit_append', 'off', true);
END
$$;
--> statement-breakpoint
-- A row inserted by hand gets its place in its chain here, whatever it says of it.
CREATE FUNCTION audit_chain_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  head audit_chains;
BEGIN
  IF current_setting('agent_turbo.audit_append', true) = 'on' THEN
    RETURN NEW;
  END IF;
  NEW.chain_id := audit_chain_of(NEW.session_id, NEW.task_id);
  INSERT INTO audit_chains (chain_id, hash) VALUES (NEW.chain_id, repeat('0', 64)) ON CONFLICT DO NOTHING;
  SELECT * INTO STRICT head FROM audit_chains WHERE chain_id = NEW.chain_id FOR UPDATE;
  NEW.seq := head.seq + 1;
  NEW.previous_hash := head.hash;
  NEW.hash := audit_hash(NEW);
  UPDATE audit_chains SET seq = NEW.seq, hash = NEW.hash WHERE chain_id = NEW.chain_id;
  RETURN NEW;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_actions_chain_row BEFORE INSERT ON agent_actions FOR EACH ROW EXECUTE FUNCTION audit_chain_row();
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
-- The table of a month (its first day given) and its protection; nothing when it is there.
CREATE FUNCTION audit_make_month(month date) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  name text := 'agent_actions_' || to_char(month, 'YYYY_MM');
BEGIN
  IF to_regclass(name) IS NOT NULL THEN
    RETURN name;
  END IF;
  EXECUTE format('CREATE TABLE %I PARTITION OF agent_actions FOR VALUES FROM (%L) TO (%L)', name,
    month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
  EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT '
    'EXECUTE FUNCTION refuse_change()', name || '_append_only', name);
  RETURN name;
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
