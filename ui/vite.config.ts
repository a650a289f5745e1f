import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type Plugin } from 'vite'

// `make ui-dev SERVER=http://127.0.0.1:4200` shows the sources over the data of a running server.
const server = process.env.SERVER ?? 'http://127.0.0.1:4200'

/** Add the document in which diagrams are drawn. Its programs are no modules: it has no origin that may load those. */
function diagramDocument(): Plugin {
  const MERMAID = 'node_modules/@mermaid-js/tiny'
  let scripts: string[] = []
  return {
    name: 'diagram-document',
    apply: 'build',
    buildStart() {
      const add = (name: string, path: string) => this.emitFile({ type: 'asset', name, source: readFileSync(path) })
      scripts = [add('mermaid.js', `${MERMAID}/dist/mermaid.tiny.js`), add('diagram.js', 'src/diagrams/draw.js')]
    },
    generateBundle() {
      const tags = scripts.map((script) => `<script src="${this.getFileName(script)}"></script>`).join('')
      this.emitFile({ type: 'asset', fileName: 'diagram.html', source: `<!doctype html><html lang="en"><meta charset="utf-8"><title>Diagram</title><body>${tags}</body></html>` })
      this.emitFile({ type: 'asset', fileName: 'license-mermaid.txt', source: readFileSync(`${MERMAID}/LICENSE`) })
    },
  }
}

/** Keep the files that browsers cache as the server sends them: a quarter of their size. */
function compressedAssets(): Plugin {
  return {
    name: 'compressed-assets',
    apply: 'build',
    writeBundle({ dir }) {
      const assets = join(dir!, 'assets')
      for (const name of readdirSync(assets)) {
        writeFileSync(join(assets, `${name}.gz`), gzipSync(readFileSync(join(assets, name)), { level: 9 }))
        rmSync(join(assets, name))
      }
    },
  }
}

export default defineConfig({
  base: './',
  plugins: [svelte(), diagramDocument(), compressedAssets()],
  build: {
    outDir: '../src/prefect/server/app/page_files',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // Those of the libraries in it.
    license: { fileName: 'licenses.md' },
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // The server says what to load: the few chunks of a page are loaded by the page itself.
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        // What more than one page uses is one file, so that a page needs two. Libraries for some pages are loaded by those.
        manualChunks: (id: string) => (id.includes('/src/pages/') || /node_modules\/(?!svelte\/|esm-env\/|clsx\/)/.test(id) ? undefined : 'frame'),
      },
    },
  },
  server: { proxy: { '/api': server } },
})
