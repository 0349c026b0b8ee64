import type { Database } from '../../db/executor.ts'
import { clearAccount, pauseAccount } from './queries.ts'
import type { AccountService } from './types.ts'

export function createAccounts({ db }: { db: Database }): AccountService {
  return { pause: (pause) => pauseAccount(db, pause), clear: (accountKey) => clearAccount(db, accountKey) }
}
