import { useEffect, useState } from 'react'
import { Navigate, useLocation, useNavigate } from 'react-router'

import { Title } from './page'
import { forget, leave } from './session'

/**
 * Ends the session by the path in the location's state, so that a mere link to
 * this page ends nothing. The state outlives a reload: where the interceptor
 * had to renew an expired token first, the page comes back here and goes on.
 */
export default function LogOut() {
  const path = useLocation().state?.path
  const [stuck, setStuck] = useState(false)
  const navigate = useNavigate()
  useEffect(() => {
    if (!path) return
    const late = setTimeout(() => setStuck(true), 5000)
    leave(path).then(
      (done) => { if (done) navigate('/login/', { replace: true }) },
      (error) => { if (!error.response) setStuck(true) },
    )
    return () => clearTimeout(late)
  }, [path, navigate])

  function giveUp() {
    forget()
    navigate('/login/', { replace: true })
  }
  if (!path) return <Navigate replace to="/" />
  return (
    <section className="narrow card">
      <Title>Log out</Title>
      <div role="status">
        {stuck
          ? <p>The server did not confirm it. Your session may live on there.</p>
          : <p className="quiet">One moment…</p>}
      </div>
      {stuck && <button type="button" onClick={giveUp}>Forget it on this device</button>}
    </section>
  )
}
