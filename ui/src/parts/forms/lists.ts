/** Lists that are written in one line. */

/** Return the tags of a text in which commas separate them. */
export function splitTags(text: string): string[] {
  return [...new Set(text.split(',').map((tag) => tag.trim()).filter(Boolean))]
}
