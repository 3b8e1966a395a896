import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router'

import { configure } from './api'
import App from './App'
import './style.css'

const root = createRoot(document.getElementById('root'))

// Where the tutorial has addresses and client in its source, this one asks for
// them: its server knows.
try {
  const answer = await fetch('/config.json')
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`)
  configure(await answer.json())
  root.render(<BrowserRouter><App /></BrowserRouter>)
} catch (error) {
  console.error(error)
  root.render(
    <main className="narrow">
      <section className="card" role="alert">
        <h1>This did not start</h1>
        <p>The server of this page did not say where the API is. Is it still running?</p>
      </section>
    </main>,
  )
}
