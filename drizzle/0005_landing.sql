DROP INDEX "agent_context_cache_generated";--> statement-breakpoint
CREATE INDEX "agent_knowledge_task" ON "agent_knowledge" USING btree ("source_task") WHERE source_task is not null;--> statement-breakpoint
CREATE INDEX "agent_knowledge_notable" ON "agent_knowledge" USING btree (coalesce(project, ''),"importance","id") WHERE valid_to is null and document_id is null;--> statement-breakpoint
CREATE INDEX "agent_sessions_live_created" ON "agent_sessions" USING btree ("created_at","session_id") WHERE status in ('active', 'idle', 'paused');--> statement-breakpoint
CREATE INDEX "agent_sessions_live_project" ON "agent_sessions" USING btree ("project","created_at","session_id") WHERE status in ('active', 'idle', 'paused') and project is not null;--> statement-breakpoint
CREATE INDEX "agent_tasks_next" ON "agent_tasks" USING btree ("queue_rank","task_seq") WHERE status = 'pending' and queue_rank is not null;--> statement-breakpoint
CREATE INDEX "agent_tasks_project_live" ON "agent_tasks" USING btree ("project","status","queue_rank","task_seq") WHERE status in ('pending', 'blocked', 'running') and project is not null;--> statement-breakpoint
CREATE INDEX "agent_tasks_project_created" ON "agent_tasks" USING btree ("project","created_at") WHERE project is not null;--> statement-breakpoint
CREATE INDEX "agent_tasks_failed" ON "agent_tasks" USING btree ("completed_at") WHERE status = 'failed';--> statement-breakpoint
-- Whatever changes what a landing context says tells every process which part of it, plain SQL included; being seen or
-- active again does not.
CREATE FUNCTION landing_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('landing_changed', TG_ARGV[0]);
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_sessions_landing
AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF status, agent_platform, agent_role, project, title, goal
ON agent_sessions FOR EACH STATEMENT EXECUTE FUNCTION landing_changed('sessions');
--> statement-breakpoint
CREATE TRIGGER system_nodes_landing
AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF node_name, node_role, status, facts
ON system_nodes FOR EACH STATEMENT EXECUTE FUNCTION landing_changed('nodes');
--> statement-breakpoint
CREATE TRIGGER services_landing
AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF service_name, node_name, service_type, url, port, version, status, detail
ON services FOR EACH STATEMENT EXECUTE FUNCTION landing_changed('services');
--> statement-breakpoint
CREATE TRIGGER agent_accounts_landing
AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF account_key, platform, paused_until, reason
ON agent_accounts FOR EACH STATEMENT EXECUTE FUNCTION landing_changed('accounts');
--> statement-breakpoint
-- What is erased is erased from what agents were told of it as well.
CREATE FUNCTION agent_knowledge_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM agent_context_cache WHERE starts_with(context_key, 'landing:');
  UPDATE agent_sessions s SET landing_context = s.landing_context - '{relevant_knowledge,recent_failures}'::text[]
    FROM before b, jsonb_build_array(jsonb_build_object('id', b.id)) item
    WHERE s.landing_context->'relevant_knowledge' @> item
      OR s.landing_context->'recent_failures' @> jsonb_build_array(jsonb_build_object('learned', item));
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_knowledge_forgotten AFTER DELETE ON agent_knowledge
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION agent_knowledge_forgotten();
