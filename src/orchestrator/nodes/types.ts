/** What a machine is, as measured on it. Sizes in gigabytes of 10^9 bytes. */
export interface NodeFacts {
  os: string
  kernel: string
  architecture: string
  cpu: string
  cores: number
  ramGb: number
  /** Models; empty where there is none, or none that tells of itself. */
  gpus: string[]
  /** Of what the server runs on: node, agent-turbo, postgresql, pgvector. */
  versions: Record<string, string>
}

export const NODE_STATUSES = ['active', 'inactive', 'maintenance'] as const
export type NodeStatus = (typeof NODE_STATUSES)[number]

export const SERVICE_STATUSES = ['running', 'degraded', 'stopped', 'unknown'] as const
export type ServiceStatus = (typeof SERVICE_STATUSES)[number]

export interface SystemNode {
  name: string
  role: string | null
  /** `unknown` where an active one was not seen for {@link UNSEEN_SECONDS}. */
  status: NodeStatus | 'unknown'
  facts: Record<string, unknown>
  createdAt: string
  lastSeen: string
}

export interface Service {
  name: string
  node: string | null
  type: string | null
  url: string | null
  port: number | null
  version: string | null
  /** `unknown` where one that ran was not seen for {@link UNSEEN_SECONDS}. */
  status: ServiceStatus
  detail: string | null
  metadata: Record<string, unknown>
  createdAt: string
  lastSeen: string
}

/** What is not given stays as it is. */
export interface PutNodeInput {
  name: string
  role?: string | null
  status?: NodeStatus
  facts?: Record<string, unknown>
}

export interface PutServiceInput {
  name: string
  node?: string | null
  type?: string | null
  url?: string | null
  port?: number | null
  version?: string | null
  status?: ServiceStatus
  detail?: string | null
  metadata?: Record<string, unknown>
}

/** What was not seen for this long may be gone: it is shown as `unknown`. A server tells of itself six times meanwhile. */
export const UNSEEN_SECONDS = 90

/** @throws TurboError `not_found` where there is none of the name */
export interface NodesService {
  listNodes(): Promise<{ nodes: SystemNode[] }>
  getNode(name: string): Promise<SystemNode>
  /** Makes it or changes it; it counts as seen. */
  putNode(input: PutNodeInput): Promise<SystemNode>
  listServices(): Promise<{ services: Service[] }>
  getService(name: string): Promise<Service>
  putService(input: PutServiceInput): Promise<Service>
}

/** What a server tells of itself. */
export interface Presence {
  url: string
  /** How it is at this moment. */
  health(): Promise<{ status: 'running' | 'degraded'; detail: string | null }>
}
