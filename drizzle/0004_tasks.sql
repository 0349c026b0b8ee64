-- Where a task may go from each status; src/orchestrator/states.ts says the same, and a test compares them.
CREATE FUNCTION task_moves(status text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE status
    WHEN 'pending' THEN '{running,blocked,completed,failed,cancelled}'::text[]
    WHEN 'blocked' THEN '{pending,failed,cancelled}'
    WHEN 'running' THEN '{completed,failed,cancelled,pending,blocked}'
    WHEN 'completed' THEN '{pending,blocked}'
    WHEN 'failed' THEN '{pending,blocked}'
    WHEN 'cancelled' THEN '{pending,blocked}'
  END
$$;
--> statement-breakpoint
CREATE FUNCTION task_ended(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT status IN ('completed', 'failed', 'cancelled')
$$;
--> statement-breakpoint
-- What a worker must be able to do: [platform, role, capabilities, concurrency key, its limit].
CREATE FUNCTION task_lane(platform text, role text, capabilities text[], concurrency_key text, concurrency_limit integer)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT jsonb_build_array(platform, role, capabilities, concurrency_key,
    CASE WHEN concurrency_key IS NOT NULL THEN concurrency_limit END)::text
$$;
--> statement-breakpoint
-- Wait before run n + 1: ten seconds, doubled each time up to five minutes, a quarter more or less, so that what failed
-- together does not come back together.
CREATE FUNCTION task_backoff(failures integer) RETURNS interval LANGUAGE sql VOLATILE AS $$
  SELECT least(10 * 2 ^ (least(failures, 10) - 1), 300) * (0.75 + random() / 2) * interval '1 second'
$$;
--> statement-breakpoint
-- Fair share: a session's tasks stand a second apart, so that who puts a thousand into the queue gets out of the way of
-- who puts one. Tasks without a session keep their order of arrival.
CREATE FUNCTION task_queue_start(session text) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT greatest(now(), max(queue_start) + interval '1 second') FROM agent_tasks
  WHERE session_id = session AND queue_start IS NOT NULL
$$;
--> statement-breakpoint
-- How far an edge is: met, failed (its parent will not succeed any more) or open. A parent that is gone has failed; one
-- that was skipped counts as done.
CREATE FUNCTION task_edge_state("after" text, parent_status text, parent_skipped boolean)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN parent_status = 'completed' OR parent_skipped THEN 'met'
    WHEN parent_status IS NULL OR task_ended(parent_status) THEN CASE "after" WHEN 'end' THEN 'met' ELSE 'failed' END
    ELSE 'open'
  END
$$;
--> statement-breakpoint
-- Keeps what a row says of its state, whoever writes it. Which moves are legal, why it is blocked, its times, its place
-- in the queue, its deadline.
CREATE FUNCTION agent_tasks_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moves boolean;
  grace interval;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.project IS NULL AND NEW.session_id IS NOT NULL THEN
      SELECT project INTO NEW.project FROM agent_sessions WHERE session_id = NEW.session_id;
    END IF;
    NEW.attempt_count := 0;
  ELSIF NEW.task_id <> OLD.task_id THEN
    RAISE EXCEPTION 'the id of task % cannot change', OLD.task_id
      USING ERRCODE = 'AT001', TABLE = 'agent_tasks', CONSTRAINT = 'agent_tasks_identity';
  END IF;
  IF cardinality(NEW.required_capabilities) > 1 THEN
    NEW.required_capabilities := ARRAY(SELECT DISTINCT unnest(NEW.required_capabilities) ORDER BY 1);
  END IF;
  IF NEW.depends_on_tasks IS DISTINCT FROM OLD.depends_on_tasks
      AND (cardinality(NEW.depends_on_tasks) > 1 OR NEW.depends_on_tasks = '{NULL}') THEN
    NEW.depends_on_tasks := ARRAY(
      SELECT parent FROM unnest(NEW.depends_on_tasks) WITH ORDINALITY AS u(parent, place)
      WHERE parent IS NOT NULL GROUP BY parent ORDER BY min(place));
  END IF;
  IF TG_OP = 'INSERT' THEN
    NEW.dependencies_left := cardinality(NEW.depends_on_tasks);
  END IF;

  IF NEW.status IN ('pending', 'blocked') AND OLD.status = 'running' AND NEW.cancel_requested_at IS NOT NULL THEN
    NEW.status := 'cancelled';
  ELSIF NEW.status = 'pending' AND NEW.dependencies_left > 0 THEN
    NEW.status := 'blocked';
    NEW.metadata := NEW.metadata - 'blocked_by' || '{"blocked_reason": "dependencies"}';
  END IF;
  moves := NEW.status IS DISTINCT FROM OLD.status;
  IF TG_OP = 'UPDATE' AND moves AND NOT NEW.status = ANY (task_moves(OLD.status)) THEN
    RAISE EXCEPTION 'task % is %, which cannot become %', OLD.task_id, OLD.status, NEW.status
      USING ERRCODE = 'AT002', TABLE = 'agent_tasks', CONSTRAINT = 'agent_tasks_moves',
        HINT = format('It may become %s.', array_to_string(task_moves(OLD.status), ', '));
  END IF;

  IF NEW.status = 'blocked' AND NOT NEW.metadata ? 'blocked_reason' THEN
    NEW.metadata := NEW.metadata || jsonb_build_object('blocked_reason', coalesce(
      CASE WHEN NOT moves THEN OLD.metadata->>'blocked_reason' END,
      CASE WHEN NEW.dependencies_left > 0 THEN 'dependencies' ELSE 'person' END));
  ELSIF NEW.status <> 'blocked' AND NEW.metadata ?| '{blocked_reason,blocked_by}' THEN
    NEW.metadata := NEW.metadata - '{blocked_reason,blocked_by}'::text[];
  END IF;
  IF NEW.status <> 'cancelled' AND NEW.metadata ? 'skipped' THEN
    NEW.metadata := NEW.metadata - 'skipped';
  END IF;

  IF TG_OP = 'UPDATE' THEN
    NEW.updated_at := now();
  END IF;
  IF moves AND NEW.status = 'running' THEN
    NEW.started_at := CASE TG_OP WHEN 'INSERT' THEN coalesce(NEW.started_at, now()) ELSE now() END;
  ELSIF moves AND task_ended(NEW.status) THEN
    -- A row that is brought over from elsewhere keeps its times.
    NEW.completed_at := CASE TG_OP WHEN 'INSERT' THEN coalesce(NEW.completed_at, now()) ELSE now() END;
    IF NEW.status = 'completed' THEN
      NEW.progress_percentage := 100;
    END IF;
  ELSIF moves AND TG_OP = 'UPDATE' AND OLD.status NOT IN ('pending', 'blocked') THEN
    NEW.started_at := NULL;
    NEW.completed_at := NULL;
    NEW.cancel_requested_at := NULL;
    NEW.assigned_worker_id := NULL;
    NEW.progress_percentage := 0;
    NEW.current_step := NULL;
    IF task_ended(OLD.status) THEN
      NEW.requeued_at := now();
    END IF;
  END IF;

  IF TG_OP = 'INSERT' OR (NEW.assigned_to_platform, NEW.assigned_to_role, NEW.required_capabilities,
      NEW.concurrency_key, NEW.concurrency_limit) IS DISTINCT FROM (OLD.assigned_to_platform, OLD.assigned_to_role,
      OLD.required_capabilities, OLD.concurrency_key, OLD.concurrency_limit) THEN
    NEW.lane := task_lane(NEW.assigned_to_platform, NEW.assigned_to_role, NEW.required_capabilities,
      NEW.concurrency_key, NEW.concurrency_limit);
  END IF;
  IF NEW.status <> 'pending' OR NEW.run_after > now() THEN
    NEW.queue_start := NULL;
    IF NEW.status = 'pending' THEN
      NEW.ready_at := NULL;
    END IF;
  ELSIF moves OR OLD.queue_start IS NULL THEN
    NEW.ready_at := CASE WHEN moves THEN now() ELSE coalesce(NEW.run_after, now()) END;
    -- What had its turn already waits for nobody of its session.
    NEW.queue_start := CASE WHEN NEW.attempt_count = 0 AND NEW.session_id IS NOT NULL
      THEN task_queue_start(NEW.session_id) ELSE now() END;
  END IF;
  -- Aging: a point of priority is worth ten minutes of waiting.
  NEW.queue_rank := NEW.queue_start - NEW.task_priority * interval '10 minutes';
  -- A worker ends an overdue run itself, and is given the time to: telling a program to stop takes up to 20 s.
  grace := CASE WHEN NEW.status = 'running' AND NEW.assigned_worker_id IS NOT NULL THEN '30 seconds' ELSE '0' END;
  NEW.deadline_at := CASE WHEN NOT task_ended(NEW.status) THEN least(
    coalesce(NEW.requeued_at, NEW.created_at) + NEW.total_timeout_seconds * interval '1 second' + grace,
    CASE NEW.status
      WHEN 'pending' THEN NEW.ready_at + NEW.queue_timeout_seconds * interval '1 second'
      -- An agent that reports itself shows by each report that it lives.
      WHEN 'running' THEN nullif(NEW.timeout_seconds, 0) * interval '1 second' + grace
        + CASE WHEN NEW.assigned_worker_id IS NULL THEN now() ELSE NEW.started_at END
    END) END;
  RETURN NEW;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_tasks_row BEFORE INSERT OR UPDATE ON agent_tasks FOR EACH ROW EXECUTE FUNCTION agent_tasks_row();
--> statement-breakpoint
CREATE FUNCTION task_status_entry(task agent_tasks, from_status text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('session_id', task.session_id, 'task_id', task.task_id, 'action_type', 'task_status',
    'action_description', format('%s -> %s', from_status, task.status),
    'success', task.status <> 'failed',
    'output_data', jsonb_strip_nulls(jsonb_build_object('from', from_status, 'to', task.status,
      'worker', task.assigned_worker_id, 'attempt', nullif(task.attempt_count, 0),
      'blocked_reason', task.metadata->'blocked_reason', 'blocked_by', task.metadata->'blocked_by',
      'skipped', task.metadata->'skipped')))
$$;
--> statement-breakpoint
-- Brings the rows of task_dependencies in line with agent_tasks.depends_on_tasks. The parents are locked, so that one
-- which ends meanwhile either sees the new edge or is seen to have ended; what takes the id of one that was deleted
-- meanwhile is not locked, and therefore not there yet. No sequential scans, here and below, and
-- parents looked up one by one (LIMIT 1 keeps the planner from turning that round): a plan that a connection made while
-- the tables were empty must not read all of them later.
CREATE FUNCTION task_sync_edges(ids text[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  missing record;
  locked text[] := ARRAY(
    SELECT task_id FROM agent_tasks WHERE task_id = ANY (ARRAY(
      SELECT unnest(depends_on_tasks) FROM agent_tasks WHERE task_id = ANY (ids) EXCEPT SELECT unnest(ids)))
    ORDER BY task_id FOR SHARE);
BEGIN
  DELETE FROM task_dependencies d USING agent_tasks t
    WHERE d.task_id = ANY (ids) AND t.task_id = ANY (ids) AND t.task_id = d.task_id
      AND NOT d.depends_on = ANY (t.depends_on_tasks);
  WITH edges AS MATERIALIZED (
    SELECT t.task_id, u.parent, p.status, p.metadata @> '{"skipped": true}' AS skipped,
      coalesce(t.dependency_policies->u.parent->>'after', 'success') AS "after",
      coalesce(t.dependency_policies->u.parent->>'on_failure', 'block') AS on_failure
    FROM agent_tasks t CROSS JOIN unnest(t.depends_on_tasks) AS u(parent)
    LEFT JOIN LATERAL (SELECT status, metadata FROM agent_tasks WHERE task_id = u.parent LIMIT 1) p
      ON u.parent IN (SELECT unnest(ids || locked))
    WHERE t.task_id = ANY (ids)
  ), inserted AS (
    INSERT INTO task_dependencies AS known (task_id, depends_on, "after", on_failure, met)
      SELECT task_id, parent, "after", on_failure, task_edge_state("after", status, skipped) = 'met' FROM edges
      ON CONFLICT (task_id, depends_on) DO UPDATE SET "after" = excluded."after", on_failure = excluded.on_failure
        WHERE (known."after", known.on_failure) <> (excluded."after", excluded.on_failure)
  )
  SELECT e.task_id, e.parent INTO missing FROM edges e
    -- An edge whose parent was deleted stays; only a new one is refused.
    WHERE e.status IS NULL AND NOT EXISTS (
      SELECT FROM task_dependencies d WHERE (d.task_id, d.depends_on) = (e.task_id, e.parent)) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'task % depends on %, which does not exist', missing.task_id, missing.parent
      USING ERRCODE = 'AT003', TABLE = 'agent_tasks', CONSTRAINT = 'agent_tasks_dependency_exists';
  END IF;
END
$$;
--> statement-breakpoint
-- Refuses tasks of `ids` that depend on each other, naming the ring. Peels off what depends on nothing that is left; all
-- that remains is in a ring or behind one.
CREATE FUNCTION task_refuse_cycle(ids text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  edges task_dependencies[] := ARRAY(
    SELECT d FROM task_dependencies d WHERE d.task_id = ANY (ids) AND d.depends_on = ANY (ids));
  size integer;
  ring text[];
BEGIN
  LOOP
    size := cardinality(edges);
    edges := ARRAY(SELECT e FROM unnest(edges) e WHERE e.depends_on IN (SELECT p.task_id FROM unnest(edges) p));
    EXIT WHEN cardinality(edges) = size;
  END LOOP;
  IF size = 0 THEN
    RETURN;
  END IF;
  ring := ARRAY[edges[1].task_id];
  LOOP
    ring := ring || (SELECT min(e.depends_on) FROM unnest(edges) e WHERE e.task_id = ring[cardinality(ring)]);
    EXIT WHEN array_position(ring, ring[cardinality(ring)]) < cardinality(ring);
  END LOOP;
  RAISE EXCEPTION 'tasks depend on each other: %',
    array_to_string(ring[array_position(ring, ring[cardinality(ring)]):], ' -> ')
    USING ERRCODE = 'AT004', TABLE = 'agent_tasks', CONSTRAINT = 'agent_tasks_no_cycle';
END
$$;
--> statement-breakpoint
-- Tasks, and all that they depend on, near and far.
CREATE FUNCTION task_ancestors(ids text[]) RETURNS text[] LANGUAGE sql STABLE AS $$
  WITH RECURSIVE above AS (
    SELECT unnest(ids) AS task_id
    UNION SELECT d.depends_on FROM above a JOIN task_dependencies d ON d.task_id = a.task_id
  )
  SELECT array_agg(task_id) FROM above
$$;
--> statement-breakpoint
-- Brings tasks in line with what they depend on: edges, counters, and the status of those that wait. What that ends
-- (skip, cancel) is followed to its own dependents. A task is locked before its parents are read, so that of two parents
-- ending at once the second sees the first. Answers the audit entries of the moves made.
CREATE FUNCTION task_settle(ids text[]) RETURNS jsonb[] LANGUAGE plpgsql
SET agent_turbo.task_settle = 'on' SET enable_seqscan = off AS $$
DECLARE
  wave text[] := ids;
  moved jsonb[];
  entries jsonb[] := '{}';
  ready boolean := false;
BEGIN
  WHILE wave <> '{}' LOOP
    PERFORM FROM agent_tasks WHERE task_id = ANY (wave) ORDER BY task_id FOR UPDATE;
    UPDATE task_dependencies d SET met = NOT d.met
      FROM task_dependencies e
      LEFT JOIN LATERAL (SELECT status, metadata FROM agent_tasks WHERE task_id = e.depends_on LIMIT 1) p ON true
      WHERE e.task_id = ANY (wave) AND d.task_id = ANY (wave)
        AND (d.task_id, d.depends_on) = (e.task_id, e.depends_on) AND e.met <> (task_edge_state(e."after", p.status, p.metadata @> '{"skipped": true}') = 'met');
    WITH edges AS (
      SELECT d.task_id, d.depends_on, d.on_failure, d.met,
        task_edge_state(d."after", p.status, p.metadata @> '{"skipped": true}') = 'failed' AS failed
      FROM task_dependencies d
      LEFT JOIN LATERAL (SELECT status, metadata FROM agent_tasks WHERE task_id = d.depends_on LIMIT 1) p ON true
      WHERE d.task_id = ANY (wave)
    ), sums AS (
      SELECT t.task_id, t.status, count(e.task_id) FILTER (WHERE NOT e.met) AS unmet,
        min(e.depends_on) FILTER (WHERE e.failed) AS culprit,
        coalesce(bool_or(e.failed AND e.on_failure = 'cancel'), false) AS cancels,
        coalesce(bool_or(e.failed AND e.on_failure = 'skip'), false) AS skips
      FROM agent_tasks t LEFT JOIN edges e USING (task_id) WHERE t.task_id = ANY (wave) GROUP BY t.task_id
    ), targets AS (
      SELECT s.*, CASE
        WHEN s.status NOT IN ('pending', 'blocked') THEN s.status
        WHEN s.cancels OR s.skips THEN 'cancelled'
        WHEN s.unmet > 0 THEN 'blocked'
        WHEN t.metadata->>'blocked_reason' IN ('dependencies', 'dependency_failed') THEN 'pending'
        ELSE s.status END AS target, CASE
        WHEN t.status NOT IN ('pending', 'blocked') THEN t.metadata
        WHEN s.cancels THEN t.metadata || jsonb_build_object('cancelled_by', s.culprit)
        WHEN s.skips THEN t.metadata || jsonb_build_object('skipped', true, 'cancelled_by', s.culprit)
        -- A person or a review that holds a task goes on holding it.
        WHEN t.metadata->>'blocked_reason' NOT IN ('dependencies', 'dependency_failed') THEN t.metadata
        WHEN s.culprit IS NOT NULL
        THEN t.metadata || jsonb_build_object('blocked_reason', 'dependency_failed', 'blocked_by', s.culprit)
        WHEN s.unmet > 0 THEN t.metadata - 'blocked_by' || '{"blocked_reason": "dependencies"}'
        ELSE t.metadata END AS note
      FROM sums s JOIN agent_tasks t USING (task_id) WHERE t.task_id = ANY (wave)
    ), settled AS (
      UPDATE agent_tasks t SET status = n.target, metadata = n.note, dependencies_left = n.unmet
      FROM targets n WHERE t.task_id = n.task_id AND t.task_id = ANY (wave)
        AND (t.status, t.dependencies_left, t.metadata) IS DISTINCT FROM (n.target, n.unmet, n.note)
      RETURNING t AS task, n.status AS was
    )
    SELECT coalesce(array_agg(task_status_entry(task, was) ORDER BY (task).task_seq)
        FILTER (WHERE (task).status <> was), '{}'),
      ready OR coalesce(bool_or((task).queue_rank IS NOT NULL), false),
      ARRAY(SELECT DISTINCT task_id FROM task_dependencies WHERE depends_on = ANY (ARRAY(
        SELECT (task).task_id FROM settled WHERE task_ended((task).status) AND (task).status <> was)))
    INTO moved, ready, wave FROM settled;
    entries := entries || moved;
  END LOOP;
  IF ready THEN
    PERFORM pg_notify('task_ready', '');
  END IF;
  RETURN entries;
END
$$;
--> statement-breakpoint
CREATE FUNCTION agent_tasks_inserted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  waiting text[] := ARRAY(SELECT task_id FROM added WHERE depends_on_tasks <> '{}');
  entries jsonb[];
  ready boolean;
  forward boolean;
  unsettled text[];
  orphans text[];
BEGIN
  SELECT array_agg(jsonb_build_object('session_id', session_id, 'task_id', task_id, 'action_type', 'task_created',
      'action_description', format('%s task of priority %s', task_type, task_priority),
      'output_data', jsonb_strip_nulls(jsonb_build_object('status', status, 'role', assigned_to_role,
        'platform', assigned_to_platform, 'plan', plan_id,
        'depends_on', CASE WHEN depends_on_tasks <> '{}' THEN to_jsonb(depends_on_tasks) END))) ORDER BY task_seq),
    bool_or(queue_rank IS NOT NULL)
  INTO entries, ready FROM added;
  IF entries IS NULL THEN
    RETURN NULL;
  END IF;
  -- What depended on a deleted task depends on the one that takes its id.
  orphans := ARRAY(SELECT DISTINCT d.task_id FROM added a JOIN task_dependencies d ON d.depends_on = a.task_id);
  IF waiting <> '{}' THEN
    PERFORM task_sync_edges(waiting);
    SELECT bool_or(p.task_seq >= t.task_seq), array_agg(DISTINCT t.task_id) FILTER (WHERE task_ended(p.status))
    INTO forward, unsettled
    FROM agent_tasks t CROSS JOIN unnest(t.depends_on_tasks) AS u(parent)
    CROSS JOIN LATERAL (SELECT task_seq, status FROM agent_tasks WHERE task_id = u.parent LIMIT 1) p
    WHERE t.task_id = ANY (waiting);
    -- Edges to what came before make no ring, unless that depends on the new tasks by their ids.
    IF orphans <> '{}' THEN
      PERFORM pg_advisory_xact_lock(hashtextextended('agent_turbo:task_graph', 0));
      PERFORM task_refuse_cycle(task_ancestors(waiting));
    ELSIF forward THEN
      PERFORM task_refuse_cycle(waiting);
    END IF;
  END IF;
  unsettled := orphans || unsettled;
  IF unsettled <> '{}' THEN
    entries := entries || task_settle(unsettled);
  END IF;
  IF ready THEN
    PERFORM pg_notify('task_ready', '');
  END IF;
  PERFORM pg_notify('landing_changed', 'tasks');
  PERFORM audit_append(entries);
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_tasks_inserted AFTER INSERT ON agent_tasks
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION agent_tasks_inserted();
--> statement-breakpoint
-- Dependents first, leases after them, the audit trail last: the order in which everybody locks. What changed is found
-- by grouping, as a join of the two tables would keep the plan that suited the first statement of its connection.
CREATE FUNCTION agent_tasks_updated() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  touched integer;
  ready boolean;
  moved text[];
  origins text[];
  relinked text[];
  resumed text[];
  entries jsonb[];
  ends text[];
  stops text[];
BEGIN
  -- What waits again, or is let go by who held it, may find that a task it depends on has failed meanwhile.
  SELECT count(*), bool_or(is_ready AND NOT was_ready), array_agg(task_id) FILTER (WHERE status <> was),
    array_agg(was) FILTER (WHERE status <> was), array_agg(task_id) FILTER (WHERE is_relinked),
    array_agg(task_id) FILTER (WHERE waits_for > 0 AND status = 'blocked' AND reason IS DISTINCT FROM earlier_reason)
  INTO touched, ready, moved, origins, relinked, resumed
  FROM (
    SELECT task_id, min(status) FILTER (WHERE is_new) AS status, min(status) FILTER (WHERE NOT is_new) AS was,
      bool_or(is_new AND queue_rank IS NOT NULL) AS is_ready,
      bool_or(NOT is_new AND queue_rank IS NOT NULL) AS was_ready, min(links) <> max(links) AS is_relinked,
      min(dependencies_left) FILTER (WHERE is_new) AS waits_for, min(reason) FILTER (WHERE is_new) AS reason,
      min(reason) FILTER (WHERE NOT is_new) AS earlier_reason
    FROM (
      SELECT task_id, status, queue_rank, depends_on_tasks::text || dependency_policies AS links, dependencies_left,
        CASE status WHEN 'blocked' THEN metadata->>'blocked_reason' END AS reason, false AS is_new
      FROM before
      UNION ALL
      SELECT task_id, status, queue_rank, depends_on_tasks::text || dependency_policies, dependencies_left,
        CASE status WHEN 'blocked' THEN metadata->>'blocked_reason' END, true
      FROM changed
    ) sides
    GROUP BY task_id
  ) pairs;
  IF touched = 0 THEN
    RETURN NULL;
  END IF;
  IF moved IS NOT NULL THEN
    SELECT array_agg(task_status_entry(t.task, m.was) ORDER BY (t.task).task_seq),
      array_agg(m.task_id) FILTER (WHERE task_ended((t.task).status) OR task_ended(m.was)),
      array_agg(m.task_id) FILTER (WHERE m.was = 'running')
    INTO entries, ends, stops
    FROM unnest(moved, origins) AS m(task_id, was)
    CROSS JOIN LATERAL (SELECT x AS task FROM agent_tasks x WHERE x.task_id = m.task_id LIMIT 1) t;
  END IF;
  IF relinked IS NOT NULL THEN
    -- One at a time, as two changes that look harmless alone can make a ring together.
    PERFORM pg_advisory_xact_lock(hashtextextended('agent_turbo:task_graph', 0));
    PERFORM task_sync_edges(relinked);
    PERFORM task_refuse_cycle(task_ancestors(relinked));
    entries := entries || task_settle(relinked);
  END IF;
  IF ends IS NOT NULL OR resumed IS NOT NULL THEN
    entries := entries || task_settle(ARRAY(
      SELECT task_id FROM task_dependencies WHERE depends_on = ANY (ends) UNION SELECT unnest(resumed)));
  END IF;
  IF stops IS NOT NULL THEN
    -- Without its lease the worker is fenced: whatever it still reports changes nothing.
    DELETE FROM task_leases WHERE task_id = ANY (stops);
    UPDATE task_attempts a SET ended_at = now(),
        outcome = CASE WHEN task_ended(t.status) THEN t.status ELSE 'released' END
      FROM agent_tasks t
      WHERE a.task_id = ANY (stops) AND a.ended_at IS NULL AND t.task_id = a.task_id AND t.task_id = ANY (stops);
  END IF;
  IF ready THEN
    PERFORM pg_notify('task_ready', '');
  END IF;
  PERFORM pg_notify('landing_changed', 'tasks');
  IF cardinality(entries) > 0 THEN
    PERFORM audit_append(entries);
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_tasks_updated AFTER UPDATE ON agent_tasks
REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT
WHEN (current_setting('agent_turbo.task_settle', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION agent_tasks_updated();
--> statement-breakpoint
CREATE FUNCTION agent_tasks_deleted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  entries jsonb[];
BEGIN
  SELECT array_agg(jsonb_build_object('session_id', session_id, 'task_id', task_id, 'action_type', 'task_deleted',
      'action_description', format('deleted while %s', status),
      'output_data', jsonb_build_object('status', status)) ORDER BY task_seq)
  INTO entries FROM before;
  IF entries IS NULL THEN
    RETURN NULL;
  END IF;
  entries := entries || task_settle(ARRAY(
    SELECT DISTINCT d.task_id FROM before o JOIN task_dependencies d ON d.depends_on = o.task_id
    JOIN agent_tasks t ON t.task_id = d.task_id));
  DELETE FROM task_leases WHERE task_id IN (SELECT task_id FROM before);
  PERFORM pg_notify('landing_changed', 'tasks');
  PERFORM audit_append(entries);
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_tasks_deleted AFTER DELETE ON agent_tasks
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION agent_tasks_deleted();
--> statement-breakpoint
-- Mends what a restored table or a hand has left wrong; answers how many tasks moved. A parent that is not there has
-- failed: whoever finds the task like this cannot refuse it any more.
CREATE FUNCTION task_repair(ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  entries jsonb[];
BEGIN
  PERFORM FROM agent_tasks WHERE task_id = ANY (ids) ORDER BY task_id FOR UPDATE;
  INSERT INTO task_dependencies (task_id, depends_on)
    SELECT t.task_id, u.parent FROM agent_tasks t CROSS JOIN unnest(t.depends_on_tasks) AS u(parent)
    WHERE t.task_id = ANY (ids) AND NOT EXISTS (SELECT FROM agent_tasks p WHERE p.task_id = u.parent)
    ON CONFLICT DO NOTHING;
  PERFORM task_sync_edges(ids);
  entries := task_settle(ids);
  IF cardinality(entries) > 0 THEN
    PERFORM pg_notify('landing_changed', 'tasks');
    PERFORM audit_append(entries);
  END IF;
  RETURN cardinality(entries);
END
$$;
--> statement-breakpoint
-- How many more tasks with this key may be claimed now. The key is held until the transaction ends, and the leases are
-- counted after it is held: two claims never hand out the same slot. Nothing while somebody else holds it.
CREATE FUNCTION task_free_slots(key text, slots integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('agent_turbo:concurrency:' || key, 0)) THEN
    RETURN 0;
  END IF;
  RETURN greatest(slots - (SELECT count(*) FROM task_leases WHERE concurrency_key = key), 0);
END
$$;
--> statement-breakpoint
-- Tasks from before these columns take their places.
UPDATE agent_tasks t SET lane = task_lane(assigned_to_platform, assigned_to_role, required_capabilities, concurrency_key,
    concurrency_limit), depends_on_tasks = array_remove(depends_on_tasks, task_id);
--> statement-breakpoint
SELECT task_repair(ARRAY(SELECT task_id FROM agent_tasks WHERE depends_on_tasks <> '{}'));
