/** Parts of the store whose changes landing contexts must follow; also the payload of their notification. */
export const TOPICS = ['sessions', 'tasks', 'nodes', 'services', 'accounts', 'cache', 'knowledge'] as const

export type Topic = (typeof TOPICS)[number]

/** Who lands: what is chosen for them depends on all of it. */
export interface Landing {
  project?: string
  role?: string
  goal?: string
}

export type LandingFormat = 'json' | 'markdown'

export interface LandingInput extends Landing {
  /** Default `json`. */
  format?: LandingFormat
  /** Budget of the whole answer as it is sent, at least {@link MAX_TOKENS_MIN}; default {@link MAX_TOKENS_DEFAULT}. */
  maxTokens?: number
  /** Reads everything anew, whatever is cached. */
  fresh?: boolean
}

export const MAX_TOKENS_DEFAULT = 1_000
/** What the time, and the number of lines left out, need by themselves. */
export const MAX_TOKENS_MIN = 50

/** Counted no further than this: an exact number of a million waiting tasks helps nobody and costs much. */
export const COUNT_MAX = 1_000
/** A number, or as `1000+` that there are at least so many. */
export type BoundedCount = number | `${number}+`

export interface NodeLine {
  name: string
  role?: string
  status: string
  /** Operating system, processor, memory and graphics in one line. */
  machine?: string
}

export interface ServiceLine {
  name: string
  type?: string
  node?: string
  url?: string
  port?: number
  version?: string
  status: string
  detail?: string
}

export interface SourceLine {
  source: string
  project?: string
  documents: BoundedCount
}

export interface KnowledgeLine {
  id: number
  type: string
  project?: string
  title?: string
  /** The beginning of the item, or its passage that fits the goal best. */
  text: string
}

export interface FailureLine {
  taskId: string
  type: string
  failedAt?: string
  description: string
  error?: string
  /** What was stored of the task since. */
  learned?: { id: number; text: string }[]
}

export interface LimitLine {
  account: string
  platform: string
  pausedUntil: string
  reason?: string
}

export interface TaskLine {
  taskId: string
  type: string
  priority: number
  role?: string
  platform?: string
  worker?: string
  /** Tasks that must end first; the first few. */
  waitsFor?: string[]
  /** Why it is blocked, where that is not another task. */
  reason?: string
  description: string
}

export interface RecentTaskLine {
  taskId: string
  type: string
  status: string
  description: string
}

export interface SessionLine {
  sessionId: string
  platform: string
  role: string
  status: string
  project?: string
  goal?: string
}

export interface DatabaseStats {
  totalSizeMb: number
  knowledgeItems: number
  documents: number
  sessions: number
  tasks: number
  actions: number
  /** Since when the figures are these; they are measured every minute, or less often where that takes long. */
  measuredAt: string
}

/** A part that could not be read: the rest stands. */
export interface SectionError {
  section: string
  code: string
}

/** How many lines the budget left out, by section where there is room to say so. */
export interface Dropped {
  lines: number
  sections?: Record<string, number>
}

/**
 * What an agent must know when it starts. What changes least comes first, so that a prompt that begins with it stays
 * the same for long. A budget below {@link FULL_FRAME_TOKENS} leaves out the sections that it has no line for.
 */
export interface LandingContext {
  systemNodes?: NodeLine[]
  activeServices?: ServiceLine[]
  documentationSources?: SourceLine[]
  relevantKnowledge?: KnowledgeLine[]
  recentFailures?: FailureLine[]
  limits?: LimitLine[]
  openWork?: {
    counts?: { running: BoundedCount; ready: BoundedCount; blocked: BoundedCount }
    running?: TaskLine[]
    ready?: TaskLine[]
    blocked?: TaskLine[]
  }
  recentTasks?: RecentTaskLine[]
  activeSessions?: { total?: BoundedCount; sessions: SessionLine[] }
  databaseStats?: DatabaseStats | null
  errors?: SectionError[]
  dropped?: Dropped
  /** When this content came to be; kept while it stays the same. */
  generatedAt: string
}

/** The budget from which every section is named, also where it is empty. */
export const FULL_FRAME_TOKENS = 250

/** A landing context as one caller gets it. */
export interface LandingAnswer {
  /** The context, or as Markdown the prompt. */
  content: LandingContext | string
  /** Short hash of the content without its time. */
  version: string
  /** Of the answer as it is sent. */
  tokens: number
  generatedAt: string
}

/** What of the stored knowledge is worth knowing for somebody who starts. */
export interface RecalledItem {
  id: number
  knowledgeType: string
  project: string | null
  title: string | null
  text: string
}

/** Finds {@link RecalledItem}s by words of the goal and the role, filled up with the most important of the project. */
export type Recall = (landing: Landing) => Promise<RecalledItem[]>

export interface LandingService {
  /** The landing context in the asked format, from memory while nothing it says has changed. */
  landingContext(input: LandingInput): Promise<LandingContext | string>
  /** What a session that begins now is given. */
  land(input: Landing & { maxTokens?: number }): Promise<{ context: LandingContext; version: string; tokens: number }>
  /** This process wrote something: later answers say it. */
  changed(topics: readonly Topic[]): void
}
