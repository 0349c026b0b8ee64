ALTER TABLE "knowledge_chunks" ADD COLUMN "lexemes" "tsvector";--> statement-breakpoint
CREATE INDEX "knowledge_chunks_passages" ON "knowledge_chunks" USING btree ("item_id") WHERE lexemes is not null;
--> statement-breakpoint
-- The words of passages stored before, and which of the item's identifiers (its lexemes without positions) they hold.
-- Offsets count UTF-16 units; beyond the Basic Multilingual Plane a passage is a few letters off here.
WITH long AS MATERIALIZED (
  SELECT k.id, k.content, ARRAY(SELECT u.lexeme FROM unnest(k.lexemes) u WHERE u.positions IS NULL) AS identifiers
  FROM agent_knowledge k WHERE EXISTS (SELECT FROM knowledge_chunks o WHERE o.item_id = k.id AND o.ordinal = 1)
),
passages AS MATERIALIZED (
  SELECT p.id, long.identifiers,
    concat_ws(E'\n', p.heading, p.heading, substr(content, p.start_offset + 1, p.end_offset - p.start_offset)) AS words
  FROM long JOIN knowledge_chunks p ON p.item_id = long.id WHERE p.start_offset < 200000
)
UPDATE knowledge_chunks c
SET lexemes = to_tsvector('english', p.words)
  || array_to_tsvector(ARRAY(SELECT i FROM unnest(p.identifiers) i WHERE position(i IN lower(p.words)) > 0))
FROM passages p WHERE p.id = c.id;
--> statement-breakpoint
-- Room for the next version of a row beside it: counting an access then touches no index. Without it each one inserts the
-- item's words into the full-text index anew.
ALTER TABLE agent_knowledge SET (fillfactor = 85);
