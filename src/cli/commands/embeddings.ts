import { Option } from 'commander'
import { TurboError } from '../../base/errors.ts'
import type { InputOf, OutputOf } from '../../client/index.ts'
import type { Backend } from '../backend.ts'
import { type CommandFactory, command, plainCommand } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { Interrupted, pause } from '../exit.ts'
import { createProgress } from '../progress.ts'
import { renderEmbeddings } from '../render/store.ts'

const POLL_MS = 1_000

type Kind = InputOf<'useEmbeddings'>['kind']
type Reembedding = NonNullable<OutputOf<'getEmbeddings'>['reembedding']>

const KINDS: readonly Kind[] = ['builtin', 'service', 'openai', 'ollama', 'tei', 'onnx']

/** `embeddings`: which model makes the vectors. */
export const embeddingsCommand: CommandFactory = (bind) =>
  plainCommand('embeddings', 'Show or change the model that makes the vectors')
    .addCommand(statusCommand(bind), { isDefault: true })
    .addCommand(useCommand(bind))

const statusCommand: CommandFactory = (bind) =>
  command('status', 'Show the embedding spaces and what waits to be embedded (the default)', [
    'embeddings',
    'embeddings status --json',
  ]).action(
    bind(async ({ backend, terminal }) => {
      const store = await backend()
      await terminal.result(await store.call('getEmbeddings', {}), renderEmbeddings)
    }),
  )

const useCommand: CommandFactory = (bind) =>
  command('use', 'Embed everything with another model, then switch; queries are answered throughout', [
    'embeddings use nomic-embed-text --kind ollama',
    'embeddings use builtin',
  ])
    .argument('<model>', "the model's name, or builtin")
    .addOption(new Option('--kind <kind>', 'who runs it (default: as configured)').choices(KINDS))
    .option('--embedder-url <url>', 'where it runs (default: as configured, or the usual place)')
    .option('--no-wait', 'do not wait for the end; only with a server, which goes on by itself')
    .action(
      bind(async (context, model: string, options: UseOptions) => {
        const { terminal } = context
        const store = await context.backend()
        await store.call('useEmbeddings', await inputOf(context, model, options))
        if (!options.wait && store.place.kind === 'server') {
          return terminal.result(await store.call('getEmbeddings', {}), renderEmbeddings)
        }
        await follow(store, context)
        await terminal.result(await store.call('getEmbeddings', {}), renderEmbeddings)
      }),
    )

interface UseOptions {
  kind?: Kind
  embedderUrl?: string
  wait: boolean
}

async function inputOf(context: CommandContext, model: string, options: UseOptions): Promise<InputOf<'useEmbeddings'>> {
  if (model === 'builtin') return { kind: 'builtin' }
  const { embedder } = await context.config()
  const kind = options.kind ?? embedder.kind
  if (kind === undefined || kind === 'builtin') {
    throw new TurboError('invalid_input', `it is not said who runs the model ${model}`, {
      next: 'Add --kind service, openai, ollama, tei or onnx, or set AGENT_TURBO_EMBEDDER.',
    })
  }
  return { kind, model, url: options.embedderUrl ?? (kind === embedder.kind ? embedder.url : undefined) }
}

/** Shows how far the change is until it has ended. @throws TurboError when it failed */
async function follow(store: Backend, { terminal, signal }: CommandContext): Promise<void> {
  const bars = {
    embedding: await createProgress(terminal, 'embedding', 'chunks'),
    indexing: await createProgress(terminal, 'indexing', 'vectors'),
  }
  try {
    for (;;) {
      const { reembedding } = await store.call('getEmbeddings', {})
      if (reembedding === null || hasEnded(reembedding)) return
      const { phase, done, total } = reembedding
      if (phase === 'embedding' || phase === 'indexing') bars[phase].update(done, total)
      if (phase === 'indexing') bars.embedding.stop()
      await pause(POLL_MS, signal)
    }
  } catch (error) {
    bars.embedding.stop()
    bars.indexing.stop()
    if (error instanceof Interrupted) {
      terminal.note(
        store.place.kind === 'server'
          ? 'the server goes on; `agent-turbo embeddings` shows how far it is'
          : 'nothing has switched; run the same command again to go on where it ended',
      )
    }
    throw error
  } finally {
    bars.embedding.stop()
    bars.indexing.stop()
  }
}

function hasEnded({ phase, model, error }: Reembedding): boolean {
  if (phase === 'failed') {
    throw new TurboError('embedder_unavailable', `the change to ${model} failed: ${error ?? 'no reason given'}`, {
      next: 'The vectors in use are as before. Run the same command again to go on where it ended.',
    })
  }
  return phase === 'switched'
}
