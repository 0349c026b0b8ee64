import { afterEach } from 'vitest'
import { outcome } from './outcome.ts'

afterEach(({ task }) => {
  if (task.result?.state === 'fail') outcome.failed = true
})
