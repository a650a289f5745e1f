/** What artifacts hold. */

/** Return the link that a text of markdown is, if it is nothing else: programs create links so. */
export function readLink(data: unknown): { href: string; label: string } | undefined {
  const [, label, href] = (typeof data === 'string' && /^\[([^\]]*)\]\((https?:[^)]+)\)$/.exec(data.trim())) || []
  return href ? { href, label: label || href } : undefined
}

/** Return what an artifact is called: its type, or `link`. */
export function describeType(artifact: { type?: string | null; data?: unknown }): string {
  return artifact.type === 'markdown' && readLink(artifact.data) ? 'link' : (artifact.type ?? 'data')
}
