ALTER TABLE "knowledge_chunks" ADD COLUMN "lexemes" "tsvector";--> statement-breakpoint
CREATE INDEX "knowledge_chunks_passages" ON "knowledge_chunks" USING btree ("item_id") WHERE lexemes is not null;
--> statement-breakpoint
-- The words of passages stored before. Offsets count UTF-16 units; beyond the Basic Multilingual Plane a passage is a few
-- letters off here.
UPDATE knowledge_chunks c
SET lexemes = to_tsvector('english', concat_ws(E'\n', c.heading, c.heading,
  substr(k.content, c.start_offset + 1, c.end_offset - c.start_offset)))
FROM agent_knowledge k
WHERE k.id = c.item_id AND c.start_offset < 200000
  AND EXISTS (SELECT FROM knowledge_chunks o WHERE o.item_id = c.item_id AND o.ordinal = 1);
--> statement-breakpoint
-- Room for the next version of a row beside it: counting an access then touches no index. Without it each one inserts the
-- item's words into the full-text index anew.
ALTER TABLE agent_knowledge SET (fillfactor = 85);
