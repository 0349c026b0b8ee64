-- What the migrations in this folder add up to. Written by `tsx scripts/schema-dump.ts`; do not edit.

-- extensions

create extension vector;

-- tables

create table agent_actions (
  action_id text not null,
  session_id text,
  task_id text,
  seq bigint,
  action_type text not null,
  action_description text,
  input_data jsonb,
  output_data jsonb,
  success boolean default true not null,
  error_message text,
  execution_time_ms real,
  changed_files text[],
  commands_executed text[],
  executed_at timestamp with time zone default now() not null,
  previous_hash text,
  hash text,
  metadata jsonb default '{}'::jsonb not null
);
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
  metadata jsonb default '{}'::jsonb not null
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
  metadata jsonb default '{}'::jsonb not null
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
create table system_nodes (
  node_name text not null,
  node_role text,
  status text default 'active'::text not null,
  facts jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  last_seen timestamp with time zone default now() not null
);

-- constraints

alter table agent_actions add constraint agent_actions_pkey PRIMARY KEY (action_id);
alter table agent_context_cache add constraint agent_context_cache_pkey PRIMARY KEY (context_key);
alter table agent_knowledge add constraint agent_knowledge_content_hash CHECK ((content_hash ~ '^[0-9a-f]{64}$'::text));
alter table agent_knowledge add constraint agent_knowledge_embedding_state CHECK ((embedding_state = ANY (ARRAY['pending'::text, 'ready'::text])));
alter table agent_knowledge add constraint agent_knowledge_importance CHECK (((importance >= (0)::double precision) AND (importance <= (1)::double precision)));
alter table agent_knowledge add constraint agent_knowledge_pkey PRIMARY KEY (id);
alter table agent_knowledge add constraint agent_knowledge_document_id_documents_id_fk FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE SET NULL;
alter table agent_knowledge add constraint agent_knowledge_superseded_by_agent_knowledge_id_fk FOREIGN KEY (superseded_by) REFERENCES agent_knowledge(id) ON DELETE SET NULL;
alter table agent_sessions add constraint agent_sessions_pkey PRIMARY KEY (session_id);
alter table agent_sessions add constraint agent_sessions_status CHECK ((status = ANY (ARRAY['active'::text, 'idle'::text, 'paused'::text, 'completed'::text, 'failed'::text])));
alter table agent_tasks add constraint agent_tasks_pkey PRIMARY KEY (task_id);
alter table agent_tasks add constraint agent_tasks_priority CHECK (((task_priority >= 1) AND (task_priority <= 10)));
alter table agent_tasks add constraint agent_tasks_progress CHECK (((progress_percentage >= 0) AND (progress_percentage <= 100)));
alter table agent_tasks add constraint agent_tasks_review CHECK ((review_status = ANY (ARRAY['none'::text, 'approved'::text, 'rejected'::text, 'needs_revision'::text])));
alter table agent_tasks add constraint agent_tasks_status CHECK ((status = ANY (ARRAY['pending'::text, 'blocked'::text, 'running'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])));
alter table agent_tasks add constraint agent_tasks_session_id_agent_sessions_session_id_fk FOREIGN KEY (session_id) REFERENCES agent_sessions(session_id) ON DELETE SET NULL;
alter table api_keys add constraint "api_keys_keyHash_unique" UNIQUE (key_hash);
alter table api_keys add constraint api_keys_pkey PRIMARY KEY (id);
alter table api_keys add constraint api_keys_scopes CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['read'::text, 'write'::text, 'worker'::text, 'admin'::text])));
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
alter table system_nodes add constraint system_nodes_pkey PRIMARY KEY (node_name);

-- indexes

CREATE INDEX agent_actions_executed ON public.agent_actions USING btree (executed_at);
CREATE INDEX agent_actions_session ON public.agent_actions USING btree (session_id, seq);
CREATE UNIQUE INDEX agent_knowledge_current_content ON public.agent_knowledge USING btree (content_hash, COALESCE(project, ''::text), scope, COALESCE(document_id, (0)::bigint)) WHERE (valid_to IS NULL);
CREATE INDEX agent_knowledge_document ON public.agent_knowledge USING btree (document_id) WHERE (document_id IS NOT NULL);
CREATE INDEX agent_knowledge_expires_at ON public.agent_knowledge USING btree (expires_at) WHERE ((expires_at IS NOT NULL) AND (valid_to IS NULL));
CREATE INDEX agent_knowledge_lexemes ON public.agent_knowledge USING gin (lexemes);
CREATE INDEX agent_knowledge_pending ON public.agent_knowledge USING btree (id) WHERE (embedding_state = 'pending'::text);
CREATE INDEX agent_knowledge_project ON public.agent_knowledge USING btree (project, id);
CREATE INDEX agent_knowledge_scope ON public.agent_knowledge USING btree (scope, id) WHERE (scope <> 'global'::text);
CREATE INDEX agent_knowledge_session ON public.agent_knowledge USING btree (source_session) WHERE (source_session IS NOT NULL);
CREATE INDEX agent_knowledge_superseded_by ON public.agent_knowledge USING btree (superseded_by) WHERE (superseded_by IS NOT NULL);
CREATE INDEX agent_knowledge_tags ON public.agent_knowledge USING gin (tags);
CREATE INDEX agent_knowledge_type ON public.agent_knowledge USING btree (knowledge_type, id);
CREATE INDEX agent_sessions_created ON public.agent_sessions USING btree (created_at);
CREATE INDEX agent_tasks_created ON public.agent_tasks USING btree (created_at);
CREATE INDEX agent_tasks_session ON public.agent_tasks USING btree (session_id);
CREATE UNIQUE INDEX documents_identity ON public.documents USING btree (COALESCE(project, ''::text), source, path);
CREATE UNIQUE INDEX embedding_spaces_identity ON public.embedding_spaces USING btree (model, dimensions, prefix_scheme);
CREATE UNIQUE INDEX embedding_spaces_one_active ON public.embedding_spaces USING btree (status) WHERE (status = 'active'::text);
CREATE INDEX idempotency_keys_expires_at ON public.idempotency_keys USING btree (expires_at);
CREATE UNIQUE INDEX knowledge_chunks_item ON public.knowledge_chunks USING btree (item_id, ordinal);
CREATE INDEX knowledge_chunks_passages ON public.knowledge_chunks USING btree (item_id) WHERE (lexemes IS NOT NULL);
CREATE INDEX knowledge_revisions_item ON public.knowledge_revisions USING btree (item_id, id);
CREATE INDEX knowledge_vectors_fresh ON public.knowledge_vectors USING btree (space_id, chunk_id) WHERE (NOT indexed);
CREATE INDEX knowledge_vectors_item ON public.knowledge_vectors USING btree (item_id, space_id);

-- functions

CREATE OR REPLACE FUNCTION public.knowledge_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_notify('knowledge_changed', '');
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

-- triggers

CREATE TRIGGER agent_actions_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.agent_actions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agent_knowledge_changed AFTER INSERT OR DELETE OR UPDATE OF content, title, knowledge_type, category, tags, project, scope, source_session, source_task, source_agent, source_url, source_commit, document_id, importance, valid_from, valid_to, superseded_by, expires_at, metadata, embedding_state, lexemes OR TRUNCATE ON public.agent_knowledge FOR EACH STATEMENT EXECUTE FUNCTION knowledge_changed();
CREATE TRIGGER embedding_spaces_changed AFTER INSERT OR DELETE OR UPDATE ON public.embedding_spaces FOR EACH STATEMENT EXECUTE FUNCTION knowledge_changed();
