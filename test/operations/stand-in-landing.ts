import { TurboError } from '../../src/base/errors.ts'
import type { LandingService } from '../../src/orchestrator/index.ts'

const generatedAt = '2026-11-20T13:55:56.123456Z'

/** A landing context that says one thing in each section. */
export function standInLanding(enter: (verb: string, input: unknown) => Promise<void>): LandingService {
  const task = { taskId: 'task_1', type: 'analysis', priority: 5, description: 'look', waitsFor: ['task_0'] }
  const context = {
    systemNodes: [{ name: 'n', status: 'active', machine: '8 x CPU' }],
    activeServices: [{ name: 's', status: 'running', port: 5432 }],
    documentationSources: [{ source: 'docs', documents: 3 }],
    relevantKnowledge: [{ id: 1, type: 'fact', text: 'the pool has ten connections' }],
    recentFailures: [{ taskId: 'task_2', type: 'code', description: 'd', learned: [{ id: 1, text: 't' }] }],
    limits: [{ account: 'a', platform: 'codex', pausedUntil: generatedAt }],
    openWork: {
      counts: { running: 0, ready: '1000+' as const, blocked: 1 },
      running: [],
      ready: [],
      blocked: [task],
    },
    recentTasks: [{ taskId: 'task_1', type: 'analysis', status: 'blocked', description: 'look' }],
    activeSessions: {
      total: 1,
      sessions: [{ sessionId: 's_1', platform: 'codex', role: 'planner', status: 'active' }],
    },
    databaseStats: {
      ...{ totalSizeMb: 9.2, knowledgeItems: 1, documents: 3, sessions: 1, tasks: 2, actions: 0 },
      measuredAt: generatedAt,
    },
    errors: [{ section: 'limits', code: 'timeout' }],
    dropped: { lines: 2, sections: { 'openWork.ready': 2 } },
    generatedAt,
  }
  return {
    async landingContext(input) {
      await enter('landingContext', input)
      return input.format === 'markdown' ? '# Landing context' : context
    },
    async land(input) {
      await enter('land', input)
      return { context, version: '0123456789abcdef', tokens: 300 }
    },
    changed: () => {
      throw new TurboError('internal', 'no operation writes past the store')
    },
  }
}
