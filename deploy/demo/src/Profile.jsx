import { useNavigate } from 'react-router'

import { authorize } from './api'
import { Avatar, Title, useGet, Waiting } from './page'
import { useAccessToken } from './session'

export default function Profile() {
  const navigate = useNavigate()
  const { data: user, stuck } = useGet('currentUser/')
  const token = useAccessToken()

  // An access token that has expired cannot be had by waiting: this one is as good.
  function spoil() {
    localStorage.setItem('access_token', 'expired')
    authorize('expired')
    window.location.reload()
  }
  return (
    <section className="narrow wide card">
      <Title>Profile</Title>
      {user
        ? (
          <>
            <div className="person">
              <Avatar name={user.first_name || user.username} large />
              <div>
                <p className="name">{user.first_name || user.username}</p>
                <p className="quiet">{user.email}</p>
              </div>
            </div>
            <dl>
              <div><dt>First name</dt><dd>{user.first_name || '–'}</dd></div>
              <div><dt>Username</dt><dd>{user.username || '–'}</dd></div>
              <div><dt>E-mail</dt><dd>{user.email || '–'}</dd></div>
              <div><dt>Access token</dt><dd><code>{token?.slice(0, 16)}…</code></dd></div>
            </dl>
            <h2>This session</h2>
            <div className="choice">
              <p id="spoil">Make the access token useless. The next call is refused, and the session renews itself.</p>
              <button type="button" aria-describedby="spoil" onClick={spoil}>Expire token</button>
            </div>
            <div className="choice">
              <p id="everywhere">End your sessions in this application on every device.</p>
              <button type="button" className="danger" aria-describedby="everywhere" onClick={() => navigate('/logout/', { state: { path: 'invalidate-sessions/' } })}>Log out everywhere</button>
            </div>
          </>
          )
        : <Waiting stuck={stuck} />}
    </section>
  )
}
