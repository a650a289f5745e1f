import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// `make ui-dev SERVER=http://127.0.0.1:4200` shows the sources over the data of a running server.
const server = process.env.SERVER ?? 'http://127.0.0.1:4200'

export default defineConfig({
  base: './',
  plugins: [svelte()],
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
