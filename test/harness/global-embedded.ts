import { embeddedTemplate } from './templates.ts'

/** Makes the template once, before the test files that copy it. */
export async function setup(): Promise<void> {
  await embeddedTemplate()
}
