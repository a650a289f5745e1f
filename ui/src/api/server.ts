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
