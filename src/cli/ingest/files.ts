import { type Dirent, readdir } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { TurboError } from '../../base/errors.ts'
import { GitIgnore, slashed } from './ignored.ts'

/** The reader's own limit for a document. */
const FILE_BYTES_MAX = 20_000_000
/** Folders that hold what others wrote or what a tool made. */
const SKIPPED_FOLDERS = ['**/.git/**', '**/node_modules/**', '**/__pycache__/**', '**/.venv/**']

/** File names that end like this hold no text that could be read. */
const BINARY = new RegExp(
  `\\.(${[
    'png jpe?g gif webp avif ico bmp tiff? heic psd mp3 wav flac ogg m4a mp4 m4v mov avi mkv webm',
    'zip gz tgz bz2 xz zst 7z rar tar jar war whl deb rpm dmg iso apk',
    'exe dll so dylib o a lib obj class pyc wasm node bin dat pack idx',
    'woff2? ttf otf eot sqlite3? db mdb parquet arrow npy npz pt onnx safetensors gguf',
    'docx? xlsx? pptx? odt ods odp keynote pages numbers',
  ]
    .join(' ')
    .replaceAll(' ', '|')})$`,
  'i',
)

/** A file to ingest. */
export interface SourceFile {
  /** Where it is. */
  path: string
  /** Its path inside the source, with forward slashes: what it is stored under. */
  name: string
  bytes: number
}

/** What the arguments of `ingest` stand for. */
export interface Selection {
  /** The folder that stored paths are relative to. */
  root: string
  /** What the source is called when nobody says: its whole path, as two folders called `docs` are not one source. */
  defaultSource: string
  /** Sorted by name. */
  files: SourceFile[]
  /** True when one whole folder was named: a file that is not in it has vanished. */
  isWholeFolder: boolean
  /** Folders that could not be read: what is in them is unknown. */
  unreadable: string[]
  /** Files left out, by reason. */
  skipped: { binary: number; empty: number; tooLarge: number }
}

export interface SelectOptions {
  /** Leave out what `.gitignore` files name; files that are named themselves are taken all the same. */
  gitignore: boolean
}

/**
 * Finds the files that `args` (files, folders, glob patterns) stand for.
 *
 * @throws TurboError `not_found` for an argument that stands for nothing
 */
export async function selectFiles(args: readonly string[], { gitignore }: SelectOptions): Promise<Selection> {
  const ignored = gitignore ? new GitIgnore() : null
  const found = await Promise.all(args.map((arg) => expand(arg, ignored)))
  const root = commonFolder(found.map(({ folder }) => folder))
  const paths = [...new Set(found.flatMap((one) => one.paths))]
  const skipped = { binary: 0, empty: 0, tooLarge: 0 }
  const files: SourceFile[] = []
  for (const path of paths.sort()) {
    const { size: bytes } = await stat(path).catch(() => ({ size: 1 })) // vanished or closed: reading it will say so
    if (BINARY.test(path)) skipped.binary++
    else if (bytes === 0) skipped.empty++
    else if (bytes > FILE_BYTES_MAX) skipped.tooLarge++
    else files.push({ path, name: slashed(relative(root, path)), bytes })
  }
  const isWholeFolder = found.length === 1 && found[0]?.kind === 'folder'
  const unreadable = found.flatMap((one) => one.unreadable).map((path) => slashed(relative(root, path)) || '.')
  return { root, defaultSource: slashed(root), files, isWholeFolder, unreadable, skipped }
}

interface Expanded {
  kind: 'file' | 'folder' | 'pattern'
  /** The folder that the argument's paths are below. */
  folder: string
  paths: string[]
  unreadable: string[]
}

async function expand(arg: string, ignored: GitIgnore | null): Promise<Expanded> {
  const path = resolve(arg)
  const found = await stat(path).catch(() => null)
  if (found?.isFile()) return { kind: 'file', folder: dirname(path), paths: [path], unreadable: [] }
  if (found?.isDirectory()) return { kind: 'folder', folder: path, ...(await filesBelow(path, '**/*', ignored)) }
  if (!isDynamicPattern(arg)) {
    throw new TurboError('not_found', `there is no file or folder ${arg}`, {
      next: 'Check the path; quote a pattern such as "docs/**/*.md".',
    })
  }
  const { folder, pattern } = splitPattern(arg)
  return { kind: 'pattern', folder, ...(await filesBelow(folder, pattern, ignored)) }
}

async function filesBelow(
  folder: string,
  pattern: string,
  ignored: GitIgnore | null,
): Promise<Pick<Expanded, 'paths' | 'unreadable'>> {
  const unreadable: string[] = []
  const names = await glob(pattern, {
    cwd: folder,
    ignore: SKIPPED_FOLDERS,
    followSymbolicLinks: false,
    fs: { readdir: readdirTelling((path) => unreadable.push(path)) as typeof readdir },
  })
  const paths = names.map((name) => join(folder, name))
  if (ignored === null) return { paths, unreadable }
  const verdicts = await Promise.all(paths.map((path) => ignored.ignores(path)))
  return { paths: paths.filter((_, index) => !verdicts[index]), unreadable }
}

type Listed = (error: NodeJS.ErrnoException | null, entries: Dirent[]) => void

/** `readdir` that tells of folders it cannot read, over which a walk passes in silence. One that is gone has vanished. */
function readdirTelling(tell: (path: string) => void) {
  return (path: string, options: { withFileTypes: true }, done: Listed): void =>
    readdir(path, options, (error, entries) => {
      if (error !== null && error.code !== 'ENOENT') tell(path)
      done(error, entries)
    })
}

/** The part of a pattern before its first wildcard, and the rest. */
export function splitPattern(arg: string): { folder: string; pattern: string } {
  const parts = arg.split('/')
  const first = parts.findIndex((part) => isDynamicPattern(part))
  return {
    folder: resolve(parts.slice(0, first).join('/') || (arg.startsWith('/') ? '/' : '.')),
    pattern: parts.slice(first).join('/'),
  }
}

/** The deepest folder that all `folders` (absolute) are in or are. */
export function commonFolder(folders: readonly string[]): string {
  const [first = resolve('.'), ...others] = folders
  let common = first
  for (const folder of others)
    while (!`${folder}/`.startsWith(common === '/' ? '/' : `${common}/`)) common = dirname(common)
  return common
}
