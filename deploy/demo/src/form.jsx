import { useId, useRef, useState } from 'react'

import { problems } from './problems'

const none = { fields: {}, form: '' }

/**
 * The state of a form with the fields named. send(values) makes the call, done
 * gets the body of a good answer. The first faulty field takes the focus.
 */
export function useForm(names, send, done) {
  const [wrong, setWrong] = useState(none)
  const [busy, setBusy] = useState(false)
  const form = useRef(null)

  async function onSubmit(event) {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    setWrong(none)
    const sent = new FormData(form.current)
    const values = Object.fromEntries(names.map((name) => [name, sent.get(name) ?? '']))
    let found = none
    try {
      const answer = await send(values)
      // A 401 leaves nothing here: the interceptor is about to load a page.
      if (answer && answer.status < 300) return done(answer.data)
      if (answer) found = problems(answer, names)
    } catch (error) {
      if (error.response) return
      found = { fields: {}, form: 'The server cannot be reached.' }
    } finally {
      setBusy(false)
    }
    setWrong(found)
    const first = names.find((name) => found.fields[name])
    if (first) form.current?.elements[first]?.focus()
  }
  return { wrong, busy, props: { ref: form, onSubmit, noValidate: true, 'aria-busy': busy } }
}

/** A labelled input with its error, and a hint. */
export function Field({ name, label, hint, wrong, ...input }) {
  const id = useId()
  const error = wrong.fields[name]
  const said = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ')
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} name={name} aria-invalid={Boolean(error)} aria-describedby={said || undefined} {...input} />
      {hint && <p className="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p className="error" id={`${id}-error`}>{error}</p>}
    </div>
  )
}

/** What is wrong with the form as a whole; read out as it appears. */
export function FormError({ wrong }) {
  return <div aria-live="assertive">{wrong.form && <p className="alarm">{wrong.form}</p>}</div>
}

/** The button that sends a form. */
export function Submit({ busy, children }) {
  return <button className="primary" type="submit" aria-disabled={busy}>{busy ? 'One moment…' : children}</button>
}
