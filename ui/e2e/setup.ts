/** One server with five thousand runs, for all tests. */
import { existsSync } from 'node:fs'
import type { TestProject } from 'vitest/node'
import { freePort, TestServer } from './servers'

export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const RUNS = Number(process.env.RUNS ?? 5000)

declare module 'vitest' {
  interface ProvidedContext {
    port: number
  }
}

export default async function setup(project: TestProject) {
  if (process.env.PAGE_URL) return void project.provide('port', 0)
  if (!existsSync(CHROMIUM)) {
    if (process.env.CI) throw new Error(`There is no browser at ${CHROMIUM}: install Debian's chromium, or name another with CHROMIUM.`)
    project.provide('port', 0)
    return
  }
  const server = new TestServer(await freePort())
  await server.start()
  server.fill(RUNS)
  project.provide('port', server.port)
  return () => server.remove()
}
