import pg from 'pg'
import { itemText } from '../corpus.ts'

export interface Sizes {
  actions: number
  tasks: number
  items: number
  sessions: number
}

export const PROJECTS = 20
const ITEMS_A_STATEMENT = 2_000

/** Fills a migrated, empty store with rows as the product would have left them, past the triggers that would make them one by one. */
export async function fill(url: string, sizes: Sizes): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`set session_replication_role = replica; set synchronous_commit = off`)
  await client.query(
    `insert into agent_sessions (session_id, agent_platform, agent_role, project, goal, created_at)
     select 'codex_executor_' || lpad(to_hex(n), 8, '0'), 'codex', 'executor', 'p' || n % ${PROJECTS},
       'work on part ' || n, now() - make_interval(secs => n) from generate_series(1, $1::int) n`,
    [sizes.sessions],
  )
  await client.query(
    `insert into agent_tasks (task_id, task_type, task_description, status, project, session_id, queue_rank, created_at,
       started_at, completed_at, error_message, depends_on_tasks, dependencies_left, metadata)
     select 'task_' || lpad(to_hex(n), 12, '0'), 'code', 'Change part ' || n || ' of the service and test it', status,
       'p' || n % ${PROJECTS}, 'codex_executor_' || lpad(to_hex(n % greatest($2::int, 1) + 1), 8, '0'),
       case when status = 'pending' then at end, at, at, case when status in ('completed', 'failed') then at end,
       case when status = 'failed' then 'test number ' || n || ' fails' end,
       case when status = 'blocked' then array['task_' || lpad(to_hex(n - ${PROJECTS}), 12, '0')] else '{}' end,
       (status = 'blocked')::int, case when status = 'blocked' then '{"blocked_reason": "dependencies"}'::jsonb else '{}' end
     from generate_series(1, $1::int) n,
       lateral (select (array['completed','completed','completed','completed','completed','failed','pending','pending',
         'blocked', case when n % 100 = 0 then 'running' else 'completed' end])[(n / ${PROJECTS}) % 10 + 1] as status,
         now() - make_interval(secs => n) as at) s`,
    [sizes.tasks, sizes.sessions],
  )
  await client.query(
    `insert into task_dependencies (task_id, depends_on)
     select task_id, depends_on_tasks[1] from agent_tasks where status = 'blocked'`,
  )
  await client.query(
    `insert into agent_actions (action_id, chain_id, seq, session_id, action_type, action_description, executed_at,
       previous_hash, hash)
     select 'action_' || n, 'c' || n % 500, n / 500 + 1, 'c' || n % 500, 'command', 'ran command ' || n, now(),
       repeat('0', 64), repeat('0', 64) from generate_series(1, $1::int) n`,
    [sizes.actions],
  )
  for (let from = 0; from < sizes.items; from += ITEMS_A_STATEMENT) {
    const count = Math.min(ITEMS_A_STATEMENT, sizes.items - from)
    const texts = Array.from({ length: count }, (_, index) => itemText(from + index))
    await client.query(
      `insert into agent_knowledge (content, content_hash, project, source_task, importance, embedding_state, lexemes)
       select content, encode(sha256(convert_to(content || n, 'UTF8')), 'hex'), 'p' || n % ${PROJECTS},
         'task_' || lpad(to_hex(n), 12, '0'), (n * 7919 % 100) / 100.0, 'ready', to_tsvector('english', content)
       from (select content, $2::int + position as n from unnest($1::text[]) with ordinality u(content, position)) t`,
      [texts, from],
    )
  }
  await client.query(
    `insert into system_nodes (node_name, facts)
     select 'node-' || n, '{"os": "Debian 12", "cpu": "Xeon", "cores": 8}' from generate_series(1, 5) n`,
  )
  await client.query(
    `insert into services (service_name, node_name, service_type, port)
     select 'service-' || n, 'node-' || (n % 5 + 1), 'api', 8000 + n from generate_series(1, 10) n`,
  )
  await client.query(
    `insert into knowledge_lexicon (lexeme, documents)
     select word, ndoc from ts_stat('select lexemes from agent_knowledge') where word <> ''
     on conflict (lexeme) do update set documents = excluded.documents`,
  )
  await client.query(
    `update knowledge_corpus set through_id = k.last, items = k.items, lexemes = k.lexemes
     from (select max(id) as last, count(*) as items, sum(length(lexemes)) as lexemes from agent_knowledge) k`,
  )
  await client.query('vacuum analyze')
  await client.end()
}
