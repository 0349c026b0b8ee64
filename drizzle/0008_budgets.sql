ALTER TABLE "task_attempts" ADD COLUMN "reserved_usd" numeric(14, 6);--> statement-breakpoint
CREATE INDEX "task_attempts_paid" ON "task_attempts" USING btree ("started_at") WHERE reserved_usd is not null or cost_usd is not null;--> statement-breakpoint
-- What a run counts for against a budget: what was set aside while it runs, then what it cost. One that was begun and
-- told no cost has used what was set aside, whether it came to a result or not; one that was handed back, cancelled,
-- lost or never begun has not.
CREATE FUNCTION attempt_spent(attempt task_attempts) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN attempt.ended_at IS NULL OR attempt.outcome IN ('completed', 'failed', 'timed_out')
      AND coalesce(attempt.failure_class, '') NOT IN ('not_started', 'invalid_input', 'worker_lost')
      THEN coalesce(attempt.cost_usd, attempt.reserved_usd, 0)
    ELSE coalesce(attempt.cost_usd, 0)
  END
$$;
--> statement-breakpoint
-- Sets `amount` aside for a run, unless a budget has not so much left: of its task, of its session, of the day (UTC);
-- NULL is no budget. Answers nothing when it was set aside, else the budget that is too small, what of it is spoken for,
-- and after which time to ask again: soon where runs under way may give something back, later where the day has to end,
-- never (NULL) where it is spent for good. One reservation at a time, and the sums are taken after the lock: runs that start
-- at once never share the last dollar.
CREATE FUNCTION attempt_reserve(attempt uuid, amount numeric, task_max numeric, session_max numeric, day_max numeric)
RETURNS TABLE (budget text, limit_usd numeric, taken_usd numeric, wait_seconds integer) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('agent_turbo:budget', 0));
  RETURN QUERY
    WITH own AS MATERIALIZED (
      SELECT t.task_id, t.session_id FROM task_attempts a JOIN agent_tasks t USING (task_id) WHERE a.attempt_id = attempt
    ), counted AS (
      SELECT 'task' AS name, task_max AS most, a FROM own JOIN task_attempts a USING (task_id)
      WHERE task_max IS NOT NULL
      UNION ALL
      SELECT 'session', session_max, a FROM own JOIN agent_tasks t USING (session_id)
      JOIN task_attempts a ON a.task_id = t.task_id WHERE session_max IS NOT NULL
      UNION ALL
      SELECT 'day', day_max, a FROM task_attempts a
      WHERE day_max IS NOT NULL AND a.started_at >= date_trunc('day', now())
        AND (a.reserved_usd IS NOT NULL OR a.cost_usd IS NOT NULL)
    ), sums AS (
      SELECT name, most, sum(attempt_spent(a)) FILTER (WHERE (a).attempt_id <> attempt) AS taken,
        sum(attempt_spent(a)) FILTER (WHERE (a).ended_at IS NOT NULL) AS gone
      FROM counted GROUP BY name, most
      UNION ALL
      -- A run alone may be too dear, also where nothing was spent yet.
      SELECT 'day', day_max, 0, 0 WHERE day_max IS NOT NULL
    )
    SELECT name, most, coalesce(taken, 0),
      CASE WHEN coalesce(gone, 0) + amount <= most THEN 30 WHEN name = 'day' AND amount <= most THEN 600 END AS wait
    FROM sums WHERE coalesce(taken, 0) + amount > most ORDER BY wait DESC NULLS FIRST, taken DESC NULLS LAST LIMIT 1;
  IF NOT FOUND THEN
    UPDATE task_attempts SET reserved_usd = amount WHERE attempt_id = attempt AND ended_at IS NULL;
  END IF;
END
$$;
