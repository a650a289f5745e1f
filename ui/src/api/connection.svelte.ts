/** Whether the server was reached by the last request: if not, open pages show what it answered before. */
export const connection = $state({
  /** When a request first failed since the server was last reached; undefined while it is reached. */
  lostAt: undefined as Date | undefined,
})

/** Note whether a request has reached the server. */
export function noteReached(reached: boolean) {
  if (reached) connection.lostAt = undefined
  else connection.lostAt ??= new Date()
}
