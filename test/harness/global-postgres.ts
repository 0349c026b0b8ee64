import type { TestProject } from 'vitest/node'
import { sharedServerUrl } from '../../scripts/test-postgres.ts'
import { postgresTemplate } from './templates.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Connection string of the native server, as its administrator. */
    serverUrl: string
    /** Name of the migrated database to copy. */
    template: string
  }
}

/** Finds or starts the native server and makes the template database once. */
export async function setup(project: TestProject): Promise<void> {
  const url = await sharedServerUrl()
  project.provide('serverUrl', url)
  project.provide('template', await postgresTemplate(url))
}
