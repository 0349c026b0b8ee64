import type { FieldError } from '../../base/errors.ts'

/** A task of a batch: its id, and the ids of those it waits for. */
export interface GraphNode {
  taskId: string
  parents: readonly string[]
}

/** The nodes with every parent before its dependents, else in the order given; null when some are in a ring. */
export function inOrder<Node extends GraphNode>(nodes: readonly Node[]): Node[] | null {
  const ordered = peel(nodes)
  return ordered.length === nodes.length ? ordered : null
}

/** Node by node what depends on nothing that is left: all but those in a ring or behind one. */
function peel<Node extends GraphNode>(nodes: readonly Node[]): Node[] {
  const ids = new Set(nodes.map(({ taskId }) => taskId))
  const dependents = new Map<string, Node[]>()
  const left = new Map<string, number>()
  for (const node of nodes) {
    const inside = node.parents.filter((parent) => ids.has(parent))
    left.set(node.taskId, inside.length)
    for (const parent of inside) {
      const known = dependents.get(parent)
      if (known === undefined) dependents.set(parent, [node])
      else known.push(node)
    }
  }
  const peeled = nodes.filter(({ taskId }) => left.get(taskId) === 0)
  for (const { taskId } of peeled) {
    for (const dependent of dependents.get(taskId) ?? []) {
      const rest = (left.get(dependent.taskId) ?? 0) - 1
      left.set(dependent.taskId, rest)
      if (rest === 0) peeled.push(dependent)
    }
  }
  return peeled
}

/** One ring among nodes that cannot be put in order: `[a, b, a]` where a waits for b and b for a. */
function ringOf(nodes: readonly GraphNode[]): string[] {
  const peeled = new Set<GraphNode>(peel(nodes))
  const rest = new Map(nodes.filter((node) => !peeled.has(node)).map((node) => [node.taskId, node]))
  const trail: string[] = []
  // Each of the rest waits for another of them, so going up comes round.
  for (let id = rest.keys().next().value; id !== undefined; id = rest.get(id)?.parents.find((up) => rest.has(up))) {
    const at = trail.indexOf(id)
    if (at >= 0) return [...trail.slice(at), id]
    trail.push(id)
  }
  return trail
}

/** What is wrong with the ids and edges of a batch, by itself: ids given twice, tasks that wait for themselves, rings. */
export function graphErrors(nodes: readonly GraphNode[], pointerOf: (index: number) => string): FieldError[] {
  const errors: FieldError[] = []
  const first = new Map<string, number>()
  nodes.forEach(({ taskId, parents }, index) => {
    const before = first.get(taskId)
    if (before !== undefined) {
      errors.push({ pointer: `${pointerOf(index)}/task_id`, detail: `is the id of task ${before} of the batch too` })
    }
    first.set(taskId, before ?? index)
    if (parents.includes(taskId)) {
      errors.push({ pointer: `${pointerOf(index)}/depends_on_tasks`, detail: 'a task cannot wait for itself' })
    }
  })
  if (errors.length > 0 || inOrder(nodes) !== null) return errors
  const ring = ringOf(nodes)
  const detail = `these tasks wait for each other: ${ring.join(' -> ')}`
  return [{ pointer: `${pointerOf(first.get(ring[0] ?? '') ?? 0)}/depends_on_tasks`, detail }]
}
