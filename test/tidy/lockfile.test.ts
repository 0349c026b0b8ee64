import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { repository } from './source.ts'

interface LockedPackage {
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

type Locked = Record<string, LockedPackage>

/** Dependencies that the lock does not hold, as `from > name`. */
function missingFrom(packages: Locked): string[] {
  return Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !placesOf(path, name).some((place) => place in packages))
      .map((name) => `${path} > ${name}`),
  )
}

/** Where Node looks for `name` from the package at `path`, nearest first. */
function placesOf(path: string, name: string): string[] {
  const folders = path === '' ? [''] : ['', ...path.split(/(?<=[^/])\/(?=node_modules\/)/)]
  return folders.map((_, end) => [...folders.slice(1, end + 1), `node_modules/${name}`].join('/')).reverse()
}

// A registry that lacks the binaries of another platform makes npm leave them out without a word: `npm ci` then fails,
// and an installation on that platform lacks them. Choose a version that the registry has for all platforms.
test('the lock holds every dependency, the binaries of other platforms too', () => {
  const { packages } = JSON.parse(readFileSync(`${repository}/package-lock.json`, 'utf8')) as { packages: Locked }
  expect(Object.keys(packages).length).toBeGreaterThan(100)
  expect(missingFrom(packages)).toEqual([])
})

test('a platform that was left out is found', () => {
  const packages = {
    '': { dependencies: { a: '1' } },
    'node_modules/a': { optionalDependencies: { 'a-linux': '1', 'a-darwin': '1', b: '1' } },
    'node_modules/a/node_modules/a-linux': { dependencies: { b: '1' } },
    'node_modules/b': {},
  }
  expect(missingFrom(packages)).toEqual(['node_modules/a > a-darwin'])
})
