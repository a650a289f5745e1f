/** Servers of this checkout in processes of their own, and what fills them. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const VENV = join(ROOT, process.env.VENV ?? '.venv', 'bin', 'python')
const PYTHON = existsSync(VENV) ? VENV : 'python3'
const START_MS = 60_000

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

async function end(process: ChildProcess | undefined) {
  if (!process || process.exitCode !== null) return
  const ended = new Promise((resolve) => process.once('exit', resolve))
  process.kill('SIGTERM')
  await ended
}

export class TestServer {
  readonly home = mkdtempSync(join(tmpdir(), 'page-'))
  private process: ChildProcess | undefined
  private programs: ChildProcess[] = []

  constructor(
    readonly port: number,
    private variables: Record<string, string> = {},
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start() {
    this.process = this.spawn(['-m', 'prefect', 'server', 'start', '--port', String(this.port)], this.variables)
    const until = Date.now() + START_MS
    while (!(await fetch(`${this.url}/api/health`).then((answer) => answer.ok, () => false))) {
      if (Date.now() > until || this.process.exitCode !== null) throw new Error('the server did not come up')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  private spawn(command: string[], variables: Record<string, string>): ChildProcess {
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PREFECT_')))
    return spawn(PYTHON, command, { env: { ...own, PREFECT_HOME: this.home, ...variables }, stdio: 'ignore' })
  }

  /** Run a program that talks to the server, until the server is removed; return its directory. */
  run(program: string): string {
    const path = join(this.home, 'program.py')
    writeFileSync(path, program)
    this.programs.push(this.spawn([path], { PREFECT_API_URL: `${this.url}/api` }))
    return this.home
  }

  async stop() {
    await end(this.process)
    this.process = undefined
  }

  async remove() {
    await Promise.all(this.programs.map(end))
    await this.stop()
    rmSync(this.home, { recursive: true, force: true })
  }

  fill(runs: number) {
    const filled = spawnSync(PYTHON, ['-m', 'tools.page_demo', `${this.url}/api`, String(runs)], { cwd: ROOT, encoding: 'utf8' })
    if (filled.status !== 0) throw new Error(filled.stderr)
  }

  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const options: RequestInit = { method, headers: { 'content-type': 'application/json' } }
    if (body !== undefined) options.body = JSON.stringify(body)
    const answer = await fetch(`${this.url}/api${path}`, options)
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return (answer.status === 204 ? undefined : await answer.json()) as T
  }

  /** Send records of the journal, which say what happened and when. */
  async record(...records: object[]) {
    const answer = await fetch(`${this.url}/api/journal`, { method: 'POST', body: records.map((record) => JSON.stringify(record)).join('\n') })
    if (!answer.ok) throw new Error(`POST /journal: ${answer.status} ${await answer.text()}`)
  }

  async findRun(name: string): Promise<string> {
    const page = await this.call<{ rows: { id: string; name: string; run_seconds: number }[] }>('GET', `/ui/pages/runs?q=name:${encodeURIComponent(`"${name}"`)}&chart=false&sort=-duration`)
    return page.rows[0]!.id
  }
}
