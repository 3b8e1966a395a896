import { useEffect, useRef, useState } from 'react'
import { Link } from 'react-router'

import { api } from './api'

/** A page's heading. It names the tab too, and takes the focus when the page is turned to. */
export function Title({ children }) {
  const heading = useRef(null)
  useEffect(() => {
    document.title = `${children} · Gatehouse demo`
    if (turned) heading.current.focus()
    turned = true
  }, [children])
  return <h1 ref={heading} tabIndex={-1}>{children}</h1>
}

let turned = false // the first page leaves the focus where the browser puts it

/** GETs path when shown: {data}, or {stuck: true} once it has taken too long. */
export function useGet(path) {
  const [state, setState] = useState({ data: null, stuck: false })
  useEffect(() => {
    let here = true
    const say = (next) => { if (here) setState(next) }
    // No answer: the interceptor swallowed it, and reloads the page if it can.
    const late = setTimeout(() => say({ data: null, stuck: true }), 5000)
    api.get(path).then(
      (answer) => {
        if (!answer) return
        clearTimeout(late)
        say({ data: answer.data, stuck: false })
      },
      (error) => { if (!error.response) say({ data: null, stuck: true }) },
    )
    return () => {
      here = false
      clearTimeout(late)
    }
  }, [path])
  return state
}

/** What stands in a page until it has its data. */
export function Waiting({ stuck }) {
  return (
    <div role="status">
      {stuck
        ? <p>This could not be loaded. Perhaps your session is over: <Link to="/login/">log in again</Link>.</p>
        : <p className="quiet">One moment…</p>}
    </div>
  )
}

/** A round picture with the first letter of a name. */
export function Avatar({ name, large }) {
  return <span className={large ? 'avatar large' : 'avatar'} aria-hidden="true">{([...(name || '?')][0]).toUpperCase()}</span>
}
