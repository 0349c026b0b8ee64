-- Vectors stay in the row: an exact scan then reads pages in order instead of fetching each vector from elsewhere.
ALTER TABLE knowledge_vectors ALTER COLUMN embedding SET STORAGE PLAIN;
--> statement-breakpoint
INSERT INTO knowledge_corpus DEFAULT VALUES;
--> statement-breakpoint
-- Whatever changes what a query may find tells every process, plain SQL included. Access counts do not.
CREATE FUNCTION knowledge_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('knowledge_changed', '');
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_knowledge_changed
AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF content, title, knowledge_type, category, tags, project, scope,
  source_session, source_task, source_agent, source_url, source_commit, document_id, importance, valid_from, valid_to,
  superseded_by, expires_at, metadata, embedding_state, lexemes
ON agent_knowledge FOR EACH STATEMENT EXECUTE FUNCTION knowledge_changed();
--> statement-breakpoint
CREATE TRIGGER embedding_spaces_changed
AFTER INSERT OR DELETE OR UPDATE ON embedding_spaces FOR EACH STATEMENT EXECUTE FUNCTION knowledge_changed();
--> statement-breakpoint
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
--> statement-breakpoint
CREATE TRIGGER agent_actions_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON agent_actions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
