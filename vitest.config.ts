import { defineConfig } from 'vitest/config'

const suffixed = ['test/**/*.{db,pg,proc}.test.ts']
const setup = ['test/harness/setup.ts']

export default defineConfig({
  test: {
    // Two cores, and every embedded database is a WASM engine of 300 MB.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: suffixed } },
      {
        extends: true,
        test: {
          name: 'embedded',
          include: ['test/**/*.db.test.ts'],
          env: { ENGINE: 'embedded' },
          setupFiles: setup,
          globalSetup: 'test/harness/global-embedded.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: ['test/**/*.{db,pg}.test.ts'],
          env: { ENGINE: 'postgres' },
          setupFiles: setup,
          globalSetup: 'test/harness/global-postgres.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'process',
          include: ['test/**/*.proc.test.ts'],
          env: { ENGINE: 'embedded' },
          setupFiles: setup,
          globalSetup: ['test/harness/global-embedded.ts', 'test/harness/global-postgres.ts'],
          testTimeout: 120_000,
        },
      },
    ],
  },
})
