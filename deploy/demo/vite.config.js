import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Nothing is inlined and nothing is evaluated at run time, so that the page
// works under the Content-Security-Policy of embed.go.
export default defineConfig({
  plugins: [react()],
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
})
