-- What the migrations in this folder add up to. Written by `tsx scripts/schema-dump.ts`; do not edit.

-- extensions

create extension vector;

-- tables

create table agent_accounts (
  account_key text not null,
  platform text not null,
  paused_until timestamp with time zone,
  reason text,
  updated_at timestamp with time zone default now() not null
);
create table agent_actions (
  action_id text default ('action_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)) not null,
  chain_id text not null,
  seq bigint not null,
  session_id text,
  task_id text,
  action_type text not null,
  action_description text,
  input_data jsonb,
  output_data jsonb,
  success boolean default true not null,
  error_message text,
  execution_time_ms numeric(14,3),
  changed_files text[],
  commands_executed text[],
  api_endpoints_called text[],
  executed_at timestamp with time zone default now() not null,
  previous_hash text not null,
  hash text not null,
  metadata jsonb default '{}'::jsonb not null
) partition by RANGE (executed_at);
create table agent_context_cache (
  context_key text not null,
  context_version bigint default 1 not null,
  payload jsonb not null,
  tokens integer default 0 not null,
  generated_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone
);
create table agent_knowledge (
  id bigint generated always as identity not null,
  content text not null,
  content_hash text not null,
  title text,
  knowledge_type text default 'note'::text not null,
  category text,
  tags text[] default '{}'::text[] not null,
  project text,
  scope text default 'global'::text not null,
  source_session text,
  source_task text,
  source_agent text,
  source_url text,
  source_commit text,
  document_id bigint,
  importance real default 0.5 not null,
  valid_from timestamp with time zone default now() not null,
  valid_to timestamp with time zone,
  superseded_by bigint,
  expires_at timestamp with time zone,
  access_count integer default 0 not null,
  last_accessed timestamp with time zone,
  metadata jsonb default '{}'::jsonb not null,
  embedding_state text default 'pending'::text not null,
  lexemes tsvector default ''::tsvector not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null
);
alter table agent_knowledge set (fillfactor=85);
create table agent_sessions (
  session_id text not null,
  agent_platform text not null,
  agent_role text not null,
  parent_session_id text,
  project text,
  title text,
  landing_context jsonb default '{}'::jsonb not null,
  status text default 'active'::text not null,
  created_at timestamp with time zone default now() not null,
  last_active timestamp with time zone default now() not null,
  tokens_used bigint default 0 not null,
  cost_usd numeric(14,6) default '0'::numeric not null,
  metadata jsonb default '{}'::jsonb not null,
  goal text,
  landing_context_version text,
  ended_at timestamp with time zone
);
create table agent_tasks (
  task_id text not null,
  session_id text,
  plan_id text,
  task_type text not null,
  task_description text not null,
  task_priority integer default 5 not null,
  assigned_to_role text,
  assigned_to_platform text,
  required_context jsonb default '{}'::jsonb not null,
  input_data jsonb default '{}'::jsonb not null,
  output_data jsonb,
  status text default 'pending'::text not null,
  depends_on_tasks text[] default '{}'::text[] not null,
  progress_percentage integer default 0 not null,
  current_step text,
  error_message text,
  timeout_seconds integer default 300 not null,
  max_retries integer default 3 not null,
  retry_count integer default 0 not null,
  assigned_worker_id text,
  run_after timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  started_at timestamp with time zone,
  completed_at timestamp with time zone,
  review_status text default 'none'::text not null,
  metadata jsonb default '{}'::jsonb not null,
  task_seq bigint generated always as identity not null,
  project text,
  required_capabilities text[] default '{}'::text[] not null,
  verify jsonb,
  dependency_policies jsonb default '{}'::jsonb not null,
  dependencies_left integer default 0 not null,
  queue_timeout_seconds integer,
  stall_timeout_seconds integer,
  total_timeout_seconds integer,
  max_infra_retries integer default 10 not null,
  infra_retry_count integer default 0 not null,
  attempt_count integer default 0 not null,
  dedupe_key text,
  concurrency_key text,
  concurrency_limit integer default 1 not null,
  lane text default ''::text not null,
  ready_at timestamp with time zone,
  queue_start timestamp with time zone,
  queue_rank timestamp with time zone,
  deadline_at timestamp with time zone,
  requeued_at timestamp with time zone,
  cancel_requested_at timestamp with time zone,
  updated_at timestamp with time zone default now() not null
);
create table api_keys (
  id bigint generated always as identity not null,
  name text not null,
  prefix text not null,
  key_hash text not null,
  scopes text[] not null,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone
);
create table artifacts (
  artifact_id text not null,
  session_id text,
  task_id text,
  artifact_type text not null,
  name text not null,
  format text default 'text'::text not null,
  content text not null,
  content_hash text not null,
  content_bytes integer not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null
);
create table audit_anchors (
  chain_id text not null,
  first_seq bigint not null,
  previous_hash text not null,
  seq bigint not null,
  hash text not null,
  detached_table text not null,
  detached_at timestamp with time zone default now() not null
);
create table audit_chains (
  chain_id text not null,
  seq bigint default 0 not null,
  hash text not null,
  last_at timestamp with time zone
);
alter table audit_chains set (fillfactor=50);
create table conversation_chunks (
  id bigint generated always as identity not null,
  session_id text not null,
  chunk_id text not null,
  content text not null,
  format text default 'dialogue'::text not null,
  start_time timestamp with time zone,
  end_time timestamp with time zone,
  participants text[] default '{}'::text[] not null,
  extracted_items jsonb default '{}'::jsonb not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null
);
create table documents (
  id bigint generated always as identity not null,
  project text,
  source text not null,
  path text not null,
  title text,
  media_type text not null,
  content_hash text not null,
  chunks integer default 0 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  expired_at timestamp with time zone
);
create table embedding_spaces (
  id integer generated always as identity not null,
  model text not null,
  dimensions integer not null,
  prefix_scheme text default 'none'::text not null,
  status text default 'building'::text not null,
  embedder jsonb,
  chunk_tokens integer not null,
  created_at timestamp with time zone default now() not null,
  activated_at timestamp with time zone
);
create table idempotency_keys (
  principal text not null,
  operation text not null,
  key text not null,
  fingerprint text not null,
  owner uuid not null,
  locked_until timestamp with time zone not null,
  status smallint,
  body text,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone not null
);
create table knowledge_chunks (
  id bigint generated always as identity not null,
  item_id bigint not null,
  ordinal integer not null,
  start_offset integer not null,
  end_offset integer not null,
  heading text,
  lexemes tsvector
);
create table knowledge_corpus (
  id integer default 1 not null,
  items bigint default 0 not null,
  lexemes bigint default 0 not null,
  through_id bigint default 0 not null,
  refreshed_at timestamp with time zone default now() not null
);
create table knowledge_lexicon (
  lexeme text not null,
  documents integer not null
);
create table knowledge_revisions (
  id bigint generated always as identity not null,
  item_id bigint not null,
  changed_at timestamp with time zone default now() not null,
  before jsonb not null
);
create table knowledge_vectors (
  chunk_id bigint not null,
  space_id integer not null,
  item_id bigint not null,
  indexed boolean default false not null,
  embedding halfvec not null
);
create table services (
  service_name text not null,
  node_name text,
  service_type text,
  url text,
  port integer,
  version text,
  status text default 'running'::text not null,
  detail text,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  last_seen timestamp with time zone default now() not null
);
create table system_nodes (
  node_name text not null,
  node_role text,
  status text default 'active'::text not null,
  facts jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  last_seen timestamp with time zone default now() not null
);
create table task_attempts (
  attempt_id uuid default gen_random_uuid() not null,
  task_id text not null,
  attempt_number integer not null,
  worker_id text not null,
  host text,
  pid integer,
  started_at timestamp with time zone default now() not null,
  ended_at timestamp with time zone,
  outcome text,
  failure_class text,
  exit_code integer,
  cli_session_id text,
  error_message text,
  usage jsonb,
  cost_usd numeric(14,6),
  reserved_usd numeric(14,6)
);
create table task_dependencies (
  task_id text not null,
  depends_on text not null,
  after text default 'success'::text not null,
  on_failure text default 'block'::text not null,
  met boolean default false not null
);
create table task_leases (
  task_id text not null,
  attempt_id uuid not null,
  worker_id text not null,
  session_id text,
  concurrency_key text,
  lease_until timestamp with time zone not null,
  run_until timestamp with time zone not null
);
alter table task_leases set (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=200);
create table task_log (
  task_id text not null,
  attempt_number integer not null,
  seq integer not null,
  attempt_id uuid not null,
  kind text not null,
  body text not null,
  logged_at timestamp with time zone default now() not null
);
create table workers (
  worker_id text not null,
  node_name text,
  pid integer,
  version text,
  platforms text[] default '{}'::text[] not null,
  roles text[],
  capabilities text[] default '{}'::text[] not null,
  concurrency integer default 1 not null,
  status text default 'active'::text not null,
  started_at timestamp with time zone default now() not null,
  last_seen timestamp with time zone default now() not null,
  metadata jsonb default '{}'::jsonb not null
);

-- constraints

alter table agent_accounts add constraint agent_accounts_pkey PRIMARY KEY (account_key);
alter table agent_actions add constraint agent_actions_identity PRIMARY KEY (action_id, executed_at);
alter table agent_context_cache add constraint agent_context_cache_pkey PRIMARY KEY (context_key);
alter table agent_knowledge add constraint agent_knowledge_content_hash CHECK ((content_hash ~ '^[0-9a-f]{64}$'::text));
alter table agent_knowledge add constraint agent_knowledge_embedding_state CHECK ((embedding_state = ANY (ARRAY['pending'::text, 'ready'::text])));
alter table agent_knowledge add constraint agent_knowledge_importance CHECK (((importance >= (0)::double precision) AND (importance <= (1)::double precision)));
alter table agent_knowledge add constraint agent_knowledge_pkey PRIMARY KEY (id);
alter table agent_knowledge add constraint agent_knowledge_document_id_documents_id_fk FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE SET NULL;
alter table agent_knowledge add constraint agent_knowledge_superseded_by_agent_knowledge_id_fk FOREIGN KEY (superseded_by) REFERENCES agent_knowledge(id) ON DELETE SET NULL;
alter table agent_sessions add constraint agent_sessions_parent_other CHECK ((parent_session_id <> session_id));
alter table agent_sessions add constraint agent_sessions_pkey PRIMARY KEY (session_id);
alter table agent_sessions add constraint agent_sessions_status CHECK ((status = ANY (ARRAY['active'::text, 'idle'::text, 'paused'::text, 'completed'::text, 'failed'::text])));
alter table agent_sessions add constraint agent_sessions_parent_session_id_agent_sessions_session_id_fk FOREIGN KEY (parent_session_id) REFERENCES agent_sessions(session_id) ON DELETE SET NULL;
alter table agent_tasks add constraint agent_tasks_concurrency_limit CHECK ((concurrency_limit > 0));
alter table agent_tasks add constraint agent_tasks_pkey PRIMARY KEY (task_id);
alter table agent_tasks add constraint agent_tasks_priority CHECK (((task_priority >= 1) AND (task_priority <= 10)));
alter table agent_tasks add constraint agent_tasks_progress CHECK (((progress_percentage >= 0) AND (progress_percentage <= 100)));
alter table agent_tasks add constraint agent_tasks_review CHECK ((review_status = ANY (ARRAY['none'::text, 'approved'::text, 'rejected'::text, 'needs_revision'::text])));
alter table agent_tasks add constraint agent_tasks_status CHECK ((status = ANY (ARRAY['pending'::text, 'blocked'::text, 'running'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])));
alter table agent_tasks add constraint agent_tasks_session_id_agent_sessions_session_id_fk FOREIGN KEY (session_id) REFERENCES agent_sessions(session_id) ON DELETE SET NULL;
alter table api_keys add constraint "api_keys_keyHash_unique" UNIQUE (key_hash);
alter table api_keys add constraint api_keys_pkey PRIMARY KEY (id);
alter table api_keys add constraint api_keys_scopes CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['read'::text, 'write'::text, 'worker'::text, 'admin'::text])));
alter table artifacts add constraint artifacts_content_hash CHECK ((content_hash ~ '^[0-9a-f]{64}$'::text));
alter table artifacts add constraint artifacts_pkey PRIMARY KEY (artifact_id);
alter table artifacts add constraint artifacts_session_id_agent_sessions_session_id_fk FOREIGN KEY (session_id) REFERENCES agent_sessions(session_id) ON DELETE SET NULL;
alter table audit_anchors add constraint audit_anchors_chain_id_seq_pk PRIMARY KEY (chain_id, seq);
alter table audit_anchors add constraint audit_anchors_seq CHECK (((first_seq >= 1) AND (first_seq <= seq)));
alter table audit_chains add constraint audit_chains_pkey PRIMARY KEY (chain_id);
alter table conversation_chunks add constraint conversation_chunks_format CHECK ((format = ANY (ARRAY['dialogue'::text, 'summary'::text, 'transcript'::text])));
alter table conversation_chunks add constraint conversation_chunks_pkey PRIMARY KEY (id);
alter table conversation_chunks add constraint conversation_chunks_session_id_agent_sessions_session_id_fk FOREIGN KEY (session_id) REFERENCES agent_sessions(session_id) ON DELETE CASCADE;
alter table documents add constraint documents_pkey PRIMARY KEY (id);
alter table embedding_spaces add constraint embedding_spaces_dimensions CHECK (((dimensions >= 1) AND (dimensions <= 4000)));
alter table embedding_spaces add constraint embedding_spaces_pkey PRIMARY KEY (id);
alter table embedding_spaces add constraint embedding_spaces_status CHECK ((status = ANY (ARRAY['building'::text, 'active'::text, 'retired'::text])));
alter table idempotency_keys add constraint idempotency_keys_principal_operation_key_pk PRIMARY KEY (principal, operation, key);
alter table knowledge_chunks add constraint knowledge_chunks_pkey PRIMARY KEY (id);
alter table knowledge_chunks add constraint knowledge_chunks_item_id_agent_knowledge_id_fk FOREIGN KEY (item_id) REFERENCES agent_knowledge(id) ON DELETE CASCADE;
alter table knowledge_corpus add constraint knowledge_corpus_one_row CHECK ((id = 1));
alter table knowledge_corpus add constraint knowledge_corpus_pkey PRIMARY KEY (id);
alter table knowledge_lexicon add constraint knowledge_lexicon_pkey PRIMARY KEY (lexeme);
alter table knowledge_revisions add constraint knowledge_revisions_pkey PRIMARY KEY (id);
alter table knowledge_revisions add constraint knowledge_revisions_item_id_agent_knowledge_id_fk FOREIGN KEY (item_id) REFERENCES agent_knowledge(id) ON DELETE CASCADE;
alter table knowledge_vectors add constraint knowledge_vectors_chunk_id_space_id_pk PRIMARY KEY (chunk_id, space_id);
alter table knowledge_vectors add constraint knowledge_vectors_chunk_id_knowledge_chunks_id_fk FOREIGN KEY (chunk_id) REFERENCES knowledge_chunks(id) ON DELETE CASCADE;
alter table knowledge_vectors add constraint knowledge_vectors_space_id_embedding_spaces_id_fk FOREIGN KEY (space_id) REFERENCES embedding_spaces(id) ON DELETE CASCADE;
alter table services add constraint services_pkey PRIMARY KEY (service_name);
alter table services add constraint services_port CHECK (((port >= 1) AND (port <= 65535)));
alter table services add constraint services_status CHECK ((status = ANY (ARRAY['running'::text, 'degraded'::text, 'stopped'::text, 'unknown'::text])));
alter table services add constraint services_node_name_system_nodes_node_name_fk FOREIGN KEY (node_name) REFERENCES system_nodes(node_name) ON DELETE SET NULL;
alter table system_nodes add constraint system_nodes_pkey PRIMARY KEY (node_name);
alter table system_nodes add constraint system_nodes_status CHECK ((status = ANY (ARRAY['active'::text, 'inactive'::text, 'maintenance'::text])));
alter table task_attempts add constraint task_attempts_outcome CHECK ((outcome = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text, 'released'::text, 'lease_expired'::text, 'timed_out'::text, 'fenced'::text])));
alter table task_attempts add constraint task_attempts_pkey PRIMARY KEY (attempt_id);
alter table task_attempts add constraint task_attempts_task_id_agent_tasks_task_id_fk FOREIGN KEY (task_id) REFERENCES agent_tasks(task_id) ON DELETE CASCADE;
alter table task_dependencies add constraint task_dependencies_after CHECK ((after = ANY (ARRAY['success'::text, 'end'::text])));
alter table task_dependencies add constraint task_dependencies_on_failure CHECK ((on_failure = ANY (ARRAY['block'::text, 'skip'::text, 'cancel'::text])));
alter table task_dependencies add constraint task_dependencies_other CHECK ((depends_on <> task_id));
alter table task_dependencies add constraint task_dependencies_task_id_depends_on_pk PRIMARY KEY (task_id, depends_on);
alter table task_dependencies add constraint task_dependencies_task_id_agent_tasks_task_id_fk FOREIGN KEY (task_id) REFERENCES agent_tasks(task_id) ON DELETE CASCADE;
alter table task_leases add constraint task_leases_pkey PRIMARY KEY (task_id);
alter table task_log add constraint task_log_kind CHECK ((kind = ANY (ARRAY['session'::text, 'text'::text, 'tool'::text, 'tool_end'::text, 'notice'::text, 'denied'::text, 'failure'::text, 'left_out'::text])));
alter table task_log add constraint task_log_task_id_attempt_number_seq_pk PRIMARY KEY (task_id, attempt_number, seq);
alter table task_log add constraint task_log_attempt_id_task_attempts_attempt_id_fk FOREIGN KEY (attempt_id) REFERENCES task_attempts(attempt_id) ON DELETE CASCADE;
alter table workers add constraint workers_concurrency CHECK (((concurrency >= 1) AND (concurrency <= 64)));
alter table workers add constraint workers_pkey PRIMARY KEY (worker_id);
alter table workers add constraint workers_status CHECK ((status = ANY (ARRAY['active'::text, 'draining'::text, 'stopped'::text])));

-- indexes

CREATE INDEX agent_actions_chain ON ONLY public.agent_actions USING btree (chain_id, seq);
CREATE INDEX agent_actions_executed ON ONLY public.agent_actions USING btree (executed_at);
CREATE INDEX agent_actions_session ON ONLY public.agent_actions USING btree (session_id, seq) WHERE (session_id IS NOT NULL);
CREATE INDEX agent_actions_task ON ONLY public.agent_actions USING btree (task_id, executed_at) WHERE (task_id IS NOT NULL);
CREATE UNIQUE INDEX agent_knowledge_current_content ON public.agent_knowledge USING btree (content_hash, COALESCE(project, ''::text), scope, COALESCE(document_id, (0)::bigint)) WHERE (valid_to IS NULL);
CREATE INDEX agent_knowledge_document ON public.agent_knowledge USING btree (document_id) WHERE (document_id IS NOT NULL);
CREATE INDEX agent_knowledge_expires_at ON public.agent_knowledge USING btree (expires_at) WHERE ((expires_at IS NOT NULL) AND (valid_to IS NULL));
CREATE INDEX agent_knowledge_lexemes ON public.agent_knowledge USING gin (lexemes);
CREATE INDEX agent_knowledge_notable ON public.agent_knowledge USING btree (COALESCE(project, ''::text), importance, id) WHERE ((valid_to IS NULL) AND (document_id IS NULL));
CREATE INDEX agent_knowledge_pending ON public.agent_knowledge USING btree (id) WHERE (embedding_state = 'pending'::text);
CREATE INDEX agent_knowledge_project ON public.agent_knowledge USING btree (project, id);
CREATE INDEX agent_knowledge_scope ON public.agent_knowledge USING btree (scope, id) WHERE (scope <> 'global'::text);
CREATE INDEX agent_knowledge_session ON public.agent_knowledge USING btree (source_session) WHERE (source_session IS NOT NULL);
CREATE INDEX agent_knowledge_superseded_by ON public.agent_knowledge USING btree (superseded_by) WHERE (superseded_by IS NOT NULL);
CREATE INDEX agent_knowledge_tags ON public.agent_knowledge USING gin (tags);
CREATE INDEX agent_knowledge_task ON public.agent_knowledge USING btree (source_task) WHERE (source_task IS NOT NULL);
CREATE INDEX agent_knowledge_type ON public.agent_knowledge USING btree (knowledge_type, id);
CREATE INDEX agent_sessions_created ON public.agent_sessions USING btree (created_at, session_id);
CREATE INDEX agent_sessions_live ON public.agent_sessions USING btree (status, last_active) WHERE (status = ANY (ARRAY['active'::text, 'idle'::text, 'paused'::text]));
CREATE INDEX agent_sessions_live_created ON public.agent_sessions USING btree (created_at, session_id) WHERE (status = ANY (ARRAY['active'::text, 'idle'::text, 'paused'::text]));
CREATE INDEX agent_sessions_live_project ON public.agent_sessions USING btree (project, created_at, session_id) WHERE ((status = ANY (ARRAY['active'::text, 'idle'::text, 'paused'::text])) AND (project IS NOT NULL));
CREATE INDEX agent_sessions_parent ON public.agent_sessions USING btree (parent_session_id) WHERE (parent_session_id IS NOT NULL);
CREATE INDEX agent_sessions_project ON public.agent_sessions USING btree (project, created_at) WHERE (project IS NOT NULL);
CREATE INDEX agent_tasks_created ON public.agent_tasks USING btree (created_at);
CREATE INDEX agent_tasks_deadline ON public.agent_tasks USING btree (deadline_at) WHERE (deadline_at IS NOT NULL);
CREATE UNIQUE INDEX agent_tasks_dedupe ON public.agent_tasks USING btree (dedupe_key) WHERE ((dedupe_key IS NOT NULL) AND (status = ANY (ARRAY['pending'::text, 'blocked'::text, 'running'::text])));
CREATE INDEX agent_tasks_ended ON public.agent_tasks USING btree (completed_at) WHERE (completed_at IS NOT NULL);
CREATE INDEX agent_tasks_failed ON public.agent_tasks USING btree (completed_at) WHERE (status = 'failed'::text);
CREATE INDEX agent_tasks_live ON public.agent_tasks USING btree (status, task_seq) WHERE (status = ANY (ARRAY['pending'::text, 'blocked'::text, 'running'::text]));
CREATE INDEX agent_tasks_next ON public.agent_tasks USING btree (queue_rank, task_seq) WHERE ((status = 'pending'::text) AND (queue_rank IS NOT NULL));
CREATE INDEX agent_tasks_plan ON public.agent_tasks USING btree (plan_id) WHERE (plan_id IS NOT NULL);
CREATE INDEX agent_tasks_project_created ON public.agent_tasks USING btree (project, created_at) WHERE (project IS NOT NULL);
CREATE INDEX agent_tasks_project_live ON public.agent_tasks USING btree (project, status, queue_rank, task_seq) WHERE ((status = ANY (ARRAY['pending'::text, 'blocked'::text, 'running'::text])) AND (project IS NOT NULL));
CREATE INDEX agent_tasks_queue ON public.agent_tasks USING btree (lane, queue_rank, task_seq) WHERE (queue_rank IS NOT NULL);
CREATE INDEX agent_tasks_scheduled ON public.agent_tasks USING btree (run_after) WHERE ((status = 'pending'::text) AND (queue_rank IS NULL));
CREATE UNIQUE INDEX agent_tasks_seq ON public.agent_tasks USING btree (task_seq);
CREATE INDEX agent_tasks_session ON public.agent_tasks USING btree (session_id, task_seq);
CREATE INDEX agent_tasks_session_queue ON public.agent_tasks USING btree (session_id, queue_start) WHERE (queue_start IS NOT NULL);
CREATE INDEX artifacts_created ON public.artifacts USING btree (created_at, artifact_id);
CREATE INDEX artifacts_session ON public.artifacts USING btree (session_id, created_at) WHERE (session_id IS NOT NULL);
CREATE INDEX artifacts_task ON public.artifacts USING btree (task_id, created_at) WHERE (task_id IS NOT NULL);
CREATE UNIQUE INDEX conversation_chunks_identity ON public.conversation_chunks USING btree (session_id, chunk_id);
CREATE INDEX conversation_chunks_session ON public.conversation_chunks USING btree (session_id, id);
CREATE UNIQUE INDEX documents_identity ON public.documents USING btree (COALESCE(project, ''::text), source, path);
CREATE UNIQUE INDEX embedding_spaces_identity ON public.embedding_spaces USING btree (model, dimensions, prefix_scheme);
CREATE UNIQUE INDEX embedding_spaces_one_active ON public.embedding_spaces USING btree (status) WHERE (status = 'active'::text);
CREATE INDEX idempotency_keys_expires_at ON public.idempotency_keys USING btree (expires_at);
CREATE UNIQUE INDEX knowledge_chunks_item ON public.knowledge_chunks USING btree (item_id, ordinal);
CREATE INDEX knowledge_chunks_passages ON public.knowledge_chunks USING btree (item_id) WHERE (lexemes IS NOT NULL);
CREATE INDEX knowledge_revisions_item ON public.knowledge_revisions USING btree (item_id, id);
CREATE INDEX knowledge_vectors_fresh ON public.knowledge_vectors USING btree (space_id, chunk_id) WHERE (NOT indexed);
CREATE INDEX knowledge_vectors_item ON public.knowledge_vectors USING btree (item_id, space_id);
CREATE INDEX services_node ON public.services USING btree (node_name) WHERE (node_name IS NOT NULL);
CREATE UNIQUE INDEX task_attempts_number ON public.task_attempts USING btree (task_id, attempt_number);
CREATE INDEX task_attempts_paid ON public.task_attempts USING btree (started_at) WHERE ((reserved_usd IS NOT NULL) OR (cost_usd IS NOT NULL));
CREATE INDEX task_dependencies_parent ON public.task_dependencies USING btree (depends_on);
CREATE INDEX task_leases_concurrency ON public.task_leases USING btree (concurrency_key) WHERE (concurrency_key IS NOT NULL);
CREATE INDEX task_leases_worker ON public.task_leases USING btree (worker_id);
CREATE INDEX task_log_attempt ON public.task_log USING btree (attempt_id);
CREATE INDEX workers_seen ON public.workers USING btree (last_seen);

-- functions

CREATE OR REPLACE FUNCTION public.agent_knowledge_activity()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM touch_sessions(ids) FROM (
    SELECT array_agg(DISTINCT source_session) AS ids FROM added WHERE source_session IS NOT NULL) wrote
  WHERE ids IS NOT NULL;
  RETURN NULL;
END
$function$;
CREATE OR REPLACE FUNCTION public.agent_knowledge_forgotten()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  DELETE FROM agent_context_cache WHERE starts_with(context_key, 'landing:');
  UPDATE agent_sessions s SET landing_context = s.landing_context - '{relevant_knowledge,recent_failures}'::text[]
    FROM before b, jsonb_build_array(jsonb_build_object('id', b.id)) item
    WHERE s.landing_context->'relevant_knowledge' @> item
      OR s.landing_context->'recent_failures' @> jsonb_build_array(jsonb_build_object('learned', item));
  RETURN NULL;
END
$function$;
CREATE OR REPLACE FUNCTION public.agent_sessions_audit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.agent_sessions_ended()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  NEW.ended_at := CASE WHEN NEW.status IN ('completed', 'failed') THEN clock_timestamp() END;
  RETURN NEW;
END
$function$;
CREATE OR REPLACE FUNCTION public.agent_sessions_parent()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.agent_tasks_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.agent_tasks_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.agent_tasks_row()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.agent_tasks_updated()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.artifacts_audit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM audit_append(entries) FROM (
    SELECT array_agg(jsonb_build_object('session_id', session_id, 'task_id', task_id, 'action_type', 'artifact_added',
      'output_data', jsonb_build_object('artifact_id', artifact_id, 'content_hash', content_hash,
        'content_bytes', content_bytes)) ORDER BY created_at, artifact_id) AS entries
    FROM added) made WHERE entries IS NOT NULL;
  RETURN NULL;
END
$function$;
CREATE OR REPLACE FUNCTION public.attempt_reserve(attempt uuid, amount numeric, task_max numeric, session_max numeric, day_max numeric)
 RETURNS TABLE(budget text, limit_usd numeric, taken_usd numeric, wait_seconds integer)
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.attempt_spent(attempt task_attempts)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT CASE
    WHEN attempt.ended_at IS NULL OR attempt.outcome IN ('completed', 'failed', 'timed_out')
      AND coalesce(attempt.failure_class, '') NOT IN ('not_started', 'invalid_input', 'worker_lost')
      THEN coalesce(attempt.cost_usd, attempt.reserved_usd, 0)
    ELSE coalesce(attempt.cost_usd, 0)
  END
$function$;
CREATE OR REPLACE FUNCTION public.audit_append(entries jsonb[])
 RETURNS SETOF agent_actions
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.audit_chain_of(session_id text, task_id text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT coalesce(session_id, 'task:' || task_id, 'system')
$function$;
CREATE OR REPLACE FUNCTION public.audit_chain_row()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.audit_detach_month(month date)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.audit_hash(a agent_actions)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
  SELECT encode(sha256(convert_to(a.previous_hash || audit_text(a), 'UTF8')), 'hex')
$function$;
CREATE OR REPLACE FUNCTION public.audit_insert(rows agent_actions[])
 RETURNS void
 LANGUAGE plpgsql
 SET "agent_turbo.audit_insert" TO 'on'
AS $function$
BEGIN
  INSERT INTO agent_actions SELECT * FROM unnest(rows);
END
$function$;
CREATE OR REPLACE FUNCTION public.audit_make_month(month date)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.audit_make_months()
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.audit_text(a agent_actions)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.conversation_chunks_audit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM audit_append(entries) FROM (
    SELECT array_agg(jsonb_build_object('session_id', session_id, 'action_type', 'conversation_added',
      'output_data', jsonb_build_object('chunk_id', chunk_id,
        'content_hash', encode(sha256(convert_to(content, 'UTF8')), 'hex'))) ORDER BY id) AS entries
    FROM added) said WHERE entries IS NOT NULL;
  RETURN NULL;
END
$function$;
CREATE OR REPLACE FUNCTION public.knowledge_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_notify('knowledge_changed', '');
  RETURN NULL;
END
$function$;
CREATE OR REPLACE FUNCTION public.landing_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_notify('landing_changed', TG_ARGV[0]);
  RETURN NULL;
END
$function$;
CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$function$;
CREATE OR REPLACE FUNCTION public.task_ancestors(ids text[])
 RETURNS text[]
 LANGUAGE sql
 STABLE
AS $function$
  WITH RECURSIVE above AS (
    SELECT unnest(ids) AS task_id
    UNION SELECT d.depends_on FROM above a JOIN task_dependencies d ON d.task_id = a.task_id
  )
  SELECT array_agg(task_id) FROM above
$function$;
CREATE OR REPLACE FUNCTION public.task_backoff(failures integer)
 RETURNS interval
 LANGUAGE sql
AS $function$
  SELECT least(10 * 2 ^ (least(failures, 10) - 1), 300) * (0.75 + random() / 2) * interval '1 second'
$function$;
CREATE OR REPLACE FUNCTION public.task_edge_state(after text, parent_status text, parent_skipped boolean)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT CASE
    WHEN parent_status = 'completed' OR parent_skipped THEN 'met'
    WHEN parent_status IS NULL OR task_ended(parent_status) THEN CASE "after" WHEN 'end' THEN 'met' ELSE 'failed' END
    ELSE 'open'
  END
$function$;
CREATE OR REPLACE FUNCTION public.task_ended(status text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT status IN ('completed', 'failed', 'cancelled')
$function$;
CREATE OR REPLACE FUNCTION public.task_free_slots(key text, slots integer)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('agent_turbo:concurrency:' || key, 0)) THEN
    RETURN 0;
  END IF;
  RETURN greatest(slots - (SELECT count(*) FROM task_leases WHERE concurrency_key = key), 0);
END
$function$;
CREATE OR REPLACE FUNCTION public.task_lane(platform text, role text, capabilities text[], concurrency_key text, concurrency_limit integer)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT jsonb_build_array(platform, role, capabilities, concurrency_key,
    CASE WHEN concurrency_key IS NOT NULL THEN concurrency_limit END)::text
$function$;
CREATE OR REPLACE FUNCTION public.task_moves(status text)
 RETURNS text[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT CASE status
    WHEN 'pending' THEN '{running,blocked,completed,failed,cancelled}'::text[]
    WHEN 'blocked' THEN '{pending,failed,cancelled}'
    WHEN 'running' THEN '{completed,failed,cancelled,pending,blocked}'
    WHEN 'completed' THEN '{pending,blocked}'
    WHEN 'failed' THEN '{pending,blocked}'
    WHEN 'cancelled' THEN '{pending,blocked}'
  END
$function$;
CREATE OR REPLACE FUNCTION public.task_queue_start(session text)
 RETURNS timestamp with time zone
 LANGUAGE sql
AS $function$
  SELECT greatest(now(), max(queue_start) + interval '1 second') FROM agent_tasks
  WHERE session_id = session AND queue_start IS NOT NULL
$function$;
CREATE OR REPLACE FUNCTION public.task_refuse_cycle(ids text[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.task_repair(ids text[])
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.task_settle(ids text[])
 RETURNS jsonb[]
 LANGUAGE plpgsql
 SET "agent_turbo.task_settle" TO 'on'
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.task_status_entry(task agent_tasks, from_status text)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
AS $function$
  SELECT jsonb_build_object('session_id', task.session_id, 'task_id', task.task_id, 'action_type', 'task_status',
    'action_description', format('%s -> %s', from_status, task.status),
    'success', task.status <> 'failed',
    'output_data', jsonb_strip_nulls(jsonb_build_object('from', from_status, 'to', task.status,
      'worker', task.assigned_worker_id, 'attempt', nullif(task.attempt_count, 0),
      'blocked_reason', task.metadata->'blocked_reason', 'blocked_by', task.metadata->'blocked_by',
      'skipped', task.metadata->'skipped')))
$function$;
CREATE OR REPLACE FUNCTION public.task_sync_edges(ids text[])
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.touch_sessions(ids text[])
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
$function$;

-- triggers

CREATE TRIGGER agent_accounts_landing AFTER INSERT OR DELETE OR UPDATE OF account_key, platform, paused_until, reason OR TRUNCATE ON public.agent_accounts FOR EACH STATEMENT EXECUTE FUNCTION landing_changed('accounts');
CREATE TRIGGER agent_actions_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.agent_actions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agent_actions_chain_row BEFORE INSERT ON public.agent_actions FOR EACH ROW WHEN ((current_setting('agent_turbo.audit_insert'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION audit_chain_row();
CREATE TRIGGER agent_knowledge_activity AFTER INSERT ON public.agent_knowledge REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION agent_knowledge_activity();
CREATE TRIGGER agent_knowledge_changed AFTER INSERT OR DELETE OR UPDATE OF content, title, knowledge_type, category, tags, project, scope, source_session, source_task, source_agent, source_url, source_commit, document_id, importance, valid_from, valid_to, superseded_by, expires_at, metadata, embedding_state, lexemes OR TRUNCATE ON public.agent_knowledge FOR EACH STATEMENT EXECUTE FUNCTION knowledge_changed();
CREATE TRIGGER agent_knowledge_forgotten AFTER DELETE ON public.agent_knowledge REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION agent_knowledge_forgotten();
CREATE TRIGGER agent_sessions_audit_delete AFTER DELETE ON public.agent_sessions REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION agent_sessions_audit();
CREATE TRIGGER agent_sessions_audit_insert AFTER INSERT ON public.agent_sessions REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION agent_sessions_audit();
CREATE TRIGGER agent_sessions_audit_update AFTER UPDATE ON public.agent_sessions REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION agent_sessions_audit();
CREATE TRIGGER agent_sessions_ended BEFORE UPDATE OF status ON public.agent_sessions FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION agent_sessions_ended();
CREATE TRIGGER agent_sessions_landing AFTER INSERT OR DELETE OR UPDATE OF status, agent_platform, agent_role, project, title, goal OR TRUNCATE ON public.agent_sessions FOR EACH STATEMENT EXECUTE FUNCTION landing_changed('sessions');
CREATE TRIGGER agent_sessions_parent AFTER INSERT OR UPDATE OF parent_session_id ON public.agent_sessions FOR EACH ROW WHEN ((new.parent_session_id IS NOT NULL)) EXECUTE FUNCTION agent_sessions_parent();
CREATE TRIGGER agent_tasks_deleted AFTER DELETE ON public.agent_tasks REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION agent_tasks_deleted();
CREATE TRIGGER agent_tasks_inserted AFTER INSERT ON public.agent_tasks REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION agent_tasks_inserted();
CREATE TRIGGER agent_tasks_row BEFORE INSERT OR UPDATE ON public.agent_tasks FOR EACH ROW EXECUTE FUNCTION agent_tasks_row();
CREATE TRIGGER agent_tasks_updated AFTER UPDATE ON public.agent_tasks REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT WHEN ((current_setting('agent_turbo.task_settle'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION agent_tasks_updated();
CREATE TRIGGER artifacts_audit AFTER INSERT ON public.artifacts REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION artifacts_audit();
CREATE TRIGGER conversation_chunks_audit AFTER INSERT ON public.conversation_chunks REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION conversation_chunks_audit();
CREATE TRIGGER embedding_spaces_changed AFTER INSERT OR DELETE OR UPDATE ON public.embedding_spaces FOR EACH STATEMENT EXECUTE FUNCTION knowledge_changed();
CREATE TRIGGER services_landing AFTER INSERT OR DELETE OR UPDATE OF service_name, node_name, service_type, url, port, version, status, detail OR TRUNCATE ON public.services FOR EACH STATEMENT EXECUTE FUNCTION landing_changed('services');
CREATE TRIGGER system_nodes_landing AFTER INSERT OR DELETE OR UPDATE OF node_name, node_role, status, facts OR TRUNCATE ON public.system_nodes FOR EACH STATEMENT EXECUTE FUNCTION landing_changed('nodes');
