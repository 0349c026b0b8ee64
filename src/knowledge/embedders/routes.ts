import type { HttpAnswer, HttpClient, HttpRequest } from './http-client.ts'

/** Paths at which servers of one dialect offer the same thing; the one that answered is remembered. */
export interface Routes {
  /** The first answer from a path that exists; undefined when none does. */
  post(client: HttpClient, request: Omit<HttpRequest, 'method' | 'path'>): Promise<HttpAnswer | undefined>
  reset(): void
}

export function createRoutes(paths: readonly string[]): Routes {
  let candidates = paths
  return {
    async post(client, request) {
      for (const path of candidates) {
        const answer = await client.request({ ...request, method: 'POST', path })
        if (isNoSuchRoute(answer)) continue
        candidates = [path]
        return answer
      }
      candidates = []
      return undefined
    },
    reset() {
      candidates = paths
    },
  }
}

/** 404 is also said of a model, but then with an error in JSON that is not the web framework's own. */
function isNoSuchRoute({ status, body }: HttpAnswer): boolean {
  if (status === 405) return true
  if (status !== 404) return false
  return typeof body !== 'object' || body === null || !('error' in body || 'message' in body)
}
