CREATE TABLE "audit_anchors" (
	"chain_id" text NOT NULL,
	"first_seq" bigint NOT NULL,
	"previous_hash" text NOT NULL,
	"seq" bigint NOT NULL,
	"hash" text NOT NULL,
	"detached_table" text NOT NULL,
	"detached_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "audit_anchors_chain_id_seq_pk" PRIMARY KEY("chain_id","seq"),
	CONSTRAINT "audit_anchors_seq" CHECK (first_seq between 1 and seq)
);
--> statement-breakpoint
CREATE TABLE "audit_chains" (
	"chain_id" text PRIMARY KEY NOT NULL,
	"seq" bigint DEFAULT 0 NOT NULL,
	"hash" text NOT NULL,
	"last_at" timestamp with time zone
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE TABLE "services" (
	"service_name" text PRIMARY KEY NOT NULL,
	"node_name" text,
	"service_type" text,
	"url" text,
	"port" integer,
	"version" text,
	"status" text DEFAULT 'running' NOT NULL,
	"detail" text,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_seen" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "services_status" CHECK (status in ('running', 'degraded', 'stopped', 'unknown')),
	CONSTRAINT "services_port" CHECK (port between 1 and 65535)
);
--> statement-breakpoint
CREATE TABLE "artifacts" (
	"artifact_id" text PRIMARY KEY NOT NULL,
	"session_id" text,
	"task_id" text,
	"artifact_type" text NOT NULL,
	"name" text NOT NULL,
	"format" text DEFAULT 'text' NOT NULL,
	"content" text NOT NULL,
	"content_hash" text NOT NULL,
	"content_bytes" integer NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "artifacts_content_hash" CHECK (content_hash ~ '^[0-9a-f]{64}$')
);
--> statement-breakpoint
CREATE TABLE "conversation_chunks" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "conversation_chunks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"session_id" text NOT NULL,
	"chunk_id" text NOT NULL,
	"content" text NOT NULL,
	"format" text DEFAULT 'dialogue' NOT NULL,
	"start_time" timestamp with time zone,
	"end_time" timestamp with time zone,
	"participants" text[] DEFAULT '{}' NOT NULL,
	"extracted_items" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "conversation_chunks_format" CHECK (format in ('dialogue', 'summary', 'transcript'))
);
--> statement-breakpoint
CREATE TABLE "agent_accounts" (
	"account_key" text PRIMARY KEY NOT NULL,
	"platform" text NOT NULL,
	"paused_until" timestamp with time zone,
	"reason" text,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "task_attempts" (
	"attempt_id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"task_id" text NOT NULL,
	"attempt_number" integer NOT NULL,
	"worker_id" text NOT NULL,
	"host" text,
	"pid" integer,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	"outcome" text,
	"failure_class" text,
	"exit_code" integer,
	"cli_session_id" text,
	"error_message" text,
	"usage" jsonb,
	"cost_usd" numeric(14, 6),
	CONSTRAINT "task_attempts_outcome" CHECK (outcome in ('completed', 'failed', 'cancelled', 'released', 'lease_expired', 'timed_out', 'fenced'))
);
--> statement-breakpoint
CREATE TABLE "task_dependencies" (
	"task_id" text NOT NULL,
	"depends_on" text NOT NULL,
	"after" text DEFAULT 'success' NOT NULL,
	"on_failure" text DEFAULT 'block' NOT NULL,
	"met" boolean DEFAULT false NOT NULL,
	CONSTRAINT "task_dependencies_task_id_depends_on_pk" PRIMARY KEY("task_id","depends_on"),
	CONSTRAINT "task_dependencies_after" CHECK ("after" in ('success', 'end')),
	CONSTRAINT "task_dependencies_on_failure" CHECK (on_failure in ('block', 'skip', 'cancel')),
	CONSTRAINT "task_dependencies_other" CHECK (depends_on <> task_id)
);
--> statement-breakpoint
CREATE TABLE "task_leases" (
	"task_id" text PRIMARY KEY NOT NULL,
	"attempt_id" uuid NOT NULL,
	"worker_id" text NOT NULL,
	"session_id" text,
	"concurrency_key" text,
	"lease_until" timestamp with time zone NOT NULL,
	"run_until" timestamp with time zone NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
--> statement-breakpoint
CREATE TABLE "workers" (
	"worker_id" text PRIMARY KEY NOT NULL,
	"node_name" text,
	"pid" integer,
	"version" text,
	"platforms" text[] DEFAULT '{}' NOT NULL,
	"roles" text[],
	"capabilities" text[] DEFAULT '{}' NOT NULL,
	"concurrency" integer DEFAULT 1 NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_seen" timestamp with time zone DEFAULT now() NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "workers_status" CHECK (status in ('active', 'draining', 'stopped')),
	CONSTRAINT "workers_concurrency" CHECK (concurrency between 1 and 64)
);
--> statement-breakpoint
-- A table cannot become a partitioned one: 0003 brings over the rows, giving each its place in a chain.
ALTER TABLE "agent_actions" RENAME TO "agent_actions_unchained";--> statement-breakpoint
DROP INDEX "agent_actions_session";--> statement-breakpoint
DROP INDEX "agent_actions_executed";--> statement-breakpoint
CREATE TABLE "agent_actions" (
	"action_id" text DEFAULT 'action_' || replace(gen_random_uuid()::text, '-', '') NOT NULL,
	"chain_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"session_id" text,
	"task_id" text,
	"action_type" text NOT NULL,
	"action_description" text,
	"input_data" jsonb,
	"output_data" jsonb,
	"success" boolean DEFAULT true NOT NULL,
	"error_message" text,
	"execution_time_ms" numeric(14, 3),
	"changed_files" text[],
	"commands_executed" text[],
	"api_endpoints_called" text[],
	"executed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"previous_hash" text NOT NULL,
	"hash" text NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "agent_actions_identity" PRIMARY KEY("action_id","executed_at")
) PARTITION BY RANGE ("executed_at");--> statement-breakpoint
CREATE INDEX "agent_actions_executed" ON "agent_actions" USING btree ("executed_at");--> statement-breakpoint
DROP INDEX "agent_sessions_created";--> statement-breakpoint
DROP INDEX "agent_tasks_session";--> statement-breakpoint
ALTER TABLE "agent_sessions" ADD COLUMN "goal" text;--> statement-breakpoint
ALTER TABLE "agent_sessions" ADD COLUMN "landing_context_version" text;--> statement-breakpoint
ALTER TABLE "agent_sessions" ADD COLUMN "ended_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "task_seq" bigint NOT NULL GENERATED ALWAYS AS IDENTITY (sequence name "agent_tasks_task_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1);--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "project" text;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "required_capabilities" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "verify" jsonb;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "dependency_policies" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "dependencies_left" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "queue_timeout_seconds" integer;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "stall_timeout_seconds" integer;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "total_timeout_seconds" integer;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "max_infra_retries" integer DEFAULT 10 NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "infra_retry_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "attempt_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "dedupe_key" text;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "concurrency_key" text;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "concurrency_limit" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "lane" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "ready_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "queue_start" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "queue_rank" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "deadline_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "requeued_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "cancel_requested_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "services" ADD CONSTRAINT "services_node_name_system_nodes_node_name_fk" FOREIGN KEY ("node_name") REFERENCES "public"."system_nodes"("node_name") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_session_id_agent_sessions_session_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."agent_sessions"("session_id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversation_chunks" ADD CONSTRAINT "conversation_chunks_session_id_agent_sessions_session_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."agent_sessions"("session_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_attempts" ADD CONSTRAINT "task_attempts_task_id_agent_tasks_task_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."agent_tasks"("task_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_task_id_agent_tasks_task_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."agent_tasks"("task_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "services_node" ON "services" USING btree ("node_name") WHERE node_name is not null;--> statement-breakpoint
CREATE INDEX "artifacts_session" ON "artifacts" USING btree ("session_id","created_at") WHERE session_id is not null;--> statement-breakpoint
CREATE INDEX "artifacts_task" ON "artifacts" USING btree ("task_id","created_at") WHERE task_id is not null;--> statement-breakpoint
CREATE INDEX "artifacts_created" ON "artifacts" USING btree ("created_at","artifact_id");--> statement-breakpoint
CREATE UNIQUE INDEX "conversation_chunks_identity" ON "conversation_chunks" USING btree ("session_id","chunk_id");--> statement-breakpoint
CREATE INDEX "conversation_chunks_session" ON "conversation_chunks" USING btree ("session_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "task_attempts_number" ON "task_attempts" USING btree ("task_id","attempt_number");--> statement-breakpoint
CREATE INDEX "task_dependencies_parent" ON "task_dependencies" USING btree ("depends_on");--> statement-breakpoint
CREATE INDEX "task_leases_worker" ON "task_leases" USING btree ("worker_id");--> statement-breakpoint
CREATE INDEX "task_leases_concurrency" ON "task_leases" USING btree ("concurrency_key") WHERE concurrency_key is not null;--> statement-breakpoint
CREATE INDEX "workers_seen" ON "workers" USING btree ("last_seen");--> statement-breakpoint
ALTER TABLE "agent_sessions" ADD CONSTRAINT "agent_sessions_parent_session_id_agent_sessions_session_id_fk" FOREIGN KEY ("parent_session_id") REFERENCES "public"."agent_sessions"("session_id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "agent_actions_chain" ON "agent_actions" USING btree ("chain_id","seq");--> statement-breakpoint
CREATE INDEX "agent_actions_task" ON "agent_actions" USING btree ("task_id","executed_at") WHERE task_id is not null;--> statement-breakpoint
CREATE INDEX "agent_context_cache_generated" ON "agent_context_cache" USING btree ("generated_at");--> statement-breakpoint
CREATE INDEX "agent_sessions_live" ON "agent_sessions" USING btree ("status","last_active") WHERE status in ('active', 'idle', 'paused');--> statement-breakpoint
CREATE INDEX "agent_sessions_parent" ON "agent_sessions" USING btree ("parent_session_id") WHERE parent_session_id is not null;--> statement-breakpoint
CREATE INDEX "agent_sessions_project" ON "agent_sessions" USING btree ("project","created_at") WHERE project is not null;--> statement-breakpoint
CREATE INDEX "agent_tasks_queue" ON "agent_tasks" USING btree ("lane","queue_rank","task_seq") WHERE queue_rank is not null;--> statement-breakpoint
CREATE INDEX "agent_tasks_scheduled" ON "agent_tasks" USING btree ("run_after") WHERE status = 'pending' and queue_rank is null;--> statement-breakpoint
CREATE INDEX "agent_tasks_session_queue" ON "agent_tasks" USING btree ("session_id","queue_start") WHERE queue_start is not null;--> statement-breakpoint
CREATE INDEX "agent_tasks_deadline" ON "agent_tasks" USING btree ("deadline_at") WHERE deadline_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "agent_tasks_seq" ON "agent_tasks" USING btree ("task_seq");--> statement-breakpoint
CREATE INDEX "agent_tasks_live" ON "agent_tasks" USING btree ("status","task_seq") WHERE status in ('pending', 'blocked', 'running');--> statement-breakpoint
CREATE INDEX "agent_tasks_plan" ON "agent_tasks" USING btree ("plan_id") WHERE plan_id is not null;--> statement-breakpoint
CREATE INDEX "agent_tasks_ended" ON "agent_tasks" USING btree ("completed_at") WHERE completed_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "agent_tasks_dedupe" ON "agent_tasks" USING btree ("dedupe_key") WHERE dedupe_key is not null and status in ('pending', 'blocked', 'running');--> statement-breakpoint
CREATE INDEX "agent_actions_session" ON "agent_actions" USING btree ("session_id","seq") WHERE session_id is not null;--> statement-breakpoint
CREATE INDEX "agent_sessions_created" ON "agent_sessions" USING btree ("created_at","session_id");--> statement-breakpoint
CREATE INDEX "agent_tasks_session" ON "agent_tasks" USING btree ("session_id","task_seq");--> statement-breakpoint
ALTER TABLE "agent_sessions" ADD CONSTRAINT "agent_sessions_parent_other" CHECK (parent_session_id <> session_id);--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD CONSTRAINT "agent_tasks_concurrency_limit" CHECK (concurrency_limit > 0);--> statement-breakpoint
ALTER TABLE "system_nodes" ADD CONSTRAINT "system_nodes_status" CHECK (status in ('active', 'inactive', 'maintenance'));