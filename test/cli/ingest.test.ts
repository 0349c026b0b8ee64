import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { documentOf, groupFiles, readBatch } from '../../src/cli/ingest/batches.ts'
import { commonFolder, selectFiles, splitPattern } from '../../src/cli/ingest/files.ts'

const root = mkdtempSync(join(tmpdir(), 'agent-turbo-ingest-'))
const repository = join(root, 'repository')

function write(path: string, content: string | Buffer = 'text'): void {
  mkdirSync(dirname(join(repository, path)), { recursive: true })
  writeFileSync(join(repository, path), content)
}

beforeAll(() => {
  for (const path of ['.git/config', 'node_modules/a/index.js', 'README.md', 'docs/a.md', 'docs/deep/b.md']) write(path)
  write('.gitignore', 'out/\n*.log\n')
  for (const path of ['out/made.md', 'docs/x.log', 'docs/keep.log', '.env', 'docs/logo.png', 'secret.md']) write(path)
  write('docs/.gitignore', '!keep.log\n')
  write('empty.md', '')
  symlinkSync(join(root), join(repository, 'loop'))
})

afterAll(() => rmSync(root, { recursive: true }))

async function namesOf(args: string[], gitignore = true): Promise<string[]> {
  const { files } = await selectFiles(args, { gitignore })
  return files.map(({ name }) => name)
}

describe('the files of a folder', () => {
  test('are told from those of a folder in it that cannot be read', async () => {
    const folder = join(root, 'deep')
    mkdirSync(folder)
    writeFileSync(join(folder, 'a.md'), 'text')
    expect((await selectFiles([folder], { gitignore: false })).unreadable).toEqual([])
    // A path longer than the system takes: unlike a folder without permissions, the administrator cannot read it either.
    const half = Array<string>(10).fill('d'.repeat(250))
    mkdirSync(join(folder, ...half), { recursive: true })
    mkdirSync(join(root, 'half', ...half), { recursive: true })
    renameSync(join(root, 'half'), join(folder, ...half, 'half'))
    const { files, unreadable } = await selectFiles([folder], { gitignore: false })
    execFileSync('rm', ['-rf', folder])
    expect(files.map(({ name }) => name)).toEqual(['a.md'])
    expect(unreadable).toEqual([expect.stringMatching(/^(d+\/)+half\/[d/]+$/)])
  })

  test('are those that a person would mean, by their path inside it', async () => {
    expect(await namesOf([repository])).toEqual([
      'README.md',
      'docs/a.md',
      'docs/deep/b.md',
      'docs/keep.log',
      'secret.md',
    ])
  })

  test('include ignored ones when asked, but never hidden ones, dependencies and other folders by links', async () => {
    const names = await namesOf([repository], false)
    expect(names).toContain('out/made.md')
    expect(names).toContain('docs/x.log')
    expect(names.filter((name) => /env|git|node_modules|loop/.test(name))).toEqual([])
  })

  test('follow the rules of the repository above', async () => {
    expect(await namesOf([join(repository, 'docs')])).toEqual(['a.md', 'deep/b.md', 'keep.log'])
  })

  test('are counted where they are left out', async () => {
    const { skipped, isWholeFolder, defaultSource } = await selectFiles([repository], { gitignore: true })
    expect(skipped).toEqual({ binary: 1, empty: 1, tooLarge: 0 })
    expect({ isWholeFolder, defaultSource }).toEqual({ isWholeFolder: true, defaultSource: repository })
  })
})

describe('other arguments', () => {
  test('a file that is named is taken even when it is ignored', async () => {
    expect(await namesOf([join(repository, 'docs/x.log')])).toEqual(['x.log'])
  })

  test('a pattern is relative to the folder before its first wildcard', async () => {
    const {
      root: folder,
      files,
      isWholeFolder,
    } = await selectFiles([join(repository, 'docs/**/*.md')], { gitignore: true })
    expect(folder).toBe(join(repository, 'docs'))
    expect(files.map(({ name }) => name)).toEqual(['a.md', 'deep/b.md'])
    expect(isWholeFolder).toBe(false)
  })

  test('several share the folder above them all, and no file is taken twice', async () => {
    expect(
      await namesOf([join(repository, 'docs/deep'), join(repository, 'docs'), join(repository, 'README.md')]),
    ).toEqual(['README.md', 'docs/a.md', 'docs/deep/b.md', 'docs/keep.log'])
  })

  test('what stands for nothing is refused', async () => {
    await expect(namesOf([join(repository, 'nowhere')])).rejects.toMatchObject({ code: 'not_found' })
  })

  test('folders have one above them all', () => {
    expect(commonFolder(['/a/b/c', '/a/bc'])).toBe('/a')
    expect(commonFolder(['/a/b', '/a/b/c'])).toBe('/a/b')
    expect(commonFolder(['/a', '/b'])).toBe('/')
  })

  test('a pattern at the root stays there', () => {
    expect(splitPattern('/*/x')).toEqual({ folder: '/', pattern: '*/x' })
  })
})

describe('batches', () => {
  const file = (bytes: number) => ({ path: 'p', name: 'n', bytes })

  test('are bounded in files and in bytes, and keep the order', () => {
    const files = [file(3_000_000), file(2_000_000), file(9_000_000), ...Array.from({ length: 21 }, () => file(1))]
    const groups = groupFiles(files)
    expect(groups.map(({ length }) => length)).toEqual([1, 1, 1, 20, 1])
    expect(groups.flat()).toEqual(files)
  })

  test('text goes as text, everything else as bytes', () => {
    expect(documentOf('a', Buffer.from('é'))).toEqual({ path: 'a', content: 'é' })
    expect(documentOf('b', Buffer.from([0xff, 0xfe]))).toEqual({ path: 'b', contentBase64: '//4=' })
    expect(documentOf('c', Buffer.from('a\0'))).toEqual({ path: 'c', contentBase64: 'YQA=' })
  })

  test('a file that has vanished is a failure of its own', async () => {
    const gone = { path: join(root, 'gone.md'), name: 'gone.md', bytes: 1 }
    const here = { path: join(repository, 'README.md'), name: 'README.md', bytes: 4 }
    expect(await readBatch([gone, here])).toEqual({
      documents: [{ path: 'README.md', content: 'text' }],
      unreadable: [{ path: 'gone.md', detail: 'cannot be read (ENOENT)' }],
    })
  })
})
