import { defineConfig } from 'vite'

// Nothing is inlined and nothing is evaluated at run time, so that the page
// works under the Content-Security-Policy of embed.go. Vite stays at 7: npm
// leaves out the native parts of 8 where it runs on a Node as old as Debian's.
export default defineConfig({
  esbuild: { jsx: 'automatic' },
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    rollupOptions: {
      onwarn: (warning, warn) => {
        // 'use client' means nothing here, where all is client.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning)
      },
    },
  },
})
