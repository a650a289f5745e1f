/** A proxy before a server, of the kinds that stand before servers: it may refuse or hold back what is pushed. */
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestServer } from './servers'

export interface Passed {
  path: string
  status: number
  headers: IncomingHttpHeaders
}

/** What becomes of the stream of changes: passed on, answered with status 502, or kept until it ends. */
export type Pushing = 'pass' | 'drop' | 'buffer'

export class Proxy {
  /** Requests for pages, with their answers' status. */
  readonly passed: Passed[] = []
  private server: Server | undefined

  constructor(
    private target: TestServer,
    private pushing: Pushing,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${(this.server!.address() as AddressInfo).port}`
  }

  async start() {
    this.server = createServer((incoming, outgoing) => {
      const path = incoming.url ?? '/'
      if (path.startsWith('/api/ui/live')) {
        if (this.pushing === 'drop') return void outgoing.writeHead(502).end()
        if (this.pushing === 'buffer') return
      }
      const options = { port: this.target.port, host: '127.0.0.1', method: incoming.method, path, headers: incoming.headers }
      const forwarded = request(options, (answer) => {
        if (path.startsWith('/api/ui/pages')) this.passed.push({ path, status: answer.statusCode!, headers: incoming.headers })
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(outgoing)
      })
      forwarded.on('error', () => outgoing.headersSent || outgoing.writeHead(502).end())
      incoming.pipe(forwarded)
    })
    await new Promise<void>((resolve) => this.server!.listen(0, '127.0.0.1', resolve))
  }

  async stop() {
    this.server?.closeAllConnections()
    await new Promise((resolve) => this.server?.close(resolve))
  }
}
