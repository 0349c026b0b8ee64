/** Whether a test of this file has failed; its database is kept then, to be looked at. */
export const outcome = { failed: false }
