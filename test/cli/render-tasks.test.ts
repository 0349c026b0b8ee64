import { createColors } from 'picocolors'
import { describe, expect, test } from 'vitest'
import {
  progressLine,
  renderAttempts,
  renderCreated,
  renderGraph,
  renderTask,
  renderTasks,
} from '../../src/cli/render/tasks.ts'
import { summaryOf, taskOf } from '../operations/stand-in-tasks.ts'

const plain = { style: createColors(false), width: 100 }

describe('tasks', () => {
  test('a list tells what holds each task, and where it goes on', () => {
    const shown = renderTasks(
      {
        tasks: [
          summaryOf({ status: 'running', progressPercentage: 40 }),
          summaryOf({ taskId: 'b', status: 'blocked', blockedReason: 'dependencies', dependenciesLeft: 2 }),
          summaryOf({ taskId: 'c', status: 'blocked', blockedReason: 'review', taskDescription: 'a\u001b[31m\nb' }),
          summaryOf({ taskId: 'd', status: 'running', cancelRequestedAt: 'x' }),
        ],
        nextCursor: 'abc',
      },
      plain,
    )
    for (const part of ['running 40%', 'blocked by 2', 'blocked (review)', 'running (cancelling)', '--cursor abc'])
      expect(shown).toContain(part)
    expect(shown).not.toContain('\u001b')
    expect(renderTasks({ tasks: [], nextCursor: null }, plain)).toBe('no tasks that match')
  })

  test('one task shows why it waits, what it depends on, its runs and its result', () => {
    const shown = renderTask(taskOf({ outputData: { ok: true }, errorMessage: 'no', retryCount: 1 }), plain)
    for (const part of [
      'task_1  pending',
      'queue: number 1 of the tasks',
      '✓ task_0  completed',
      '1. 2026-11-20 13:55  released after 0 s on w1',
      '1 of 3, and 0 of 10 for lost workers',
      '$0.2500',
      '"ok": true',
    ])
      expect(shown).toContain(part)
    expect(renderAttempts({ attempts: taskOf().attempts, nextCursor: null }, plain)).toContain('released')
    expect(renderAttempts({ attempts: [], nextCursor: null }, plain)).toBe('not run yet')
  })

  test('one line says where a task stands', () => {
    expect(progressLine(taskOf())).toBe('task_1  pending  number 1 of the tasks that the same workers can run')
    const running = taskOf({ status: 'running', progressPercentage: 50, currentStep: 'tests', whyWaiting: [] })
    expect(progressLine(running)).toBe('task_1  running 50%  tests')
    expect(renderCreated({ taskId: 'a', status: 'pending', duplicate: true })).toBe('a has this key already (pending)')
  })

  test('a graph draws each task once, below the last that it depends on', () => {
    const tasks = [
      summaryOf({ taskId: 'a', status: 'completed' }),
      summaryOf({ taskId: 'b', dependsOnTasks: ['a'] }),
      summaryOf({ taskId: 'c', dependsOnTasks: ['a', 'b'] }),
      summaryOf({ taskId: 'd', dependsOnTasks: ['a'] }),
      summaryOf({ taskId: 'e', dependsOnTasks: ['elsewhere'] }),
    ]
    expect(renderGraph({ tasks }, plain).split('\n')).toEqual([
      'a  completed  look at it',
      '├─ b  pending  look at it',
      '│  └─ c  pending  look at it  after a, b',
      '└─ d  pending  look at it',
      'e  pending  look at it',
    ])
  })
})
