import { sql } from 'drizzle-orm'

/**
 * The lanes in which tasks wait, each with the rank of its first, as the recursive part `heads` of a statement: one index
 * probe a lane, however many tasks wait.
 */
export const laneHeads = sql`
    heads as (
      (select lane, queue_rank from agent_tasks where queue_rank is not null
       order by lane, queue_rank, task_seq limit 1)
      union all
      select next.lane, next.queue_rank from heads cross join lateral (
        select t.lane, t.queue_rank from agent_tasks t
        where t.queue_rank is not null and t.lane > heads.lane
        order by t.lane, t.queue_rank, t.task_seq limit 1) next
    )`
