/** What the document says of its server. */
export interface ServerFacts {
  api: string
  version: string
  csrf: boolean
  auth: boolean
}

const content = document.querySelector<HTMLMetaElement>('meta[name=server]')?.content

export const server: ServerFacts = content
  ? (JSON.parse(content) as ServerFacts)
  : { api: '/api', version: '', csrf: false, auth: false }

/** How far the server's clock is ahead of this browser's, in milliseconds. */
let ahead = 0

/** Answers say the time in whole seconds and take a while, so a smaller difference means nothing. */
const MIN_DIFFERENCE_MS = 3000

/** Compare the clocks, with the time that an answer says. */
export function compareClocks(date: string | null) {
  const difference = date ? Date.parse(date) + 500 - Date.now() : 0
  ahead = Math.abs(difference) < MIN_DIFFERENCE_MS ? 0 : difference
}

/** Return the time by the server's clock, in milliseconds: the browser's clock may be wrong. */
export function serverTime(): number {
  return Date.now() + ahead
}
