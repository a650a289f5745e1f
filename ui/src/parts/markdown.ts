/** Markdown as a tree that is drawn with elements: no HTML of the text is ever used. */

export type Inline = { kind: 'text' | 'code' | 'math' | 'link' | 'image'; text: string; href?: string } | { kind: 'bold' | 'italic' | 'struck'; inlines: Inline[] }

/** An item of a list; `checked` is of a task. */
export interface Item {
  checked?: boolean
  blocks: Block[]
}

export type Block =
  | { kind: 'heading'; level: number; inlines: Inline[] }
  | { kind: 'paragraph'; inlines: Inline[] }
  | { kind: 'quote'; blocks: Block[] }
  | { kind: 'code'; text: string; language: string }
  | { kind: 'math'; text: string }
  | { kind: 'list'; ordered: boolean; start: number; items: Item[] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'rule' }

// Dollars are around a formula where no space is inside of them, and no digit follows: `$5 and $6` is none.
// Underscores emphasize whole words only: `order_line_id` is a name.
const INLINE = /\\([!-/:-@[-`{-~])|`([^`]+)`|\$(?![\s$])((?:\\.|[^$\\])*?[^\s\\$])\$(?!\d)|\*\*(.+?)\*\*|(?<!\w)__(.+?)__(?!\w)|~~(.+?)~~|\*([^*\s][^*]*)\*|(?<!\w)_([^_\s][^_]*)_(?!\w)|!\[([^\]]*)\]\(([^)\s]+)[^)]*\)|\[([^\]]+)\]\(([^)\s]+)[^)]*\)|(https?:\/\/[^\s<)]+)/g

/** Return a link if it is one that a page may follow. */
function safe(href: string): string | undefined {
  return /^(https?:|mailto:|\/)/i.test(href) ? href : undefined
}

export function parseInlines(text: string): Inline[] {
  const found: Inline[] = []
  let from = 0
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) found.push({ kind: 'text', text: text.slice(from, match.index) })
    const [whole, escaped, code, math, strong, strong2, struck, em, em2, alt, src, label, href, bare] = match
    const bold = strong ?? strong2
    const italic = em ?? em2
    if (escaped !== undefined) found.push({ kind: 'text', text: escaped })
    else if (code !== undefined) found.push({ kind: 'code', text: code })
    else if (math !== undefined) found.push({ kind: 'math', text: math })
    else if (bold !== undefined) found.push({ kind: 'bold', inlines: parseInlines(bold) })
    else if (struck !== undefined) found.push({ kind: 'struck', inlines: parseInlines(struck) })
    else if (italic !== undefined) found.push({ kind: 'italic', inlines: parseInlines(italic) })
    else {
      const target = safe((src ?? href ?? bare) as string)
      const shown = label ?? (src !== undefined ? alt || src : whole)
      found.push(target ? { kind: src !== undefined ? 'image' : 'link', text: shown as string, href: target } : { kind: 'text', text: shown as string })
    }
    from = match.index + whole.length
  }
  if (from < text.length) found.push({ kind: 'text', text: text.slice(from) })
  return found
}

/** Lists and quotes that are nested deeper are shown as text: a text of others must not exhaust the stack. */
const MAX_DEPTH = 20

const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(\s+)(.*)$/

/** Return the blocks of a text. */
export function parseMarkdown(text: string): Block[] {
  return parseLines(text.replace(/\r/g, '').replace(/^\t+/gm, (tabs) => '    '.repeat(tabs.length)).split('\n'), 0)
}

/** @param depth in how many lists and quotes the lines are. */
function parseLines(lines: string[], depth: number): Block[] {
  const blocks: Block[] = []
  let n = 0
  while (n < lines.length) {
    const line = lines[n] as string
    const heading = /^(#{1,6})\s+(.*)$/.exec(line)
    const fence = /^\s*(```|~~~)(\S*)/.exec(line)
    if (!line.trim()) n += 1
    else if (/^\s*\$\$/.test(line)) n = addMath(blocks, lines, n)
    else if (fence) n = addCode(blocks, lines, n, fence[1] as string, fence[2] ?? '')
    else if (heading) {
      blocks.push({ kind: 'heading', level: heading[1]!.length, inlines: parseInlines(heading[2]!) })
      n += 1
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      blocks.push({ kind: 'rule' })
      n += 1
    } else if (line.includes('|') && /^\s*\|?[\s:|-]+\|[\s:|-]*$/.test(lines[n + 1] ?? '')) n = addTable(blocks, lines, n)
    else if (depth < MAX_DEPTH && ITEM.test(line)) n = addList(blocks, lines, n, depth)
    else if (depth < MAX_DEPTH && /^\s*>/.test(line)) n = addQuote(blocks, lines, n, depth)
    else n = addText(blocks, lines, n)
  }
  return blocks
}

/** Return the words of a text in one line, for lists. */
export function toPlainText(text: string): string {
  return describeBlocks(parseMarkdown(text)).replace(/\s+/g, ' ')
}

function describeBlocks(blocks: Block[]): string {
  const lines = blocks.map((block) => {
    if ('inlines' in block) return describeInlines(block.inlines)
    if ('blocks' in block) return describeBlocks(block.blocks)
    if (block.kind === 'list') return block.items.map((item) => describeBlocks(item.blocks)).join(', ')
    if (block.kind === 'table') return [block.head, ...block.rows].map((row) => row.map(describeInlines).join(' ')).join(', ')
    return block.kind === 'rule' ? '' : block.text
  })
  return lines.filter(Boolean).join(' ')
}

function describeInlines(inlines: Inline[]): string {
  return inlines.map((inline) => ('inlines' in inline ? describeInlines(inline.inlines) : inline.text)).join('')
}

function addCode(blocks: Block[], lines: string[], begin: number, mark: string, language: string): number {
  let n = begin + 1
  const code: string[] = []
  while (n < lines.length && !lines[n]!.trim().startsWith(mark)) code.push(lines[n++] as string)
  const text = code.join('\n')
  blocks.push(['math', 'latex', 'tex'].includes(language) ? { kind: 'math', text } : { kind: 'code', text, language })
  return n + 1
}

/** Add a formula between double dollars, on one line or on more. */
function addMath(blocks: Block[], lines: string[], begin: number): number {
  let n = begin
  const text: string[] = [lines[n++]!.trim().slice(2)]
  while (n < lines.length && !text.at(-1)!.trim().endsWith('$$')) text.push(lines[n++] as string)
  blocks.push({ kind: 'math', text: text.join('\n').trim().replace(/\$\$$/, '').trim() })
  return n
}

function addTable(blocks: Block[], lines: string[], begin: number): number {
  const cells = (line: string) => line.trim().replace(/^\||\|$/g, '').split('|').map((cell) => parseInlines(cell.trim()))
  let n = begin + 2
  const rows: Inline[][][] = []
  while (n < lines.length && lines[n]!.includes('|')) rows.push(cells(lines[n++] as string))
  blocks.push({ kind: 'table', head: cells(lines[begin] as string), rows })
  return n
}

/** Add a list: what is indented below an item belongs to it, and is parsed like a text of its own. */
function addList(blocks: Block[], lines: string[], begin: number, depth: number): number {
  const [, indent, mark] = ITEM.exec(lines[begin]!) as RegExpExecArray
  const isOrdered = (mark: string) => /\d/.test(mark)
  const within = indent!.length + 2
  const items: string[][] = []
  let content = 0 // where the text of the present item begins
  /** Return the item that a line begins, if it is one of this list. */
  const matchItem = (line: string) => {
    const item = ITEM.exec(line)
    return item && item[1]!.length < within && isOrdered(item[2]!) === isOrdered(mark!) ? item : undefined
  }
  let n = begin
  for (; n < lines.length; n += 1) {
    let next = n
    while (next < lines.length && !lines[next]!.trim()) next += 1
    const line = lines[next] ?? ''
    const indented = line.search(/\S/)
    const item = matchItem(line)
    if (item) {
      content = line.length - item[4]!.length
      items.push([item[4]!])
    } else if (indented >= within) items.at(-1)!.push(...(next > n ? [''] : []), line.slice(Math.min(indented, content)))
    else if (next === n && indented > indent!.length && !ITEM.test(line)) items.at(-1)!.push(line.trim())
    else break
    n = next
  }
  blocks.push({ kind: 'list', ordered: isOrdered(mark!), start: parseInt(mark!, 10) || 0, items: items.map((item) => parseItem(item, depth + 1)) })
  return n
}

function parseItem(lines: string[], depth: number): Item {
  const task = /^\[([ xX])\]\s+(.*)$/.exec(lines[0] as string)
  if (!task) return { blocks: parseLines(lines, depth) }
  return { checked: task[1] !== ' ', blocks: parseLines([task[2] as string, ...lines.slice(1)], depth) }
}

function addQuote(blocks: Block[], lines: string[], begin: number, depth: number): number {
  let n = begin
  const text: string[] = []
  while (n < lines.length && lines[n]!.trim() && (/^\s*>/.test(lines[n]!) || !startsBlock(lines[n]!))) text.push(lines[n++]!.replace(/^\s*>\s?/, ''))
  blocks.push({ kind: 'quote', blocks: parseLines(text, depth + 1) })
  return n
}

const startsBlock = (line: string) => /^(#{1,6}\s|\s*(\$\$|```|~~~|>|[-*+]\s|\d+[.)]\s))/.test(line)

function addText(blocks: Block[], lines: string[], begin: number): number {
  const text: string[] = []
  let n = begin
  while (n < lines.length && lines[n]!.trim() && (n === begin || !startsBlock(lines[n]!))) text.push(lines[n++] as string)
  blocks.push({ kind: 'paragraph', inlines: parseInlines(text.join('\n')) })
  return n
}
