CREATE TABLE "api_keys" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "api_keys_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"key_hash" text NOT NULL,
	"scopes" text[] NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	CONSTRAINT "api_keys_keyHash_unique" UNIQUE("key_hash"),
	CONSTRAINT "api_keys_scopes" CHECK (cardinality(scopes) > 0 and scopes <@ array['read', 'write', 'worker', 'admin'])
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"principal" text NOT NULL,
	"operation" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"owner" uuid NOT NULL,
	"locked_until" timestamp with time zone NOT NULL,
	"status" smallint,
	"body" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_principal_operation_key_pk" PRIMARY KEY("principal","operation","key")
);
--> statement-breakpoint
CREATE TABLE "agent_knowledge" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "agent_knowledge_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"content" text NOT NULL,
	"content_hash" text NOT NULL,
	"title" text,
	"knowledge_type" text DEFAULT 'note' NOT NULL,
	"category" text,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"project" text,
	"scope" text DEFAULT 'global' NOT NULL,
	"source_session" text,
	"source_task" text,
	"source_agent" text,
	"source_url" text,
	"source_commit" text,
	"document_id" bigint,
	"importance" real DEFAULT 0.5 NOT NULL,
	"valid_from" timestamp with time zone DEFAULT now() NOT NULL,
	"valid_to" timestamp with time zone,
	"superseded_by" bigint,
	"expires_at" timestamp with time zone,
	"access_count" integer DEFAULT 0 NOT NULL,
	"last_accessed" timestamp with time zone,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"embedding_state" text DEFAULT 'pending' NOT NULL,
	"lexemes" "tsvector" DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "agent_knowledge_content_hash" CHECK (content_hash ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "agent_knowledge_importance" CHECK (importance between 0 and 1),
	CONSTRAINT "agent_knowledge_embedding_state" CHECK (embedding_state in ('pending', 'ready'))
);
--> statement-breakpoint
CREATE TABLE "documents" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "documents_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project" text,
	"source" text NOT NULL,
	"path" text NOT NULL,
	"title" text,
	"media_type" text NOT NULL,
	"content_hash" text NOT NULL,
	"chunks" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expired_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "embedding_spaces" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "embedding_spaces_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"model" text NOT NULL,
	"dimensions" integer NOT NULL,
	"prefix_scheme" text DEFAULT 'none' NOT NULL,
	"status" text DEFAULT 'building' NOT NULL,
	"embedder" jsonb,
	"chunk_tokens" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"activated_at" timestamp with time zone,
	CONSTRAINT "embedding_spaces_status" CHECK (status in ('building', 'active', 'retired')),
	CONSTRAINT "embedding_spaces_dimensions" CHECK (dimensions between 1 and 4000)
);
--> statement-breakpoint
CREATE TABLE "knowledge_chunks" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "knowledge_chunks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"item_id" bigint NOT NULL,
	"ordinal" integer NOT NULL,
	"start_offset" integer NOT NULL,
	"end_offset" integer NOT NULL,
	"heading" text
);
--> statement-breakpoint
CREATE TABLE "knowledge_corpus" (
	"id" integer PRIMARY KEY DEFAULT 1 NOT NULL,
	"items" bigint DEFAULT 0 NOT NULL,
	"lexemes" bigint DEFAULT 0 NOT NULL,
	"through_id" bigint DEFAULT 0 NOT NULL,
	"refreshed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "knowledge_corpus_one_row" CHECK (id = 1)
);
--> statement-breakpoint
CREATE TABLE "knowledge_lexicon" (
	"lexeme" text PRIMARY KEY NOT NULL,
	"documents" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knowledge_revisions" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "knowledge_revisions_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"item_id" bigint NOT NULL,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"before" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knowledge_vectors" (
	"chunk_id" bigint NOT NULL,
	"space_id" integer NOT NULL,
	"item_id" bigint NOT NULL,
	"indexed" boolean DEFAULT false NOT NULL,
	"embedding" halfvec NOT NULL,
	CONSTRAINT "knowledge_vectors_chunk_id_space_id_pk" PRIMARY KEY("chunk_id","space_id")
);
--> statement-breakpoint
CREATE TABLE "agent_actions" (
	"action_id" text PRIMARY KEY NOT NULL,
	"session_id" text,
	"task_id" text,
	"seq" bigint,
	"action_type" text NOT NULL,
	"action_description" text,
	"input_data" jsonb,
	"output_data" jsonb,
	"success" boolean DEFAULT true NOT NULL,
	"error_message" text,
	"execution_time_ms" real,
	"changed_files" text[],
	"commands_executed" text[],
	"executed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"previous_hash" text,
	"hash" text,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "agent_context_cache" (
	"context_key" text PRIMARY KEY NOT NULL,
	"context_version" bigint DEFAULT 1 NOT NULL,
	"payload" jsonb NOT NULL,
	"tokens" integer DEFAULT 0 NOT NULL,
	"generated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "agent_sessions" (
	"session_id" text PRIMARY KEY NOT NULL,
	"agent_platform" text NOT NULL,
	"agent_role" text NOT NULL,
	"parent_session_id" text,
	"project" text,
	"title" text,
	"landing_context" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_active" timestamp with time zone DEFAULT now() NOT NULL,
	"tokens_used" bigint DEFAULT 0 NOT NULL,
	"cost_usd" numeric(14, 6) DEFAULT '0' NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "agent_sessions_status" CHECK (status in ('active', 'idle', 'paused', 'completed', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "agent_tasks" (
	"task_id" text PRIMARY KEY NOT NULL,
	"session_id" text,
	"plan_id" text,
	"task_type" text NOT NULL,
	"task_description" text NOT NULL,
	"task_priority" integer DEFAULT 5 NOT NULL,
	"assigned_to_role" text,
	"assigned_to_platform" text,
	"required_context" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"input_data" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"output_data" jsonb,
	"status" text DEFAULT 'pending' NOT NULL,
	"depends_on_tasks" text[] DEFAULT '{}' NOT NULL,
	"progress_percentage" integer DEFAULT 0 NOT NULL,
	"current_step" text,
	"error_message" text,
	"timeout_seconds" integer DEFAULT 300 NOT NULL,
	"max_retries" integer DEFAULT 3 NOT NULL,
	"retry_count" integer DEFAULT 0 NOT NULL,
	"assigned_worker_id" text,
	"run_after" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	"review_status" text DEFAULT 'none' NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "agent_tasks_priority" CHECK (task_priority between 1 and 10),
	CONSTRAINT "agent_tasks_progress" CHECK (progress_percentage between 0 and 100),
	CONSTRAINT "agent_tasks_status" CHECK (status in ('pending', 'blocked', 'running', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "agent_tasks_review" CHECK (review_status in ('none', 'approved', 'rejected', 'needs_revision'))
);
--> statement-breakpoint
CREATE TABLE "system_nodes" (
	"node_name" text PRIMARY KEY NOT NULL,
	"node_role" text,
	"status" text DEFAULT 'active' NOT NULL,
	"facts" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_seen" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "agent_knowledge" ADD CONSTRAINT "agent_knowledge_document_id_documents_id_fk" FOREIGN KEY ("document_id") REFERENCES "public"."documents"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_knowledge" ADD CONSTRAINT "agent_knowledge_superseded_by_agent_knowledge_id_fk" FOREIGN KEY ("superseded_by") REFERENCES "public"."agent_knowledge"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knowledge_chunks" ADD CONSTRAINT "knowledge_chunks_item_id_agent_knowledge_id_fk" FOREIGN KEY ("item_id") REFERENCES "public"."agent_knowledge"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knowledge_revisions" ADD CONSTRAINT "knowledge_revisions_item_id_agent_knowledge_id_fk" FOREIGN KEY ("item_id") REFERENCES "public"."agent_knowledge"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knowledge_vectors" ADD CONSTRAINT "knowledge_vectors_chunk_id_knowledge_chunks_id_fk" FOREIGN KEY ("chunk_id") REFERENCES "public"."knowledge_chunks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knowledge_vectors" ADD CONSTRAINT "knowledge_vectors_space_id_embedding_spaces_id_fk" FOREIGN KEY ("space_id") REFERENCES "public"."embedding_spaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_tasks" ADD CONSTRAINT "agent_tasks_session_id_agent_sessions_session_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."agent_sessions"("session_id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "idempotency_keys_expires_at" ON "idempotency_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "agent_knowledge_current_content" ON "agent_knowledge" USING btree ("content_hash",coalesce(project, ''),"scope",coalesce(document_id, 0)) WHERE valid_to is null;--> statement-breakpoint
CREATE INDEX "agent_knowledge_lexemes" ON "agent_knowledge" USING gin ("lexemes");--> statement-breakpoint
CREATE INDEX "agent_knowledge_project" ON "agent_knowledge" USING btree ("project","id");--> statement-breakpoint
CREATE INDEX "agent_knowledge_scope" ON "agent_knowledge" USING btree ("scope","id") WHERE scope <> 'global';--> statement-breakpoint
CREATE INDEX "agent_knowledge_type" ON "agent_knowledge" USING btree ("knowledge_type","id");--> statement-breakpoint
CREATE INDEX "agent_knowledge_tags" ON "agent_knowledge" USING gin ("tags");--> statement-breakpoint
CREATE INDEX "agent_knowledge_session" ON "agent_knowledge" USING btree ("source_session") WHERE source_session is not null;--> statement-breakpoint
CREATE INDEX "agent_knowledge_document" ON "agent_knowledge" USING btree ("document_id") WHERE document_id is not null;--> statement-breakpoint
CREATE INDEX "agent_knowledge_superseded_by" ON "agent_knowledge" USING btree ("superseded_by") WHERE superseded_by is not null;--> statement-breakpoint
CREATE INDEX "agent_knowledge_expires_at" ON "agent_knowledge" USING btree ("expires_at") WHERE expires_at is not null and valid_to is null;--> statement-breakpoint
CREATE INDEX "agent_knowledge_pending" ON "agent_knowledge" USING btree ("id") WHERE embedding_state = 'pending';--> statement-breakpoint
CREATE UNIQUE INDEX "documents_identity" ON "documents" USING btree (coalesce(project, ''),"source","path");--> statement-breakpoint
CREATE UNIQUE INDEX "embedding_spaces_identity" ON "embedding_spaces" USING btree ("model","dimensions","prefix_scheme");--> statement-breakpoint
CREATE UNIQUE INDEX "embedding_spaces_one_active" ON "embedding_spaces" USING btree ("status") WHERE status = 'active';--> statement-breakpoint
CREATE UNIQUE INDEX "knowledge_chunks_item" ON "knowledge_chunks" USING btree ("item_id","ordinal");--> statement-breakpoint
CREATE INDEX "knowledge_revisions_item" ON "knowledge_revisions" USING btree ("item_id","id");--> statement-breakpoint
CREATE INDEX "knowledge_vectors_item" ON "knowledge_vectors" USING btree ("item_id","space_id");--> statement-breakpoint
CREATE INDEX "knowledge_vectors_fresh" ON "knowledge_vectors" USING btree ("space_id","chunk_id") WHERE not indexed;--> statement-breakpoint
CREATE INDEX "agent_actions_session" ON "agent_actions" USING btree ("session_id","seq");--> statement-breakpoint
CREATE INDEX "agent_actions_executed" ON "agent_actions" USING btree ("executed_at");--> statement-breakpoint
CREATE INDEX "agent_sessions_created" ON "agent_sessions" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "agent_tasks_session" ON "agent_tasks" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "agent_tasks_created" ON "agent_tasks" USING btree ("created_at");